/**
 * What waits for a time: a queue of the times, soonest first, with all that waits for each. Windows end together, so there
 * are far fewer times than windows, and a binary heap of plain numbers holds them.
 */
export class TimerQueue<T> {
  readonly #waiting = new Map<number, T[]>()
  /** The times as a heap, each once. */
  readonly #times: number[] = []
  #size = 0
  /** Windows of one time are often set one after the other. */
  #lastTime = Number.NaN
  #last: T[] = []

  /** How many wait. */
  get size(): number {
    return this.#size
  }

  /** The soonest time; Infinity where nothing waits. */
  get next(): number {
    return this.#times[0] ?? Number.POSITIVE_INFINITY
  }

  /** What waits for the soonest time. */
  first(): readonly T[] {
    return this.#waiting.get(this.next) ?? []
  }

  add(time: number, one: T): void {
    this.#size += 1
    if (time === this.#lastTime) {
      this.#last.push(one)
      return
    }
    let waiting = this.#waiting.get(time)
    if (waiting === undefined) {
      waiting = []
      this.#waiting.set(time, waiting)
      this.#push(time)
    }
    waiting.push(one)
    this.#lastTime = time
    this.#last = waiting
  }

  /** Takes away all that waits for the soonest time, in no stated order. */
  takeNext(): T[] {
    const time = this.#times[0]
    if (time === undefined) return []
    this.#pop()
    const taken = this.#waiting.get(time) ?? []
    this.#waiting.delete(time)
    this.#size -= taken.length
    this.#lastTime = Number.NaN
    return taken
  }

  /** Takes away what `keep` does not hold to. */
  sweep(keep: (one: T, time: number) => boolean): void {
    const before = [...this.#waiting]
    this.#waiting.clear()
    this.#times.length = 0
    this.#size = 0
    this.#lastTime = Number.NaN
    for (const [time, waiting] of before) {
      for (const one of waiting) if (keep(one, time)) this.add(time, one)
    }
  }

  #push(time: number): void {
    const times = this.#times
    let at = times.length
    times.push(time)
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = times[above] as number
      if (parent <= time) break
      times[at] = parent
      at = above
    }
    times[at] = time
  }

  #pop(): void {
    const times = this.#times
    const moved = times.pop() as number
    const { length } = times
    if (length === 0) return
    let at = 0
    for (let below = 1; below < length; below = 2 * at + 1) {
      if (below + 1 < length && (times[below + 1] as number) < (times[below] as number)) below += 1
      const child = times[below] as number
      if (moved <= child) break
      times[at] = child
      at = below
    }
    times[at] = moved
  }
}
