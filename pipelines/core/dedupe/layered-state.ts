/**
 * The dedupe state itself (`dedupe-state.ts` says what it promises): a table of what is new over segments of what was
 * saved, oldest first, asked newest first.
 */
import { StateLimitError } from '../../../core/errors.ts'
import type { Random } from '../../../core/ports/clock.ts'
import { encodeState, type SavedState } from './checkpoint-format.ts'
import type { DedupeState } from './dedupe-state.ts'
import type { Fingerprinter } from './fingerprint.ts'
import { type MergeLimits, pickMerge } from './merge-policy.ts'
import { mergedSource } from './merge-segments.ts'
import { entriesIn, RecentTable, tableBytes } from './recent-table.ts'
import type { Segment, SegmentStorage } from './segment.ts'
import { type SegmentSource, sourceOf, writeSegment } from './segment-writer.ts'

/** Bounds what one epoch pays for the order of the past. */
export const mergesPerCheckpoint = 2
const initialSlots = 4_096

export interface LayeredSettings extends SegmentStorage {
  readonly folder: string
  readonly random: Random
  readonly withinMs: number
  readonly sliceMs: number
  readonly limitBytes: number
  readonly job: string
  readonly inlineMaxEntries: number
  readonly merging: MergeLimits
}

export class LayeredState implements DedupeState {
  /** Made with its first entry, so that the limit is judged for it too. */
  private recent: RecentTable | undefined
  private segments: Segment[]
  private segmentBytes = 0
  private lastMs: number
  private nextObject: number
  private obsolete: string[] = []
  /** When the next segment has nothing left that counts. */
  private nextExpiryMs = Number.POSITIVE_INFINITY
  private saving = false
  /** Segments that are being let go of. */
  private readonly closing = new Set<Promise<void>>()
  private readonly seed: bigint

  constructor(
    private readonly settings: LayeredSettings,
    private readonly print: Fingerprinter,
    saved: SavedState,
    segments: Segment[],
  ) {
    this.seed = saved.seed
    this.lastMs = saved.lastMs
    this.nextObject = saved.nextObject
    this.segments = segments
    this.segmentsChanged()
    if (saved.entries.length === 0) return
    let slots = initialSlots
    while (entriesIn(slots) < saved.entries.length) slots *= 2
    this.recent = new RecentTable(slots)
    for (const { hi, lo, time } of saved.entries) this.recent.add(hi, lo, time)
  }

  firstSeen(merchant: string, id: string, receivedMs: number): boolean {
    if (this.saving) throw new Error('a hit cannot be judged while its state is being saved')
    const now = Math.max(receivedMs, this.lastMs)
    if (now >= this.nextExpiryMs) this.expire(now)
    this.print.take(merchant, id)
    const { hi, lo } = this.print
    const after = now - this.settings.withinMs
    const slot = this.recent?.find(hi, lo) ?? -1
    const passes = this.isNew(slot, hi, lo, after)
    if (passes) {
      if (slot >= 0) this.recent?.moveTo(slot, now)
      else this.tableWithRoom(after).add(hi, lo, now)
    }
    this.lastMs = now
    return passes
  }

  private isNew(slot: number, hi: number, lo: number, after: number): boolean {
    // What the table has is newer than what any segment has.
    if (slot >= 0) return (this.recent?.timeAt(slot) ?? after) <= after
    for (let i = this.segments.length - 1; i >= 0; i--) {
      const seen = this.segments[i]?.timeOf(hi, lo)
      if (seen !== undefined && seen > after) return false
    }
    return true
  }

  get bytes(): number {
    return this.segmentBytes + (this.recent === undefined ? 0 : tableBytes(this.recent.slots))
  }

  get entries(): number {
    return this.segments.reduce((sum, { content }) => sum + content.count, this.recent?.entries ?? 0)
  }

