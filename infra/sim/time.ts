/**
 * Time of the simulated machines: one monotonic clock for all, and a wall clock for each, which a fault may set. Timers
 * belong to a process: they are gone with it, and wait while it is stopped.
 */
import type { Clock, Timers } from '../../core/ports/clock.ts'

/** What a timer has to know of its owner. */
export interface TimerOwner {
  readonly state: 'alive' | 'paused' | 'dead'
}

interface Pending {
  readonly due: number
  readonly owner: TimerOwner
  readonly action: () => void
}

export class SimTime {
  #passedMs = 0
  /** In the order they are due, equal ones in the order they were set. */
  #pending: Pending[] = []

  constructor(readonly startMs: number) {}

  get passedMs(): number {
    return this.#passedMs
  }

  /** When the next timer of a process that runs is due; undefined where none waits. */
  nextDue(): number | undefined {
    return this.#pending.find(({ owner }) => owner.state === 'alive')?.due
  }

  /** Lets time pass without firing anything: as long as a machine sleeps. */
  skip(byMs: number): void {
    this.#passedMs += byMs
  }

  /** Lets time pass up to `untilMs` and fires the first timer that is due by then; says whether there was one. */
  fireOne(untilMs: number): boolean {
    this.#pending = this.#pending.filter(({ owner }) => owner.state !== 'dead')
    const at = this.#pending.findIndex(({ owner, due }) => owner.state === 'alive' && due <= untilMs)
    const next = this.#pending[at]
    if (next === undefined) {
      this.#passedMs = Math.max(this.#passedMs, untilMs)
      return false
    }
    this.#pending.splice(at, 1)
    this.#passedMs = Math.max(this.#passedMs, next.due)
    next.action()
    return true
  }

  timersOf(owner: TimerOwner): Timers {
    return {
      after: (delayMs, action) => {
        const timer = { due: this.#passedMs + Math.max(0, delayMs), owner, action }
        const place = this.#pending.findIndex((other) => other.due > timer.due)
        this.#pending.splice(place < 0 ? this.#pending.length : place, 0, timer)
        return () => {
          const found = this.#pending.indexOf(timer)
          if (found >= 0) this.#pending.splice(found, 1)
        }
      },
    }
  }
}

/** The wall clock of one machine. */
export class WallClock implements Clock {
  /** How far it is off. */
  offsetMs = 0

  constructor(private readonly time: SimTime) {}

  now(): number {
    return this.time.startMs + this.time.passedMs + this.offsetMs
  }

  monotonic(): number {
    return this.time.passedMs
  }
}
