/**
 * Which hits were seen already: the state of the step `dedupe`, for one feed partition. The rule, exact to the
 * millisecond: a hit passes if and only if no hit of the same merchant and id that passed was received less than `withinMs`
 * before it. A repeat does not extend the time. (Exact but for shared fingerprints: `expectedFalseRepeats`.)
 *
 * A log-structured merge tree: the newest entries are in a table in memory; a checkpoint writes those that are new as one
 * immutable sorted segment, and merges segments so that their number stays small. Of a large segment only a filter and
 * fences stay in memory, 1.3 bytes an entry, so the default limit of 256 MB holds about 200 million hits per window; in
 * memory alone it would be 12 million.
 *
 * Durability: what `checkpoint` returns is to be stored with the epoch's commit; after any failure throw the state away
 * and open it again from the last stored one. Objects that no stored checkpoint names are garbage (`orphans.ts`).
 */
import { hourMs } from '../../../core/event-time.ts'
import type { Random } from '../../../core/ports/clock.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import { decodeState, type SavedState } from './checkpoint-format.ts'
import { createFingerprinter } from './fingerprint.ts'
import { LayeredState } from './layered-state.ts'
import { loadSegment, type Segment, type SegmentStorage } from './segment.ts'
import type { SyncReader } from './sync-reader.ts'

export interface DedupeState {
  /**
   * True where the hit passes; it is then remembered. `receivedMs` is whole and does not fall; one that does is taken as
   * the newest before it. Not to be called while a checkpoint is being made.
   * @throws StateLimitError, having remembered nothing: the same call passes once the limit is raised or entries expire
   * @throws CorruptCheckpointError where a segment is not what was written
   */
  firstSeen(merchant: string, id: string, receivedMs: number): boolean
  /**
   * Memory held. While a checkpoint is made there is for a moment, beside it, a sorted copy of the new entries or the index
   * of one segment of the largest size (10 MB).
   */
  readonly bytes: number
  /** Entries held, expired ones that were not swept yet included. */
  readonly entries: number
  /**
   * The state as it is, to be stored. `obsolete` objects were named by an earlier checkpoint and are not by this one:
   * remove them after this one is committed.
   * @throws CorruptCheckpointError, or as the object store does; the state is then to be thrown away
   */
  checkpoint(): Promise<{ readonly saved: Uint8Array; readonly obsolete: readonly string[] }>
  /** Lets go of open files and local copies; the objects may be opened again when it has resolved. */
  close(): Promise<void>
}

/** So many new entries stay inside the checkpoint itself (16 bytes each); with more, they become a segment. */
export const defaultInlineMaxEntries = 2_048
/** Segments of at most so many entries have all of them in memory (768 KB), where there is a reader for others. */
export const defaultHeldMaxEntries = 65_536
/** 96 MB: merging it takes about a second. */
export const defaultSegmentMaxEntries = 8_000_000
export const defaultFanout = 8
/** Times are kept in 32 bits. */
export const windowMaxMs = 2 ** 31

const slicesPerWindow = 24

export interface DedupeOptions {
  readonly objects: ObjectStore
  /** Folder of the state's objects, its own. */
  readonly prefix: string
  /** Of the last committed checkpoint; null: nothing was seen yet. */
  readonly saved: Uint8Array | null
  readonly withinMs: number
  /** At it `firstSeen` throws; nothing is ever forgotten to make room. */
  readonly limitBytes: number
  readonly random: Random
  /** Without one, all segments are held in memory and the limit is reached ten times as early. */
  readonly reader?: SyncReader
  /** Named in StateLimitError; default: the prefix. */
  readonly job?: string
  readonly inlineMaxEntries?: number
  readonly heldMaxEntries?: number
  readonly segmentMaxEntries?: number
  readonly fanout?: number
}

/** @throws CorruptCheckpointError */
export async function openDedupeState(options: DedupeOptions): Promise<DedupeState> {
  const { objects, prefix, withinMs, random } = options
  if (!Number.isSafeInteger(withinMs) || withinMs < 1 || withinMs > windowMaxMs) {
    throw new RangeError(`a dedupe window is 1 to ${windowMaxMs} whole ms, got ${withinMs}`)
  }
  const folder = folderOf(prefix)
  const saved: SavedState =
    options.saved === null ? freshState(random) : decodeState(`${folder}(checkpoint)`, options.saved)
  const storage: SegmentStorage = {
    objects,
    reader: options.reader,
    heldMaxEntries: options.heldMaxEntries ?? defaultHeldMaxEntries,
  }
  const segments: Segment[] = []
  for (const { name, ...facts } of saved.segments) {
    segments.push(await loadSegment(storage, { object: folder + name, ...facts }))
  }
  return new LayeredState(
    {
      ...storage,
      folder,
      random,
      withinMs,
      sliceMs: Math.min(hourMs, Math.ceil(withinMs / slicesPerWindow)),
      limitBytes: options.limitBytes,
      job: options.job ?? prefix,
      inlineMaxEntries: options.inlineMaxEntries ?? defaultInlineMaxEntries,
      merging: {
        fanout: options.fanout ?? defaultFanout,
        maxEntries: options.segmentMaxEntries ?? defaultSegmentMaxEntries,
      },
    },
    await createFingerprinter(saved.seed),
    saved,
    segments,
  )
}

/** The prefix as a folder, with its closing `/`. */
export function folderOf(prefix: string): string {
  return prefix.endsWith('/') ? prefix : `${prefix}/`
}

function freshState(random: Random): SavedState {
  const seed = Buffer.from(random.bytes(8)).readBigUInt64LE()
  return { seed, lastMs: Number.NEGATIVE_INFINITY, nextObject: 0, segments: [], entries: [] }
}
