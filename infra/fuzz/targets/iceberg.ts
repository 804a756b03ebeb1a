/**
 * Files of an Iceberg table that anybody may have written: metadata, manifest lists, manifests. Promise: a scan of the table
 * is planned, or refused with an error of ours; a scan that leaves out what a filter cannot want is part of the whole one;
 * metadata that is read is the same after it was printed.
 */
import { isDeepStrictEqual } from 'node:util'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { memoryObjectStore } from '../../../core/adapters/memory/memory-object-store.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import {
  CorruptTableError,
  RefNotFoundError,
  SnapshotNotFoundError,
  UnsupportedTableError,
} from '../../../core/errors.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import { appendFiles } from '../../../lakehouse/core/iceberg/append.ts'
import { tableLayout } from '../../../lakehouse/core/iceberg/layout.ts'
import {
  currentSnapshot,
  history,
  printMetadata,
  snapshotInfo,
  type TableMetadata,
} from '../../../lakehouse/core/iceberg/metadata.ts'
import { createPruner } from '../../../lakehouse/core/iceberg/prune.ts'
import { readMetadata } from '../../../lakehouse/core/iceberg/read-metadata.ts'
import { resolveSnapshot } from '../../../lakehouse/core/iceberg/read-ref.ts'
import { planScan, wholeTable } from '../../../lakehouse/core/iceberg/read-scan.ts'
import { TableReader } from '../../../lakehouse/core/iceberg/table-reader.ts'
import { hitsTable } from '../../../schemas/tables.ts'
import { readCorpus } from '../corpus.ts'
import { mutateContainer } from '../iceberg-files.ts'
import { mutateJson } from '../mutate-json.ts'
import { type FuzzTarget, type OpenTarget, promised, type Verdict } from '../target.ts'

/** Of the examples: any further part of the table is taken from these. */
const sound = 'table'
const day = 20_513
const metadataName = 'lake/hits/metadata/v3.metadata.json'
const layout = tableLayout(hitsTable, 'file:///lake')

type Part = 'metadata' | 'list' | 'manifest'
const names: Readonly<Record<Part, string>> = {
  metadata: 'iceberg-metadata',
  list: 'iceberg-manifest-list',
  manifest: 'iceberg-manifest',
}

function partOf(object: string): Part | undefined {
  if (object.endsWith('.metadata.json')) return 'metadata'
  return /\/snap-[^/]*\.avro$/.test(object) ? 'list' : /\.avro$/.test(object) ? 'manifest' : undefined
}

/** Three publications of two files each. */
async function tableFiles(): Promise<Readonly<Record<Part, readonly Buffer[]>>> {
  const objects = memoryObjectStore()
  const reader = new TableReader({ objects, definition: hitsTable, layout })
  const options = { objects, definition: hitsTable, layout, reader, random: seededRandom(5), clock: new ManualClock() }
  const bound = (text: string) => new Map([[1, Buffer.from(text)]])
  for (let id = 1; id <= 3; id++) {
    const files = ['a', 'b'].map((letter, i) => ({
      ...{ name: `lake/hits/data/_gen=1/time_day=2026-03-0${i + 1}/p${id}${letter}.parquet`, partition: [1, day + i] },
      ...{ rows: 10, bytes: 1_000, columnBytes: new Map([[1, 99]]), valueCounts: new Map([[1, 10]]) },
      ...{ nullCounts: new Map([[1, 0]]), lowerBounds: bound('shop'), upperBounds: bound('shop-z') },
    }))
    await appendFiles(options, id, files)
  }
  const found: Record<Part, Buffer[]> = { metadata: [], list: [], manifest: [] }
  for (const name of await objects.list('')) {
    const part = partOf(name)
    if (part !== undefined) found[part].push((await objects.get(name)) as Buffer)
  }
  await objects.cleanup()
  return found
}

/** A store in which a name says only of what kind the file is: the manifests are given in the order they are asked for. */
function storeOf(parts: Parts): ObjectStore {
  const manifests: string[] = []
  const bytesOf = (name: string) => {
    const part = partOf(name)
    if (part !== 'manifest') return part && parts[part]
    if (!manifests.includes(name)) manifests.push(name)
    return parts.manifests[manifests.indexOf(name)]
  }
  const store: Pick<ObjectStore, 'get' | 'size' | 'list'> = {
    get: async (name) => bytesOf(name),
    size: async (name) => bytesOf(name)?.length,
    list: async () => [],
  }
  return store as ObjectStore
}