  async checkpoint(): Promise<{ readonly saved: Uint8Array; readonly obsolete: readonly string[] }> {
    this.saving = true
    try {
      await this.flush()
      await this.merge()
      return { saved: this.encode(), obsolete: this.obsolete.splice(0) }
    } finally {
      this.saving = false
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.closing, ...this.segments.map((segment) => segment.close())])
  }

  /** Drops segments that hold nothing which could still make a repeat. Their objects go with the next checkpoint. */
  private expire(now: number): void {
    const after = now - this.settings.withinMs
    const isExpired = (segment: Segment) => segment.content.lastMs <= after
    const expired = this.segments.filter(isExpired)
    if (expired.length === 0) return
    this.segments = this.segments.filter((segment) => !isExpired(segment))
    this.letGo(expired)
  }

  /** The table with a place free. The limit is asked when it grows: the segment it becomes later is smaller than it. */
  private tableWithRoom(after: number): RecentTable {
    const table = this.recent
    if (table !== undefined && !table.isFull) return table
    const slots = table === undefined ? initialSlots : table.slots * 2
    const bytes = this.segmentBytes + tableBytes(slots)
    if (bytes > this.settings.limitBytes) throw new StateLimitError(this.settings.job, bytes, this.settings.limitBytes)
    this.recent = table === undefined ? new RecentTable(slots) : table.copy(slots, after)
    return this.recent
  }

  /** Makes a segment of the table, or leaves it to the checkpoint itself where it is small. */
  private async flush(): Promise<void> {
    const table = this.recent
    if (table === undefined || table.entries <= this.settings.inlineMaxEntries) return
    const sorted = table.sorted(this.after)
    this.recent = undefined
    if (sorted !== undefined) this.segments.push(await this.write(0, sourceOf(sorted)))
    this.segmentsChanged()
  }

  private async merge(): Promise<void> {
    const { objects, sliceMs, merging } = this.settings
    for (let merges = 0; merges < mergesPerCheckpoint; merges++) {
      const shapes = this.segments.map(({ content: { level, count, lastMs } }) => {
        return { level, count, hour: Math.floor(lastMs / sliceMs) }
      })
      const run = pickMerge(shapes, Math.floor(this.lastMs / sliceMs), merging)
      if (run === undefined) return
      const inputs = this.segments.slice(run.from, run.to)
      const level = Math.max(...inputs.map(({ content }) => content.level)) + 1
      const merged = await this.write(level, mergedSource(objects, inputs, this.after))
      this.segments.splice(run.from, inputs.length, merged)
      this.letGo(inputs)
    }
  }

  private write(level: number, source: SegmentSource): Promise<Segment> {
    const { folder, random } = this.settings
    // The number orders names for `removeOrphans`; the rest keeps apart what two lives began at the same number.
    const number = String(this.nextObject++).padStart(12, '0')
    return writeSegment(
      this.settings,
      `${folder}${number}-${Buffer.from(random.bytes(6)).toString('hex')}`,
      level,
      source,
    )
  }

  private letGo(segments: readonly Segment[]): void {
    for (const segment of segments) {
      const closed = segment.close()
      this.closing.add(closed)
      void closed.then(() => this.closing.delete(closed))
      this.obsolete.push(segment.content.object)
    }
    this.segmentsChanged()
  }

  private segmentsChanged(): void {
    this.segmentBytes = this.segments.reduce((sum, { bytes }) => sum + bytes, 0)
    const oldest = Math.min(...this.segments.map(({ content }) => content.lastMs))
    this.nextExpiryMs = oldest + this.settings.withinMs
  }

  private encode(): Uint8Array {
    const entries: { hi: number; lo: number; time: number }[] = []
    this.recent?.each(this.after, (hi, lo, time) => entries.push({ hi, lo, time }))
    const { length } = this.settings.folder
    return encodeState({
      seed: this.seed,
      lastMs: this.lastMs,
      nextObject: this.nextObject,
      segments: this.segments.map(({ content: { object, level, count, bytes, indexCrc } }) => {
        return { name: object.slice(length), level, count, bytes, indexCrc }
      }),
      entries,
    })
  }

  /** Entries received after this count; those at it or before are expired. */
  private get after(): number {
    return this.lastMs - this.settings.withinMs
  }
}
