/**
 * The newest fingerprints with the time they were received, in memory: open addressing with linear probing over typed
 * arrays, 16 bytes a slot, nothing per entry for the garbage collector. It never grows by itself: the owner asks
 * `isFull` first, because growing is where the memory limit is judged.
 */

/** Most of the slots that may be taken; beyond it linear probing gets slow. */
const fillLimit = 0.7
const slotBytes = 16
const free = Number.NEGATIVE_INFINITY

export class RecentTable {
  private readonly hi: Uint32Array
  private readonly lo: Uint32Array
  private readonly times: Float64Array
  private readonly mask: number
  private used = 0

  /** `slots` is a power of two. */
  constructor(readonly slots: number) {
    this.hi = new Uint32Array(slots)
    this.lo = new Uint32Array(slots)
    this.times = new Float64Array(slots).fill(free)
    this.mask = slots - 1
  }

  get entries(): number {
    return this.used
  }

  get isFull(): boolean {
    return this.used >= entriesIn(this.slots)
  }

  /** The slot that holds the fingerprint, or -1. Valid until the next `add`. */
  find(hi: number, lo: number): number {
    let slot = lo & this.mask
    while (this.times[slot] !== free) {
      if (this.lo[slot] === lo && this.hi[slot] === hi) return slot
      slot = (slot + 1) & this.mask
    }
    return -1
  }

  timeAt(slot: number): number {
    return this.times[slot] as number
  }

  moveTo(slot: number, time: number): void {
    this.times[slot] = time
  }

  /** The fingerprint must be new, and the table not full. */
  add(hi: number, lo: number, time: number): void {
    let slot = lo & this.mask
    while (this.times[slot] !== free) slot = (slot + 1) & this.mask
    this.hi[slot] = hi
    this.lo[slot] = lo
    this.times[slot] = time
    this.used += 1
  }

  /** A table of `slots` with the entries of this one received after `after`. */
  copy(slots: number, after: number): RecentTable {
    const copy = new RecentTable(slots)
    this.each(after, (hi, lo, time) => copy.add(hi, lo, time))
    return copy
  }

  /** Entries received after `after`, in no order. */
  each(after: number, take: (hi: number, lo: number, time: number) => void): void {
    for (let slot = 0; slot < this.slots; slot++) {
      const time = this.times[slot] as number
      if (time > after) take(this.hi[slot] as number, this.lo[slot] as number, time)
    }
  }

  /**
   * The entries received after `after`, sorted by fingerprint, as words `hi, lo, time − base` each; base is the oldest
   * time among them. Undefined where there are none.
   */
  sorted(after: number): SortedEntries | undefined {
    let count = 0
    let baseMs = Number.POSITIVE_INFINITY
    let lastMs = Number.NEGATIVE_INFINITY
    for (const time of this.times) {
      if (time <= after) continue
      count += 1
      if (time < baseMs) baseMs = time
      if (time > lastMs) lastMs = time
    }
    if (count === 0) return undefined
    const order = this.order(after, count)
    const words = new Uint32Array(count * 3)
    for (let i = 0; i < count; i++) {
      const slot = order[2 * i] as number
      words[3 * i] = this.hi[slot] as number
      words[3 * i + 1] = this.lo[slot] as number
      words[3 * i + 2] = (this.times[slot] as number) - baseMs
    }
    return { words, baseMs, lastMs }
  }

  /**
   * Slots in order of fingerprint, at even places. Each is packed below its high word into one 64-bit number, because
   * sorting numbers natively takes a tenth of the time of a comparator; the few equal high words are put right after.
   */
  private order(after: number, count: number): Uint32Array {
    const packed = new BigUint64Array(count)
    const words = new Uint32Array(packed.buffer)
    let next = 0
    for (let slot = 0; slot < this.slots; slot++) {
      if ((this.times[slot] as number) <= after) continue
      words[next] = slot
      words[next + 1] = this.hi[slot] as number
      next += 2
    }
    packed.sort()
    const lowOf = (i: number) => this.lo[words[2 * i] as number] as number
    for (let i = 1; i < count; i++) {
      for (let j = i; j > 0 && words[2 * j - 1] === words[2 * j + 1] && lowOf(j - 1) > lowOf(j); j--) {
        const slot = words[2 * j] as number
        words[2 * j] = words[2 * j - 2] as number
        words[2 * j - 2] = slot
      }
    }
    return words
  }
}

export interface SortedEntries {
  readonly words: Uint32Array
  readonly baseMs: number
  readonly lastMs: number
}

/** How many entries a table of `slots` takes. */
export function entriesIn(slots: number): number {
  return Math.floor(slots * fillLimit)
}

export function tableBytes(slots: number): number {
  return slots * slotBytes
}
