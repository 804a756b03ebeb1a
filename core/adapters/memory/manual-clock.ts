/**
 * Time that stands still until a test moves it: clock and timers in one, so that they cannot disagree. Timers fire in
 * the order they are due (equal ones in the order they were set), each at exactly its own moment.
 */
import type { Clock, Timers } from '../../ports/clock.ts'

interface Pending {
  readonly due: number
  readonly action: () => void
}

export class ManualClock implements Clock, Timers {
  #passedMs = 0
  #wallMs: number
  #pending: Pending[] = []

  /** @param startMs what `now()` says at first, ms since 1970. */
  constructor(startMs = Date.parse('2026-03-01T09:00:00.000Z')) {
    this.#wallMs = startMs
  }

  now(): number {
    return this.#wallMs + this.#passedMs
  }

  monotonic(): number {
    return this.#passedMs
  }

  /** Timers that have not fired and were not cancelled. */
  get pendingTimers(): number {
    return this.#pending.length
  }

  after(delayMs: number, action: () => void): () => void {
    const timer = { due: this.#passedMs + Math.max(0, delayMs), action }
    // Behind those due at the same moment: first set, first fired.
    const place = this.#pending.findIndex((other) => other.due > timer.due)
    this.#pending.splice(place < 0 ? this.#pending.length : place, 0, timer)
    return () => {
      this.#pending = this.#pending.filter((other) => other !== timer)
    }
  }

  /** Lets `byMs` pass, firing what falls due on the way, timers set by timers included. */
  advance(byMs: number): void {
    const until = this.#passedMs + byMs
    for (let next = this.#pending[0]; next && next.due <= until; next = this.#pending[0]) {
      this.#pending.shift()
      this.#passedMs = next.due
      next.action()
    }
    this.#passedMs = until
  }

  /** Sets the wall clock, forward or back, as an operator would; no time passes and no timer fires. */
  setNow(wallMs: number): void {
    this.#wallMs = wallMs - this.#passedMs
  }
}
