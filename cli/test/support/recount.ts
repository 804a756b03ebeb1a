/**
 * An independent recount of what was sent: written from the contract (api.md) with Temporal and plain maps, sharing no
 * code with the pipeline, the tables or the gateway.
 */
import { Temporal } from 'temporal-polyfill'
import { botAgent, type Sending, type SentHit, type Shop } from './traffic.ts'

export interface Counts {
  hits: number
  pageviews: number
  orders: number
  visitors: number
  revenue: string
}

export interface Recount {
  /** Bucket start (ISO with offset, as the API writes it) to counts; empty buckets absent. */
  readonly buckets: ReadonlyMap<string, Counts>
  readonly stored: number
  readonly duplicates: number
  readonly failed: number
}

export type Interval = 'hour' | 'day' | 'week' | 'month'

/** What the API must answer for `shop` after `sendings`, each accepted, all within 24 h of receipt. */
export function recount(
  sendings: readonly Sending[],
  shop: Shop,
  interval: Interval,
  timeZone = shop.timeZone,
): Recount {
  const seen = new Set<string>()
  let stored = 0
  let duplicates = 0
  let failed = 0
  const buckets = new Map<
    string,
    { hits: number; pageviews: number; orders: number; visitors: Set<string>; cents: bigint }
  >()
  for (const { hit, shop: owner } of sendings) {
    if (owner.id !== shop.id) continue
    if (seen.has(hit.id)) {
      duplicates++
      continue
    }
    seen.add(hit.id)
    if (shop.blockedNames.includes(hit.name)) {
      failed++
      continue
    }
    stored++
    if (hit.context?.userAgent === botAgent) continue
    const start = bucketStart(hit.time, timeZone, interval)
    let bucket = buckets.get(start)
    if (!bucket) {
      bucket = { hits: 0, pageviews: 0, orders: 0, visitors: new Set(), cents: 0n }
      buckets.set(start, bucket)
    }
    bucket.hits++
    if (hit.name === 'page_view') bucket.pageviews++
    if (hit.name === 'purchase') bucket.orders++
    bucket.visitors.add(hit.visitor)
    bucket.cents += homeCents(hit, shop)
  }
  const counts = new Map<string, Counts>()
  for (const [start, bucket] of buckets) {
    counts.set(start, {
      hits: bucket.hits,
      pageviews: bucket.pageviews,
      orders: bucket.orders,
      visitors: bucket.visitors.size,
      revenue: (Number(bucket.cents) / 100).toFixed(2),
    })
  }
  return { buckets: counts, stored, duplicates, failed }
}

function homeCents(hit: SentHit, shop: Shop): bigint {
  if (!hit.revenue || hit.revenue.currency !== shop.currency) return 0n
  return BigInt(Math.round(Number(hit.revenue.amount) * 100))
}

const startCache = new Map<string, string>()

/** Offsets and clock changes of our time fall on quarters of an hour: all instants of one share their bucket. */
const quarterMs = 900_000

/** Start of the bucket that holds an instant, as the API writes it. */
export function bucketStart(iso: string, timeZone: string, interval: Interval): string {
  const quarter = Math.floor(Date.parse(iso) / quarterMs) * quarterMs
  const key = `${interval} ${timeZone} ${quarter}`
  let start = startCache.get(key)
  if (start === undefined) {
    start = slowBucketStart(Temporal.Instant.fromEpochMilliseconds(quarter), timeZone, interval)
    startCache.set(key, start)
  }
  return start
}

function slowBucketStart(instant: Temporal.Instant, timeZone: string, interval: Interval): string {
  const local = instant.toZonedDateTimeISO(timeZone)
  const text = (at: Temporal.ZonedDateTime) =>
    at.toString({ timeZoneName: 'never', calendarName: 'never', smallestUnit: 'second' })
  if (interval === 'hour') {
    // Back by quarters to the instant where the local hour began.
    let at = local
    while (at.minute !== 0) {
      const before = at.subtract({ minutes: 15 })
      if (before.hour !== at.hour) break
      at = before
    }
    return text(at)
  }
  if (interval === 'day') return text(local.startOfDay())
  if (interval === 'week') return text(local.subtract({ days: local.dayOfWeek - 1 }).startOfDay())
  return text(local.with({ day: 1 }).startOfDay())
}
