/**
 * Follows a log through its files, on its own: it may run in another thread than the log and needs only to be told how far
 * records are durable. Reads in large pieces, checks every CRC, and never gives a record that is not durable.
 */
import { CorruptLogError, OffsetTrimmedError } from '../errors.ts'
import type { Offset } from '../ids.ts'
import { type Disk, DiskError, type DiskFile } from '../ports/disk.ts'
import type { FeedRecord } from '../ports/feed.ts'
import {
  checkFrame,
  decodeSegmentHeader,
  frameBytes,
  frameHeaderBytes,
  headerBytes,
  type SegmentHeader,
  segmentBase,
  segmentName,
} from './segment-format.ts'
import { damageText } from './segment-scan.ts'

/**
 * Read at once, at most, except for a record that is longer. A reader that is behind reads pieces of this size; one that
 * follows the end takes twice what it found there the last time, at least `readMinBytes`: it comes after every commit
 * group, and must not allocate a megabyte for a few records.
 */
export const readMaxBytes = 1024 * 1024
export const readMinBytes = 16 * 1024

export interface LogReaderOptions {
  readonly disk: Disk
  readonly folder: string
  /** The log's id. */
  readonly id: string
  readonly from: Offset
  /** One past the last durable record. */
  readonly durable: () => Offset
  /** In place of `readMaxBytes`. */
  readonly pieceMaxBytes?: number
}

/** One call at a time. */
export interface LogReader {
  /** The record that comes next. */
  readonly position: Offset
  /**
   * The next durable records, together at most about `maxBytes`, at least one where any is; empty where none is. Payloads
   * are valid until the next call.
   * @throws CorruptLogError naming file and byte; the reader stays there, and says so again
   * @throws OffsetTrimmedError where the record was trimmed before it was read
   */
  read(maxBytes: number): Promise<readonly FeedRecord[]>
  close(): Promise<void>
}

/**
 * A reader that begins at record `from`.
 * @throws OffsetTrimmedError where it is gone already
 * @throws CorruptLogError where the log ends before it: what was read up to there is not in these files
 */
export async function openLogReader(options: LogReaderOptions): Promise<LogReader> {
  const reader = new SegmentReader(options)
  try {
    await reader.seek(options.from)
  } catch (error) {
    await reader.close()
    throw error
  }
  return reader
}

interface OpenSegment {
  readonly path: string
  readonly header: SegmentHeader
  readonly file: DiskFile
}

class SegmentReader implements LogReader {
  #segment: OpenSegment | undefined
  /** Place of the record `#next` in the open segment. */
  #at = headerBytes
  #next = 0
  readonly #pieceMaxBytes: number
  /** What the next read asks for. */
  #pieceBytes: number

  constructor(private readonly options: LogReaderOptions) {
    this.#pieceMaxBytes = Math.max(frameHeaderBytes, options.pieceMaxBytes ?? readMaxBytes)
    this.#pieceBytes = Math.min(this.#pieceMaxBytes, 16 * readMinBytes)
  }

  get position(): Offset {
    return this.#next as Offset
  }

