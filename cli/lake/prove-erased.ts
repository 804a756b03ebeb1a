/**
 * `hitlake lake prove-erased`: looks itself into data folder or object store, with the server running or not, for what was
 * erased. Reads only: the control store is read from a copy, for a running server locks its file.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { nodeDisk } from '../../core/adapters/node/node-disk.ts'
import { systemTimers } from '../../core/adapters/node/system.ts'
import type { Config } from '../../core/config/parse-config.ts'
import { CommandError } from '../../core/errors.ts'
import { type MerchantId, merchantIdPattern } from '../../core/ids.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { ControlStore } from '../../core/ports/control-store.ts'
import { type Erasure, type ErasureSubject, erasuresPageMax } from '../../core/ports/erasure-store.ts'
import { createHasher } from '../../core/sketch/hasher.ts'
import { openDatabase } from '../../lakehouse/adapters/duckdb/database.ts'
import { createErasedParquet } from '../../lakehouse/adapters/duckdb/erased-parquet.ts'
import { createErasedRecords } from '../../lakehouse/adapters/duckdb/erased-records.ts'
import { searchedFolder } from '../../lakehouse/adapters/local/searched-files.ts'
import type { RecordSearch, SearchedFiles } from '../../lakehouse/core/erasure-proof/ports.ts'
import { proveErased } from '../../lakehouse/core/erasure-proof/prove.ts'
import type { ErasedQuestion } from '../../lakehouse/core/erasure-proof/question.ts'
import { type Unread, verdictOf } from '../../lakehouse/core/erasure-proof/report.ts'
import type { Terminal } from '../client/terminal.ts'
import { openStoreCopy } from '../embedded/control-store-copy.ts'
import { dataFolderNames } from '../embedded/data-folder.ts'
import { whoseOf } from '../erase/erase-command.ts'
import { proofLines } from './prove-erased-text.ts'

/** Memory that DuckDB may take for reading files. */
export const proofMemoryBytes = 1_024 * 1_048_576

export interface ProveOptions {
  readonly merchant?: string
  readonly visitor?: string
  readonly user?: string
  readonly all?: true
  /** An instant; where left out, that of the erasure, or now. */
  readonly through?: string
  /** Its number; in place of all the others. */
  readonly erasure?: number
  readonly json?: true
}

export interface ProveContext {
  readonly config: Config
  readonly terminal: Terminal
  readonly clock: Clock
}

/** What is searched, and what cannot be from here. */
export interface SearchedPlace {
  readonly files: SearchedFiles
  readonly records: RecordSearch
  readonly isControlStore: (object: string) => boolean
  readonly store: Pick<ControlStore, 'merchant' | 'erasure' | 'erasures'>
  /** Asked when it is known up to when. */
  elsewhere(question: ErasedQuestion): Promise<readonly Unread[]>
  close(): Promise<void>
}

/** 0 proven, 1 found, 2 nothing found but not all could be read. @throws CommandError where nothing can be asked so */
export async function proveErasedHere(context: ProveContext, options: ProveOptions): Promise<0 | 1 | 2> {
  const { config, terminal } = context
  const scratch = await mkdtemp(join(tmpdir(), 'hitlake-prove-'))
  const instance = await openDatabase({
    file: ':memory:',
    memoryLimitBytes: proofMemoryBytes,
    threads: config.duckdbThreads,
    scratch: join(scratch, 'duckdb'),
  })
  try {
    const place =
      config.mode === 'embedded'
        ? await openFolder(resolve(config.dataDir), scratch)
        : await (await import('./prove-erased-cluster.ts')).openClusterPlace(config, scratch)
    try {
      const question = await questionOf(place.store, options, context.clock)
      const found = await proveErased({
        ...place,
        question,
        parquet: createErasedParquet({ instance, timers: systemTimers }),
        onProgress: progress(terminal),
      })
      const proof = { ...found, unread: [...found.unread, ...(await place.elsewhere(question))] }
      const verdict = verdictOf(proof)
      if (terminal.progress.isTerminal) terminal.progress.write('\r\u001b[K')
      if (options.json === true) {
        const { merchant, subject, through } = question
        terminal.out(JSON.stringify({ merchant, subject, through: new Date(through).toISOString(), verdict, ...proof }))
      } else for (const line of proofLines(question, proof, verdict)) terminal.out(line)
      return verdict === 'proven' ? 0 : verdict === 'found' ? 1 : 2
    } finally {
      await place.close()
    }
  } finally {
    instance.closeSync()
    await rm(scratch, { recursive: true, force: true })
  }
}

