/** What the journal's objects hold: JSON, gzipped, version 1. */
import { promisify } from 'node:util'
import { constants, gunzip, gzip } from 'node:zlib'
import { JournalGapError } from '../../../core/errors.ts'
import type { Offset } from '../../../core/ids.ts'
import type { CollectorReport, KeptRerun } from '../../../core/ports/cluster-store.ts'
import type { ControlStore, EpochCommit, Publication } from '../../../core/ports/control-store.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import type { SplitCommit, Writing } from '../../../core/ports/rerun-store.ts'
import type { TableName } from '../../../core/tables.ts'
import type { EntryStamp } from './names.ts'

export interface EpochEntry {
  readonly kind: 'epoch'
  readonly stamp: EntryStamp
  readonly commit: EpochCommit
  /** By partition: the checkpoint it started from, as the store told it; left out where that is not known. */
  readonly started: Readonly<Record<number, string | null>>
}

export interface AcceptedEntry {
  readonly kind: 'accepted'
  readonly stamp: EntryStamp
  readonly log: string
  readonly from: Offset
  readonly through: Offset
  readonly counts: Parameters<ControlStore['addAccepted']>[3]
}

/** A call of the control store's directory, or one that nothing else tells of: erasures and pins. */
export type DirectoryEntry = { readonly kind: 'directory'; readonly stamp: EntryStamp } & (
  | { readonly call: 'createMerchant'; readonly args: Parameters<ControlStore['createMerchant']> }
  | { readonly call: 'updateMerchant'; readonly args: Parameters<ControlStore['updateMerchant']> }
  | { readonly call: 'addKey'; readonly args: Parameters<ControlStore['addKey']> }
  | { readonly call: 'eraseHits'; readonly args: Parameters<ControlStore['eraseHits']> }
  | { readonly call: 'touchDays'; readonly args: Parameters<ControlStore['touchDays']> }
  | { readonly call: 'pinSnapshot'; readonly args: Parameters<ControlStore['pinSnapshot']> }
  | { readonly call: 'unpinSnapshot'; readonly args: Parameters<ControlStore['unpinSnapshot']> }
)

export interface RetiredEntry {
  readonly kind: 'retired'
  readonly stamp: EntryStamp
  readonly report: CollectorReport
}

export interface BegunEntry {
  readonly kind: 'begun'
  readonly stamp: EntryStamp
  readonly publication: Publication
}

/** The lake certainly has the publication. */
export interface FinishedEntry {
  readonly kind: 'finished'
  readonly stamp: EntryStamp
  readonly id: number
  readonly snapshot: string
}

/** The lake certainly has the rewrite; whether readers were to read it, recovery tells. */
export interface RewrittenEntry {
  readonly kind: 'rewritten'
  readonly stamp: EntryStamp
  readonly table: TableName
  readonly rewrite: Parameters<ControlStore['finishRewrite']>[3]
}

/** A rerun as the store had it. */
export interface RerunEntry {
  readonly kind: 'rerun'
  readonly stamp: EntryStamp
  readonly kept: KeptRerun
  /** Jobs that were to write it from then on; left out of other entries. */
  readonly jobs?: readonly string[]
}

/** What a pipeline's jobs wrote by the store's word. */
export interface WritingEntry {
  readonly kind: 'writing'
  readonly stamp: EntryStamp
  readonly pipeline: string
  readonly writing: Writing
}

export interface SplitEntry {
  readonly kind: 'split'
  readonly stamp: EntryStamp
  readonly commit: SplitCommit
}

/** Partitions of a job that were taken under the fence of the name. */
export interface TakenEntry {
  readonly kind: 'taken'
  readonly stamp: EntryStamp
  readonly source: string
  readonly partitions: readonly number[]
}

/** A head, or the fence of a lease: its name says all. */
export interface MarkEntry {
  readonly kind: 'mark'
  readonly stamp: EntryStamp
}

export type Entry =
  | EpochEntry
  | AcceptedEntry
  | DirectoryEntry
  | RetiredEntry
  | BegunEntry
  | FinishedEntry
  | RewrittenEntry
  | RerunEntry
  | WritingEntry
  | SplitEntry
  | TakenEntry
  | MarkEntry

const version = 1
const compress = promisify(gzip)
const expand = promisify(gunzip)

export async function encodeEntry(entry: Entry): Promise<Buffer> {
  return compress(JSON.stringify({ version, ...entry }), { level: constants.Z_BEST_SPEED })
}

/**
 * The entry of that name, or undefined where there is none (any more).
 * @throws JournalGapError where it is damaged, or of a version or kind this code does not know
 */
export async function readEntry<Kind extends Entry['kind']>(
  objects: Pick<ObjectStore, 'get'>,
  name: string,
  kind: Kind,
): Promise<Extract<Entry, { readonly kind: Kind }> | undefined> {
  const bytes = await objects.get(name)
  if (bytes === undefined) return undefined
  let found: (Entry & { readonly version: number }) | null
  try {
    found = JSON.parse((await expand(bytes)).toString('utf8'))
  } catch {
    throw new JournalGapError(`${name} is damaged`)
  }
  if (found === null) throw new JournalGapError(`${name} holds nothing`)
  if (found.version !== version || found.kind !== kind) {
    throw new JournalGapError(`${name} is of version ${found.version} and kind ${found.kind}`)
  }
  return found as unknown as Extract<Entry, { readonly kind: Kind }>
}
