/**
 * A saved segment, ready to be asked: fences and filter in memory, its entries in memory too where it is small, otherwise
 * read block by block from the file. Asking is synchronous and costs one cache line where the answer is "not here".
 */
import { crc32 } from 'node:zlib'
import { CorruptCheckpointError } from '../../../core/errors.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import { BlockFilter } from './block-filter.ts'
import {
  blockEntries,
  blocksOf,
  bytesOf,
  decodeFooter,
  entryBytes,
  entryWords,
  fenceWords,
  footerBytes,
  wordsOf,
} from './segment-format.ts'
import type { SyncReader } from './sync-reader.ts'

/** What a checkpoint says of a segment; the rest is in its footer. */
export interface SegmentRef {
  /** Whole object name. */
  readonly object: string
  readonly bytes: number
  readonly count: number
  /** How often its entries were merged. */
  readonly level: number
  /** CRC-32 of fences and filter. The fences hold those of the entries, so it stands for the whole content. */
  readonly indexCrc: number
}

export interface SegmentContent extends SegmentRef {
  readonly baseMs: number
  readonly lastMs: number
  readonly fences: Uint32Array
  readonly filter: Uint32Array
  /** All entries, where they are kept in memory. */
  readonly entries: Uint32Array | undefined
}

/** Where the entries of segments are kept: all in memory, or those of larger ones in files. */
export interface SegmentStorage {
  readonly objects: ObjectStore
  /** Without one, every segment is in memory, 12 bytes an entry. */
  readonly reader: SyncReader | undefined
  /** Segments of at most so many entries are in memory. */
  readonly heldMaxEntries: number
}

export function isHeld(storage: SegmentStorage, count: number): boolean {
  return storage.reader === undefined || count <= storage.heldMaxEntries
}

export class Segment {
  private readonly filter: BlockFilter

  private constructor(
    readonly content: SegmentContent,
    private readonly file: BlockFile | undefined,
  ) {
    this.filter = new BlockFilter(content.filter)
  }

  static async over(storage: SegmentStorage, content: SegmentContent): Promise<Segment> {
    if (content.entries !== undefined || storage.reader === undefined) return new Segment(content, undefined)
    const path = await storage.objects.localPath(content.object)
    return new Segment(content, new BlockFile(storage, storage.reader, path, content))
  }

  /** Memory held for it. */
  get bytes(): number {
    const { fences, filter, entries } = this.content
    return fences.byteLength + filter.byteLength + (entries?.byteLength ?? blockEntries * entryBytes)
  }

  /**
   * When the fingerprint was received, undefined where it is not here.
   * @throws CorruptCheckpointError
   */
  timeOf(hi: number, lo: number): number | undefined {
    if (!this.filter.mayHold(hi, lo)) return undefined
    const block = blockHolding(this.content.fences, hi, lo)
    if (block < 0) return undefined
    const { entries, baseMs } = this.content
    const words = entries ?? this.file?.block(block)
    if (words === undefined) return undefined
    const first = entries === undefined ? 0 : block * blockEntries
    const end = Math.min(words.length / entryWords, first + blockEntries)
    const found = entryOf(words, first, end, hi, lo)
    return found < 0 ? undefined : baseMs + (words[found * entryWords + 2] as number)
  }

  /** Lets go of what is open of it, and of a local copy. Never rejects: a copy that stays does no harm but take room. */
  async close(): Promise<void> {
    await this.file?.forget()
  }
}

/**
 * Reads a segment's index, and its entries where they are to be in memory, and checks them.
 * @throws CorruptCheckpointError where they are not there or not what was written
 */