/** What is asked for, with the moment and the hash that the store knows of. @throws CommandError */
async function questionOf(store: SearchedPlace['store'], options: ProveOptions, clock: Clock): Promise<ErasedQuestion> {
  const { merchant, subject, through } = await askedOf(store, options, clock)
  const known = await store.merchant(merchant)
  const visitorHash =
    subject.kind === 'visitor' && known !== undefined
      ? (await createHasher()).visitorHash(known.visitorSeed, subject.value)
      : null
  return { merchant, subject, through, visitorHash }
}

async function askedOf(store: SearchedPlace['store'], options: ProveOptions, clock: Clock) {
  if (options.erasure !== undefined) {
    const erasure = await store.erasure(options.erasure)
    if (erasure === undefined) throw new CommandError(`there is no erasure ${options.erasure}; see hitlake erasures`)
    return erasure
  }
  const { merchant: id = '' } = options
  if (!merchantIdPattern.test(id)) throw new CommandError('name the merchant by --merchant, or an erasure by --erasure')
  const merchant = id as MerchantId
  const whose = whoseOf(options)
  const subject: ErasureSubject =
    'visitor' in whose
      ? { kind: 'visitor', value: whose.visitor }
      : 'user' in whose
        ? { kind: 'user', value: whose.user }
        : { kind: 'merchant' }
  if (options.through !== undefined) {
    const through = Date.parse(options.through)
    if (Number.isNaN(through)) throw new CommandError('--through must be an instant, such as 2026-03-01T10:00:00Z')
    return { merchant, subject, through }
  }
  const erasure = await findErasure(store, merchant, subject)
  return { merchant, subject, through: erasure?.through ?? clock.now() }
}

async function findErasure(
  store: SearchedPlace['store'],
  merchant: MerchantId,
  subject: ErasureSubject,
): Promise<Erasure | undefined> {
  const wanted = JSON.stringify([subject.kind, subject.kind === 'merchant' ? null : subject.value])
  const keyOf = (each: ErasureSubject) => JSON.stringify([each.kind, each.kind === 'merchant' ? null : each.value])
  for (let after = 0; ; ) {
    const page = await store.erasures({ merchant, after, limit: erasuresPageMax })
    const found = page.find((each) => keyOf(each.subject) === wanted)
    if (found !== undefined || page.length < erasuresPageMax) return found
    after = page.at(-1)?.id ?? Number.POSITIVE_INFINITY
  }
}

/** The data folder of an embedded server. @throws CommandError where there is none */
async function openFolder(dataDir: string, scratch: string): Promise<SearchedPlace> {
  const { controlStore } = dataFolderNames
  const { store, instance, bytes, close } = await openStoreCopy(dataDir, scratch, proofMemoryBytes)
  return {
    files: searchedFolder(nodeDisk(dataDir)),
    records: createErasedRecords(instance, { name: controlStore, bytes }),
    isControlStore: (object) => object === controlStore || object === `${controlStore}.wal`,
    store,
    elsewhere: async () => [],
    close,
  }
}

function progress({ progress: out }: Terminal): (done: number, of: number, object: string) => void {
  if (!out.isTerminal) return () => undefined
  return (done, of, object) =>
    out.write(`\r\u001b[K${`${done + 1} of ${of}  ${object}`.slice(0, (out.width ?? 80) - 1)}`)
}
