/**
 * Timers of windows, soonest first: a binary heap. Timers due at one time go by their window's end, then start, then key,
 * so that two runs fire them alike.
 */
import { compareText } from '../../core/text-order.ts'

/** Its own copy of the window's bounds: a session's may change while the timer waits, and order must not. */
export interface Timer<T> {
  readonly at: number
  readonly end: number
  readonly start: number
  readonly key: string
  readonly of: T
}

export class TimerHeap<T> {
  readonly #timers: Timer<T>[] = []

  get size(): number {
    return this.#timers.length
  }

  first(): Timer<T> | undefined {
    return this.#timers[0]
  }

  push(timer: Timer<T>): void {
    const timers = this.#timers
    let at = timers.length
    timers.push(timer)
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = timers[above] as Timer<T>
      if (compare(parent, timer) <= 0) break
      timers[at] = parent
      at = above
    }
    timers[at] = timer
  }

  /** Takes the soonest away. */
  pop(): Timer<T> | undefined {
    const timers = this.#timers
    const first = timers[0]
    const moved = timers.pop()
    if (moved !== undefined && timers.length > 0) this.#sink(moved)
    return first
  }

  /** Takes away the timers that `keep` does not hold to. */
  sweep(keep: (timer: Timer<T>) => boolean): void {
    const kept = this.#timers.filter(keep)
    this.#timers.length = 0
    for (const timer of kept) this.push(timer)
  }

  #sink(timer: Timer<T>): void {
    const timers = this.#timers
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      if (below >= timers.length) break
      if (below + 1 < timers.length && compare(timers[below + 1] as Timer<T>, timers[below] as Timer<T>) < 0) below += 1
      const child = timers[below] as Timer<T>
      if (compare(timer, child) <= 0) break
      timers[at] = child
      at = below
    }
    timers[at] = timer
  }
}

function compare<T>(a: Timer<T>, b: Timer<T>): number {
  return a.at - b.at || a.end - b.end || a.start - b.start || compareText(a.key, b.key)
}
