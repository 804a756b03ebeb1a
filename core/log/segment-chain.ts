/**
 * The files of an open log: sealed segments, and behind them the one that is written to. Knows nothing of queues or of who
 * waits; its callers run one of `write`, `rotate`, `mend` at a time, `trim` beside them.
 */
import type { Offset } from '../ids.ts'
import type { Disk } from '../ports/disk.ts'
import type { RecoveredLog } from './recover-log.ts'
import { type ActiveSegment, createSegment, removeIfThere, type Segment } from './segment-file.ts'
import type { SegmentHeader } from './segment-format.ts'

export class SegmentChain {
  readonly #segments: Segment[]
  #active: ActiveSegment
  #bytes: number
  /** A removal may not have reached the disk. */
  #removalUnsynced = false

  constructor(
    private readonly place: { readonly disk: Disk; readonly folder: string },
    recovered: RecoveredLog,
  ) {
    this.#active = recovered.active
    this.#segments = [...recovered.sealed, recovered.active]
    this.#bytes = this.#segments.reduce((sum, segment) => sum + segment.bytes, 0)
  }

  /** Header of the segment that is written to. */
  get header(): SegmentHeader {
    return this.#active.header
  }

  get oldest(): Offset {
    return (this.#segments[0] ?? this.#active).base
  }

  /** On disk, of all segments. */
  get bytes(): number {
    return this.#bytes
  }

  get activeBytes(): number {
    return this.#active.bytes
  }

  /** Puts the frames behind the last ones. Durable when it resolves; where it fails, `mend` must come next. */
  async write(frames: Buffer): Promise<void> {
    await this.#active.file.write(frames, this.#active.bytes)
    await this.#active.file.datasync()
    this.#active.bytes += frames.length
    this.#bytes += frames.length
  }

  /** Seals the segment and goes on in a new one, whose first record is `next`. */
  async rotate(next: Offset): Promise<void> {
    const sealed = this.#active
    await this.#begin(next, { base: sealed.base, bytes: sealed.bytes })
    await sealed.file.close().catch(() => undefined)
  }

  /**
   * Leaves the segment that could not be written to, with the bytes that are durable, and goes on in a new one. Its
   * failed pages are cut off, never synced again. Where it holds no record at all the new one takes its name and place.
   */
  async mend(next: Offset): Promise<void> {
    const failed = this.#active
    // Before any offset is used again: a reader that has this file open must not find the refused records in it.
    await failed.file.truncate(failed.bytes)
    if (next > failed.base) {
      await failed.file.datasync()
      await this.#begin(next, { base: failed.base, bytes: failed.bytes })
    } else {
      await this.#begin(next, failed.header.previous)
    }
    await failed.file.close().catch(() => undefined)
  }

  /** Removes the oldest segment if it is sealed and holds only records before `before`; says whether it did. */
  async removeOldest(before: Offset): Promise<boolean> {
    // One by one: were two removals unsynced, a crash could keep the older and lose the newer, and leave a gap.
    if (this.#removalUnsynced) await this.#syncRemoval()
    const [oldest, following] = this.#segments
    if (!oldest || !following || following.base > before) return false
    await removeIfThere(this.place.disk, oldest.path)
    this.#segments.shift()
    this.#bytes -= oldest.bytes
    this.#removalUnsynced = true
    await this.#syncRemoval()
    return true
  }

  async close(): Promise<void> {
    await this.#active.file.close()
  }

  async #syncRemoval(): Promise<void> {
    await this.place.disk.syncFolder(this.place.folder)
    this.#removalUnsynced = false
  }

  async #begin(base: Offset, previous: SegmentHeader['previous']): Promise<void> {
    const { id, salt } = this.#active.header
    const replaced = this.#active
    const active = await createSegment(this.place, { id, salt, base, previous })
    // In one step: between two, `trim` could take the replaced segment for a sealed one and remove the new one's name.
    this.#active = active
    if (replaced.base === base) {
      this.#segments.pop()
      this.#bytes -= replaced.bytes
    }
    this.#segments.push(active)
    this.#bytes += active.bytes
  }
}