export async function loadSegment(storage: SegmentStorage, ref: SegmentRef): Promise<Segment> {
  const { object } = ref
  const indexAt = ref.count * entryBytes
  const tail = await storage.objects.getRange(object, indexAt, ref.bytes - indexAt)
  if (tail === undefined) throw new CorruptCheckpointError(object, 'it is not there')
  if (tail.length !== ref.bytes - indexAt) throw new CorruptCheckpointError(object, 'it is too short')
  const footer = decodeFooter(object, tail.subarray(-footerBytes))
  const index = tail.subarray(0, -footerBytes)
  const fencesBytes = blocksOf(ref.count) * fenceWords * 4
  if (
    footer.indexCrc !== ref.indexCrc ||
    footer.count !== ref.count ||
    index.length !== fencesBytes + footer.filterWords * 4
  ) {
    throw new CorruptCheckpointError(object, 'it is not the segment the checkpoint names')
  }
  if (crc32(index) !== footer.indexCrc)
    throw new CorruptCheckpointError(object, 'the checksum of its index does not match')
  const fences = wordsOf(index.subarray(0, fencesBytes))
  return Segment.over(storage, {
    ...ref,
    baseMs: footer.baseMs,
    lastMs: footer.lastMs,
    fences,
    filter: wordsOf(index.subarray(fencesBytes)),
    entries: isHeld(storage, ref.count) ? await readEntries(storage.objects, ref, fences, 0, ref.count) : undefined,
  })
}

/**
 * `count` entries from entry `first` on; both at whole blocks.
 * @throws CorruptCheckpointError
 */
export async function readEntries(
  objects: ObjectStore,
  ref: SegmentRef,
  fences: Uint32Array,
  first: number,
  count: number,
): Promise<Uint32Array> {
  const bytes = await objects.getRange(ref.object, first * entryBytes, count * entryBytes)
  if (bytes?.length !== count * entryBytes)
    throw new CorruptCheckpointError(ref.object, 'its entries are not all there')
  for (let at = 0; at < count; at += blockEntries) {
    const block = bytes.subarray(at * entryBytes, (at + blockEntries) * entryBytes)
    checkBlock(ref.object, fences, (first + at) / blockEntries, block)
  }
  return wordsOf(bytes)
}

/** The entries of one file, a block at a time, through one buffer; the last block read stays in it. */
class BlockFile {
  private readonly words = new Uint32Array(blockEntries * entryWords)
  private readonly buffer = bytesOf(this.words)
  private held = -1

  constructor(
    private readonly storage: SegmentStorage,
    private readonly reader: SyncReader,
    private readonly path: string,
    private readonly content: SegmentContent,
  ) {
    reader.forget(path)
  }

  block(index: number): Uint32Array {
    const entries = Math.min(blockEntries, this.content.count - index * blockEntries)
    if (index !== this.held) {
      this.held = -1
      const into = this.buffer.subarray(0, entries * entryBytes)
      const { object } = this.content
      let read: number
      try {
        read = this.reader.readAt(this.path, into, index * blockEntries * entryBytes)
      } catch (cause) {
        throw new CorruptCheckpointError(object, 'it cannot be read', { cause })
      }
      if (read !== into.length) throw new CorruptCheckpointError(object, 'its entries are not all there')
      checkBlock(object, this.content.fences, index, into)
      this.held = index
    }
    return entries === blockEntries ? this.words : this.words.subarray(0, entries * entryWords)
  }

  async forget(): Promise<void> {
    this.reader.forget(this.path)
    await this.storage.objects.forgetLocal(this.content.object).catch(() => {})
  }
}

function checkBlock(object: string, fences: Uint32Array, index: number, bytes: Uint8Array): void {
  if (crc32(bytes) === fences[index * fenceWords + 2]) return
  throw new CorruptCheckpointError(object, `the checksum of block ${index} does not match`)
}

/** The last block whose first entry is not above the fingerprint; -1 where all are. */
function blockHolding(fences: Uint32Array, hi: number, lo: number): number {
  let low = 0
  let high = fences.length / fenceWords
  while (low < high) {
    const middle = (low + high) >>> 1
    const at = middle * fenceWords
    const fenceHi = fences[at] as number
    if (fenceHi < hi || (fenceHi === hi && (fences[at + 1] as number) <= lo)) low = middle + 1
    else high = middle
  }
  return low - 1
}

/** The entry of [first, end) that is the fingerprint, or -1. */
function entryOf(words: Uint32Array, first: number, end: number, hi: number, lo: number): number {
  let low = first
  let high = end
  while (low < high) {
    const middle = (low + high) >>> 1
    const at = middle * entryWords
    const foundHi = words[at] as number
    const foundLo = words[at + 1] as number
    if (foundHi === hi && foundLo === lo) return middle
    if (foundHi < hi || (foundHi === hi && foundLo < lo)) low = middle + 1
    else high = middle
  }
  return -1
}
