/** What a run draws: one stream of numbers for each purpose, so that leaving a fault out does not change the traffic. */
import { type SeededRandom, seededRandom } from '../../core/adapters/memory/seeded-random.ts'

export interface Draw {
  /** A whole number in [0, limit). */
  below(limit: number): number
  /** True once in `times`, on average. */
  oneIn(times: number): boolean
  /** A whole number from `least` to `most`, both inclusive. */
  between(least: number, most: number): number
  of<T>(items: readonly T[]): T
  readonly source: SeededRandom
}

/** Streams of one seed with different purposes share nothing. */
export function drawOf(seed: number, purpose: string): Draw {
  let mixed = seed >>> 0
  for (const letter of purpose) mixed = Math.imul(mixed ^ letter.charCodeAt(0), 0x01000193) >>> 0
  const source = seededRandom(mixed)
  // Seeds that lie side by side begin alike: the first numbers are thrown away.
  for (let i = 0; i < 3; i++) source.below(2)
  const below = (limit: number) => source.below(limit)
  return {
    source,
    below,
    oneIn: (times) => below(times) === 0,
    between: (least, most) => least + below(most - least + 1),
    of<T>(items: readonly T[]): T {
      return items[below(items.length)] as T
    },
  }
}
