/**
 * The generations of `hourly` that are kept up to date, and the hits that each is made of: its own where it has some, those
 * that answer elsewhere. An hour at the edge of a generation's place may hold hits of the other side of midnight, which it
 * has none of; these are taken as they answer.
 */
import {
  type GenerationEntry,
  type GenerationMap,
  type GenerationPlace,
  generationMap,
  isInPlace,
  placesMeet,
} from '../../../core/generations.ts'
import type { MerchantId } from '../../../core/ids.ts'
import type { ControlStore } from '../../../core/ports/control-store.ts'
import { openRerunsMax, type Rerun } from '../../../core/ports/rerun-store.ts'

/** The pipeline that writes `hits` and `hourly`. */
const pipeline = 'hits'

export type GenerationsStore = Pick<ControlStore, 'reruns' | 'versionsSince' | 'writing'>

export interface HourlyGeneration {
  readonly generation: number
  /** Where it has rows. */
  readonly places: readonly GenerationPlace[]
  readonly hitGenerations: GenerationMap
}

export async function hourlyGenerations(store: GenerationsStore): Promise<readonly HourlyGeneration[]> {
  const map = generationMap((await store.versionsSince(Number.MAX_SAFE_INTEGER)).generations)
  const { generations } = await store.writing(pipeline)
  return generations
    .filter(({ sinks }) => sinks.includes('hourly'))
    .map(({ generation, places, sinks }) => {
      const own = places.map((place): GenerationEntry => ({ ...place, sink: 'hits', generation }))
      const entries = sinks.includes('hits') ? [...map.entries, ...own] : map.entries
      return { generation, places, hitGenerations: { base: map.base, entries } }
    })
}

/** Whether the generation has rows of the merchant's UTC day, whose start is `timeMs`. */
export function hasHours({ places }: HourlyGeneration, merchant: MerchantId, timeMs: number): boolean {
  return places.some((place) => isInPlace(place, merchant, timeMs))
}

/**
 * Whether a rerun is making rows of the merchant: some are there and others are not, and a split under way may not know of
 * an erasure that was asked for since it began.
 */
export function isBeingRerun(reruns: readonly Rerun[], merchant: MerchantId): boolean {
  return reruns.some(({ state, rests, request }) => {
    const at = rests ?? state
    if (at !== 'backfilling' && at !== 'catching_up') return false
    return request.places.some((place) => placesMeet(place, { merchant, from: null, to: null }))
  })
}

export const openReruns = (store: Pick<ControlStore, 'reruns'>): Promise<readonly Rerun[]> =>
  store.reruns({ open: true, limit: openRerunsMax })
