/** Numbers drawn from a seed: the same seed gives the same ones for ever, on any machine. For traffic, not for secrets. */

/** Tommy Ettinger's mulberry32: 32 bits of state, in [0, 1). */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** What traffic is drawn with. */
export class Draws {
  readonly #next: () => number

  /** Streams of different numbers have nothing to do with each other. */
  constructor(...numbers: readonly number[]) {
    let seed = 0x9e3779b9
    for (const number of numbers) seed = Math.floor(mulberry32(seed ^ Math.trunc(number))() * 2 ** 32)
    this.#next = mulberry32(seed)
  }

  /** In [0, 1). */
  unit(): number {
    return this.#next()
  }

  /** True in `share` of all draws. */
  chance(share: number): boolean {
    return this.#next() < share
  }

  /** Whole, in [from, to]. */
  whole(from: number, to: number): number {
    return from + Math.floor(this.#next() * (to - from + 1))
  }

  /** One of a list, each as likely as its weight. */
  weighted<T extends { readonly weight: number }>(list: readonly T[]): T {
    let left = this.#next() * list.reduce((sum, { weight }) => sum + weight, 0)
    for (const each of list) {
      left -= each.weight
      if (left < 0) return each
    }
    return list[list.length - 1] as T
  }

  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#next() * list.length)] as T
  }

  /** Log-normal around `median`; two thirds lie within a factor of e^spread. */
  logNormal(median: number, spread: number): number {
    // Box and Muller; 1 − u keeps the logarithm finite.
    const normal = Math.sqrt(-2 * Math.log(1 - this.#next())) * Math.cos(2 * Math.PI * this.#next())
    return median * Math.exp(spread * normal)
  }
}
