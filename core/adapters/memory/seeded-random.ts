/** Random bytes that are the same in every run of one seed. For tests and simulations only: anybody can predict them. */
import type { Random } from '../../ports/clock.ts'

export interface SeededRandom extends Random {
  /** A whole number in [0, limit), limit at most 2^32. */
  below(limit: number): number
}

/** The generator `mulberry32` (Tommy Ettinger's, public domain): 32 bits of state, enough to vary a test. */
export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0
  function word(): number {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  return {
    bytes(count) {
      const bytes = new Uint8Array(count)
      for (let i = 0; i < count; i++) bytes[i] = word()
      return bytes
    },
    below: (limit) => Math.floor((word() / 2 ** 32) * limit),
  }
}
