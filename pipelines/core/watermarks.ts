/**
 * Watermarks of many: partitions of a feed, inputs of a step. The least of them holds; what is idle holds nothing. Pure:
 * processing time is an argument.
 */
import { Watermark } from './watermark.ts'

/** `idle`: nothing came for a while, or the partition is read to its end. */
export type Standing = 'active' | 'idle'

export interface WatermarkPart<K> {
  readonly key: K
  /** null before the first. */
  readonly watermark: number | null
  readonly standing: Standing
}

/**
 * The least watermark of the active parts. It never goes back: a part that is active again and behind holds it where it is.
 * Where all are idle it is the largest of theirs, as nothing holds it.
 */
export class LeastWatermark<K> {
  readonly #parts = new Map<K, WatermarkPart<K>>()
  #current: number | null

  /** @param current what was reached before; null for none */
  constructor(current: number | null = null) {
    this.#current = current
  }

  /** A part without a watermark that is active holds all. One that is lower than the part's last changes nothing. */
  set(part: WatermarkPart<K>): void {
    this.setAll([part])
  }

  /** Of parts that moved together: nothing advances before all of them have. */
  setAll(parts: Iterable<WatermarkPart<K>>): void {
    for (const part of parts) {
      const before = this.#parts.get(part.key)?.watermark ?? null
      this.#parts.set(part.key, { ...part, watermark: later(before, part.watermark) })
    }
    this.#advance()
  }

  remove(key: K): void {
    this.#parts.delete(key)
    this.#advance()
  }

  get current(): number | null {
    return this.#current
  }

  /** Of all parts: idle where every one is, or there is none. What stands below a union then holds nothing. */
  get standing(): Standing {
    for (const { standing } of this.#parts.values()) if (standing === 'active') return 'active'
    return 'idle'
  }

  /** For people: where each part stands. */
  parts(): readonly WatermarkPart<K>[] {
    return [...this.#parts.values()]
  }

  #advance(): void {
    this.#current = later(this.#current, this.#least())
  }

  #least(): number | null {
    let least = Number.POSITIVE_INFINITY
    let largest: number | null = null
    let active = 0
    for (const { watermark, standing } of this.#parts.values()) {
      if (standing === 'active') {
        if (watermark === null) return null
        active += 1
        least = Math.min(least, watermark)
      } else largest = later(largest, watermark)
    }
    return active > 0 ? least : largest
  }
}

/** The later of two watermarks; null is before the first. */
export function later(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b
  return Math.max(a, b)
}

export interface PartitionWatermarksOptions {
  readonly delayMs: number
  /** In processing time; null: only a partition read to its end is idle. */
  readonly idlenessMs: number | null
}

interface Partition {
  readonly watermark: Watermark
  /** Processing time of the last record, or of when the partition was taken. */
  lastAt: number
  isDrained: boolean
}

/** The watermarks of a feed's partitions: each the largest time seen less the delay, and the least of them. */
export class PartitionWatermarks {
  readonly #partitions = new Map<number, Partition>()
  readonly #least: LeastWatermark<number>
  /** Whether a partition has moved since the least was last worked out: rows are many, questions few. */
  #moved = false
  #now = Number.NEGATIVE_INFINITY

  /** @param current of the step, as it was kept; null for none */
  constructor(
    readonly options: PartitionWatermarksOptions,
    current: number | null = null,
  ) {
    this.#least = new LeastWatermark(current)
  }

  /** The partition is ours from now on. @param kept its watermark as it was kept, null for none */
  take(partition: number, kept: number | null, processingTime: number): void {
    const watermark = new Watermark(this.options.delayMs, kept)
    this.#partitions.set(partition, { watermark, lastAt: processingTime, isDrained: false })
    this.#moved = true
  }

  giveUp(partition: number): void {
    if (this.#partitions.delete(partition)) this.#least.remove(partition)
  }

  /** A row of the partition. @throws RangeError for a partition that is not ours */
  see(partition: number, timeMs: number, processingTime: number): void {
    const found = this.#of(partition)
    found.watermark.see(timeMs)
    found.lastAt = processingTime
    found.isDrained = false
    this.#moved = true
  }

  /** The partition is read to its end; idle until its next record. */
  drained(partition: number): void {
    this.#of(partition).isDrained = true
    this.#moved = true
  }

  /** The step's watermark by then. */
  at(processingTime: number): number | null {
    if (this.#moved || processingTime > this.#now) this.#refresh(processingTime)
    return this.#least.current
  }

  /** Whether all partitions are idle, as of the last `at`. */
  get standing(): Standing {
    return this.#least.standing
  }

  /** When the next partition becomes idle if nothing comes; null where none will. */
  nextIdle(): number | null {
    const { idlenessMs } = this.options
    if (idlenessMs === null) return null
    let next: number | null = null
    for (const { lastAt, isDrained } of this.#partitions.values()) {
      const at = lastAt + idlenessMs
      if (!isDrained && at > this.#now && (next === null || at < next)) next = at
    }
    return next
  }

  /** For people, and for checkpoints: the watermark of each partition. */
  parts(): readonly WatermarkPart<number>[] {
    return [...this.#partitions].map(([key, found]) => ({
      key,
      watermark: found.watermark.current,
      standing: this.#standingOf(found),
    }))
  }

  #refresh(processingTime: number): void {
    this.#now = Math.max(this.#now, processingTime)
    this.#moved = false
    this.#least.setAll(this.parts())
  }

  #standingOf({ lastAt, isDrained }: Partition): Standing {
    const { idlenessMs } = this.options
    return isDrained || (idlenessMs !== null && this.#now >= lastAt + idlenessMs) ? 'idle' : 'active'
  }

  #of(partition: number): Partition {
    const found = this.#partitions.get(partition)
    if (found === undefined) throw new RangeError(`partition ${partition} is not ours`)
    return found
  }
}