  async seek(from: number): Promise<void> {
    const { disk, folder, durable } = this.options
    const limit = durable()
    const bases = (await disk.list(folder)).map(segmentBase).filter((base) => base !== undefined)
    const [oldest] = bases
    const base = bases.findLast((candidate) => candidate <= from)
    if (oldest === undefined) {
      throw new CorruptLogError(folder, 0, `there is no segment, but record ${from} was asked for`)
    }
    if (base === undefined) throw new OffsetTrimmedError(from, oldest)
    if (from > limit) {
      throw new CorruptLogError(
        `${folder}/${segmentName(base)}`,
        0,
        `the log ends at record ${limit}, but ${from} was asked for: files are missing, or the control store is another log's`,
      )
    }
    this.#segment = await this.#open(base)
    this.#next = base
    while (this.#next < from) await this.#take(from, this.#pieceMaxBytes, undefined)
  }

  async read(maxBytes: number): Promise<readonly FeedRecord[]> {
    const limit = this.options.durable()
    const records: FeedRecord[] = []
    let bytes = 0
    try {
      while (this.#next < limit && (records.length === 0 || bytes < maxBytes)) {
        bytes += await this.#take(limit, maxBytes - bytes, records)
      }
    } catch (error) {
      // What is right before the damage is given first; the next call meets the damage again.
      if (records.length === 0) throw error
    }
    return records
  }

  async close(): Promise<void> {
    const open = this.#segment
    this.#segment = undefined
    await open?.file.close()
  }

  /**
   * Reads one piece and goes past the records in it that lie before `limit`, all of which must be right; moves to the
   * next segment where this one is at its end. Gives the bytes it went past.
   */
  async #take(limit: number, wantedBytes: number, records: FeedRecord[] | undefined): Promise<number> {
    const segment = this.#segment
    if (!segment) throw new Error('the reader is closed')
    const wanted = Math.min(this.#pieceBytes, Math.max(wantedBytes + frameHeaderBytes, readMinBytes))
    let chunk = await segment.file.read(wanted, this.#at)
    const atEnd = chunk.length < wanted
    const next = atEnd ? Math.max(readMinBytes, chunk.length * 2) : Math.max(this.#pieceBytes, wanted * 2)
    this.#pieceBytes = Math.min(this.#pieceMaxBytes, next)
    if (chunk.length === 0) {
      await this.#moveOn(segment)
      return 0
    }
    const needed = frameBytes(chunk, 0)
    const first = checkFrame(chunk, 0, segment.header.salt, this.#next)
    if (first === 'incomplete' && !atEnd) chunk = await segment.file.read(needed, this.#at)
    let used = 0
    while (this.#next < limit && (used === 0 || used < wantedBytes)) {
      const verdict = checkFrame(chunk, used, segment.header.salt, this.#next)
      if (verdict !== 'whole' && used > 0) break
      if (verdict !== 'whole') throw new CorruptLogError(segment.path, this.#at, damageText(verdict))
      const bytes = frameBytes(chunk, used)
      records?.push({
        offset: this.#next as Offset,
        payload: chunk.subarray(used + frameHeaderBytes, used + bytes),
        origin: { log: this.options.id, place: this.#next },
      })
      used += bytes
      this.#at += bytes
      this.#next++
    }
    return used
  }

  /** The open segment has no further byte although a further record is durable: it is in the segment of its own name. */
  async #moveOn(segment: OpenSegment): Promise<void> {
    const following = await this.#open(this.#next)
    // Under the same name: the log could not write to an empty segment and put another in its place, with the record.
    if (following.path === segment.path && (await following.file.size()) <= headerBytes) {
      await following.file.close()
      throw new CorruptLogError(segment.path, this.#at, `the file ends before record ${this.#next}`)
    }
    this.#segment = following
    this.#at = headerBytes
    await segment.file.close()
  }

  async #open(base: number): Promise<OpenSegment> {
    const { disk, folder, id } = this.options
    const path = `${folder}/${segmentName(base)}`
    const file = await disk.open(path, 'read').catch(async (error) => {
      throw error instanceof DiskError && error.code === 'ENOENT' ? await this.#missing(base) : error
    })
    try {
      const header = decodeSegmentHeader(await file.read(headerBytes, 0))
      if ('damage' in header) throw new CorruptLogError(path, 0, header.damage)
      if (header.id !== id) throw new CorruptLogError(path, 0, `the segment belongs to log ${header.id}, not ${id}`)
      if (header.base !== base) {
        throw new CorruptLogError(path, 0, `the header says the segment begins at record ${header.base}`)
      }
      return { path, header, file }
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /** The error for a segment that is not there: trimmed meanwhile, or lost. */
  async #missing(base: number): Promise<Error> {
    const { disk, folder } = this.options
    const bases = (await disk.list(folder)).map(segmentBase).filter((found) => found !== undefined)
    const [oldest] = bases
    if (oldest !== undefined && oldest > base) return new OffsetTrimmedError(base, oldest)
    const path = this.#segment?.path ?? `${folder}/${segmentName(base)}`
    return new CorruptLogError(path, this.#at, `the file ends before record ${base}, and no segment begins with it`)
  }
}