interface Parts {
  readonly metadata: Buffer
  readonly list: Buffer
  readonly manifests: readonly Buffer[]
}

async function judge(parts: Parts): Promise<Verdict> {
  const reader = new TableReader({ objects: storeOf(parts), definition: hitsTable, layout })
  const refusals = [CorruptTableError, UnsupportedTableError, SnapshotNotFoundError, RefNotFoundError]
  try {
    const metadata = await reader.metadataIn(metadataName)
    promisedMetadata(metadata)
    const snapshot = currentSnapshot(metadata)
    if (snapshot === undefined) return 'accepted'
    const whole = await planScan(reader, metadata, snapshot, { pruner: wholeTable })
    const uris = new Set(whole.map(({ file }) => file.uri))
    const specs = new Map(metadata['partition-specs'].map((spec) => [spec['spec-id'], spec]))
    const filter = { merchant: 'shop' as never, firstDay: day, lastDay: day, generations: [1] }
    const part = await planScan(reader, metadata, snapshot, { pruner: createPruner(hitsTable, filter, specs) })
    promised(
      part.every(({ file }) => uris.has(file.uri)),
      () => 'a part of a scan has files that the whole has not',
    )
    for (const { file } of whole) reader.nameOf(metadata, file.uri)
    return 'accepted'
  } catch (error) {
    if (refusals.some((refusal) => error instanceof refusal)) return 'refused'
    throw error
  }
}

function promisedMetadata(metadata: TableMetadata): void {
  const again = readMetadata('hits', metadataName, printMetadata(metadata))
  promised(isDeepStrictEqual(again, metadata), () => 'metadata is other metadata after it was printed')
  for (const snapshot of history(metadata)) snapshotInfo(snapshot)
  for (const [name, { type }] of Object.entries(metadata.refs ?? {})) {
    try {
      resolveSnapshot('hits', metadata, type === 'tag' ? { tag: name } : { branch: name })
      resolveSnapshot('hits', metadata, { asOf: metadata['last-updated-ms'] })
    } catch (error) {
      if (!(error instanceof SnapshotNotFoundError) && !(error instanceof RefNotFoundError)) throw error
    }
  }
}

async function openWith(part: Part): Promise<OpenTarget> {
  const soundOf = (of: Part, beginning: string) =>
    readCorpus({ name: names[of] }).flatMap(({ file, input }) => (file.startsWith(beginning) ? [input] : []))
  const [metadata] = soundOf('metadata', sound)
  const [list] = soundOf('list', sound)
  const manifests = [...soundOf('manifest', sound), ...soundOf('manifest', 'older')]
  if (metadata === undefined || list === undefined) throw new Error('the corpus lacks a part of the table')
  const parts = { metadata, list, manifests }
  return {
    judge: (input) =>
      judge(
        part === 'manifest' ? { ...parts, manifests: [input, ...manifests.slice(1)] } : { ...parts, [part]: input },
      ),
    close: async () => {},
  }
}

async function examplesOf(part: Part): Promise<Readonly<Record<string, Buffer>>> {
  const all = (await tableFiles())[part]
  const newest = all.length - 1
  return Object.fromEntries(all.map((bytes, i) => [i === newest ? sound : `older-${i}`, bytes]))
}

const words = {
  values: [
    '"append"',
    '"main"',
    '"branch"',
    '"tag"',
    '"identity"',
    '"day"',
    '"bucket[16]"',
    '"file:///lake/hits"',
    '"long"',
    '"decimal(38,0)"',
    '2',
    '3',
    '1',
  ],
  keys: [
    'current-snapshot-id',
    'refs',
    'snapshots',
    'manifest-list',
    'parent-snapshot-id',
    'schema-id',
    'first-row-id',
    'key-id',
    'statistics',
  ],
}

export const icebergMetadata: FuzzTarget = {
  name: names.metadata,
  form: 'text',
  examples: () => examplesOf('metadata'),
  mutate: (draw, corpus) => mutateJson(draw, corpus, words),
  open: () => openWith('metadata'),
}

export const icebergManifestList: FuzzTarget = {
  name: names.list,
  form: 'bytes',
  examples: () => examplesOf('list'),
  mutate: mutateContainer,
  open: () => openWith('list'),
}

export const icebergManifest: FuzzTarget = {
  name: names.manifest,
  form: 'bytes',
  examples: () => examplesOf('manifest'),
  mutate: mutateContainer,
  open: () => openWith('manifest'),
}
