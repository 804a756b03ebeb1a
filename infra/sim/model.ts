/** What has to become of every hit, worked out from the records alone: plain, and sharing no code with the pipeline. */
import type { Hit, HitBatch } from '../../core/hit.ts'
import type { Appended } from './collecting.ts'
import { botAgent, offsetsMs, shops } from './plan.ts'

const hourMs = 3_600_000
const windowMs = 24 * hourMs

export interface Placed {
  readonly partition: number
  readonly offset: number
  readonly index: number
  readonly batch: HitBatch
  readonly hit: Hit
}

/** `removed`: of an erased visitor: stored and taken out again, or dropped on the way. */
export type Outcome = 'stored' | 'duplicate' | 'failed' | 'removed'

export interface Expected {
  readonly hits: ReadonlyMap<string, Placed>
  /** Places of failed hits with their reason. */
  readonly failed: ReadonlyMap<string, string>
  readonly all: number
  readonly duplicates: number
  readonly removed: number
  readonly poison: number
}

export interface Erased {
  readonly merchant: string
  readonly visitor: string
  readonly through: number
}

export const placeKey = (partition: number, offset: number, index: number) => `${partition}/${offset}/${index}`

/** Of one partition: its batches in order, each with the offset that the pipeline gives it. */
export interface PartitionRecords {
  readonly partition: number
  readonly records: readonly { readonly offset: number; readonly index: number; readonly record: Appended }[]
}

export interface Ruled {
  /** `all`: as the plan that reruns bring in has it. */
  readonly passes: 'what is not blocked' | 'all'
  /** Of which merchants; null: what nobody can decode. */
  readonly has: (merchant: string | null) => boolean
}

export const firstPlan: Ruled = { passes: 'what is not blocked', has: () => true }

export function expectedOf(
  partitions: readonly PartitionRecords[],
  erased: readonly Erased[],
  { passes, has }: Ruled = firstPlan,
): Expected {
  const hits = new Map<string, Placed>()
  const failed = new Map<string, string>()
  let [all, duplicates, removed, poison] = [0, 0, 0, 0]
  for (const { partition, records } of partitions) {
    const seen = new Map<string, number>()
    /** Received times of a partition never go back, for the step that knows repeats. */
    let newest = Number.NEGATIVE_INFINITY
    for (const { offset, index: first, record } of records) {
      const { batch } = record
      if (batch === null) {
        if (!has(null)) continue
        all += 1
        poison += 1
        failed.set(placeKey(partition, offset, first), 'poison_record')
        continue
      }
      newest = Math.max(newest, batch.received)
      if (!has(batch.merchant)) continue
      batch.hits.forEach((hit, at) => {
        const index = first + at
        all += 1
        const key = `${batch.merchant} ${hit.id}`
        const before = seen.get(key)
        if (before !== undefined && newest - before < windowMs) {
          duplicates += 1
          return
        }
        seen.set(key, newest)
        if (isErased(erased, batch, hit)) {
          removed += 1
          return
        }
        const shop = shops.find(({ id }) => id === batch.merchant)
        const place = placeKey(partition, offset, index)
        if (passes !== 'all' && shop?.blockedNames.includes(hit.name)) failed.set(place, 'blocked_name')
        else hits.set(place, { partition, offset, index, batch, hit })
      })
    }
  }
  return { hits, failed, all, duplicates, removed, poison }
}

export function isErased(erased: readonly Erased[], { merchant, received }: HitBatch, { visitor }: Hit): boolean {
  return erased.some((each) => each.merchant === merchant && each.visitor === visitor && received <= each.through)
}

export interface Counted {
  hits: number
  pageviews: number
  orders: number
  revenueMicros: bigint
  readonly visitors: Set<string>
}

export const isBot = (hit: Hit) => hit.context?.userAgent === botAgent

/** By merchant and start of the local hour: what hourly numbers must be. */
export function hoursOf(hits: Iterable<Placed>): Map<string, Counted> {
  const hours = new Map<string, Counted>()
  for (const { batch, hit } of hits) {
    if (isBot(hit)) continue
    const shop = shops.findIndex(({ id }) => id === batch.merchant)
    const offset = offsetsMs[shop] ?? 0
    const start = Math.floor((hit.time + offset) / hourMs) * hourMs - offset
    const key = `${batch.merchant} ${start}`
    const hour = hours.get(key) ?? { hits: 0, pageviews: 0, orders: 0, revenueMicros: 0n, visitors: new Set<string>() }
    hours.set(key, hour)
    hour.hits += 1
    if (hit.name === 'page_view') hour.pageviews += 1
    if (hit.name === 'purchase') hour.orders += 1
    if (hit.revenue?.currency === shops[shop]?.currency) hour.revenueMicros += hit.revenue?.micros ?? 0n
    hour.visitors.add(hit.visitor)
  }
  return hours
}
