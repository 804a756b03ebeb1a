/** The machine's own clock, timers and randomness: what `bin` hands to everything that asks for the ports. */
import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import type { Clock, Random, Timers } from '../../ports/clock.ts'

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
}

/** Unref'd: a pending timer keeps no process alive. */
export const systemTimers: Timers = {
  after(delayMs, action) {
    const timer = setTimeout(action, delayMs)
    timer.unref()
    return () => clearTimeout(timer)
  },
}

/** Bytes of the system's cryptographic generator. */
export const systemRandom: Random = { bytes: (count) => randomBytes(count) }
