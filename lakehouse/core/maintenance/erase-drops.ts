/**
 * Days of hits that one job counted before it knew of their erasure and the other left out after. No row of `hits` tells of
 * them, so the epochs that left them out do (`EpochCommit.droppedDays`), until the days are computed again.
 */
import { dayMs } from '../../../core/event-time.ts'
import type { MerchantId } from '../../../core/ids.ts'
import type { ControlStore } from '../../../core/ports/control-store.ts'
import { type DroppedDay, droppedDaysPageMax, type Erasure } from '../../../core/ports/erasure-store.ts'
import type { Rerun } from '../../../core/ports/rerun-store.ts'
import { type HourlyGeneration, hasHours, isBeingRerun } from './hourly-generations.ts'

export const dropKey = ({ epoch, merchant, day }: DroppedDay): string => `${epoch} ${day} ${merchant}`

/** All reports that there are. */
export async function droppedDays(store: Pick<ControlStore, 'droppedDays'>): Promise<readonly DroppedDay[]> {
  const found: DroppedDay[] = []
  for (;;) {
    const after = found.at(-1)
    const page = await store.droppedDays({ limit: droppedDaysPageMax, ...(after !== undefined && { after }) })
    found.push(...page)
    if (page.length < droppedDaysPageMax) return found
  }
}

/**
 * Those whose hits nobody counts any more who does not know of their erasure, whichever of the open ones it is: all that the
 * epoch knew of are settled.
 */
export function dueDrops(
  drops: readonly DroppedDay[],
  known: {
    readonly open: readonly Erasure[]
    readonly settled: readonly Erasure[]
    readonly reruns: readonly Rerun[]
  },
): readonly DroppedDay[] {
  const settled = new Set(known.settled.map(({ id }) => id))
  /** By merchant the first asking that is not settled. */
  const waits = new Map<MerchantId, number>()
  for (const { id, merchant, asking } of known.open) {
    if (!settled.has(id)) waits.set(merchant, Math.min(asking, waits.get(merchant) ?? asking))
  }
  return drops.filter(
    ({ merchant, erasuresKnown }) =>
      erasuresKnown < (waits.get(merchant) ?? Number.POSITIVE_INFINITY) && !isBeingRerun(known.reruns, merchant),
  )
}

/** The generations whose hours of the day are to be computed again; none where its hits are not kept any more. */
export function generationsOf(
  { merchant, day }: Pick<DroppedDay, 'merchant' | 'day'>,
  generations: readonly HourlyGeneration[],
  kept: ReadonlyMap<MerchantId, number>,
): readonly HourlyGeneration[] {
  const start = day * dayMs
  if (start < (kept.get(merchant) ?? Number.NEGATIVE_INFINITY)) return []
  return generations.filter((of) => hasHours(of, merchant, start))
}

/** They are counted again. */
export async function forgetDrops(
  store: Pick<ControlStore, 'forgetDroppedDays'>,
  drops: readonly DroppedDay[],
): Promise<void> {
  for (let at = 0; at < drops.length; at += droppedDaysPageMax) {
    await store.forgetDroppedDays(drops.slice(at, at + droppedDaysPageMax))
  }
}
