/** Questions to a gateway, while all goes on and at rest, and what their answers must hold. */
import { utcDayText } from '../../core/event-time.ts'
import type { createTimeSeries } from '../../gateway/core/time-series.ts'
import type { Appended } from './collecting.ts'
import { type Counted, type Erased, isBot, isErased } from './model.ts'
import { offsetsMs, shops, startMs } from './plan.ts'
import type { Simulation } from './simulation.ts'
import { expectEqual, Wrong } from './wrong.ts'

type TimeSeries = ReturnType<typeof createTimeSeries>

const dayMs = 86_400_000
const hourMs = 3_600_000

export interface Answer {
  readonly buckets: readonly Record<string, unknown>[]
  readonly asOf: number
  readonly stale: boolean
}

/** Asks for all hours or days from four days before the start to `toMs`. */
export async function ask(
  series: TimeSeries,
  merchant: number,
  question: { readonly interval: 'hour' | 'day'; readonly metrics: string; readonly toMs: number },
): Promise<Answer> {
  const shop = shops[merchant] as (typeof shops)[number]
  const from = utcDayText(Math.floor((startMs - 4 * dayMs) / dayMs))
  const to = utcDayText(Math.floor((question.toMs + dayMs) / dayMs))
  const parameters = { from, to, interval: question.interval, metrics: question.metrics }
  const search = new URLSearchParams(parameters).toString()
  const { body } = await series.answer({ merchant: shop, search, parameters })
  const { buckets, meta } = JSON.parse(String(body))
  return { buckets, asOf: Date.parse(meta.asOf), stale: meta.stale === true }
}

/** What must be in an answer, and what may. */
export interface Known {
  readonly records: readonly Appended[]
  readonly erased: readonly Erased[]
}

/**
 * Every hit that was acknowledged and received before `asOf` is in it, none is in it twice. Hits that a repeat of their id
 * could stand for are counted once, those of erased visitors as they come.
 */
export function checkBetween(
  { merchant, isRerun }: { readonly merchant: number; readonly isRerun: boolean },
  { buckets, asOf }: Answer,
  before: Known,
  after: Known,
): void {
  const shop = shops[merchant] as (typeof shops)[number]
  const total = buckets.reduce((sum, bucket) => sum + Number(bucket.hits), 0)
  const least = new Set<string>()
  for (const { batch, state } of before.records) {
    if (batch === null || state !== 'acknowledged' || batch.merchant !== shop.id || batch.received >= asOf) continue
    for (const hit of batch.hits) {
      if (isBot(hit) || shop.blockedNames.includes(hit.name) || isErased(after.erased, batch, hit)) continue
      least.add(hit.id)
    }
  }
  let most = 0
  // Of a record that was refused nobody was told that it is kept; a process that dies before it mends its log may find it.
  for (const { batch } of after.records) {
    if (batch === null || batch.merchant !== shop.id) continue
    // A plan that a rerun brings in may count what the merchant has blocked.
    for (const hit of batch.hits) if (!isBot(hit) && (isRerun || !shop.blockedNames.includes(hit.name))) most += 1
  }
  if (total < least.size) {
    const had = `${shop.id} has ${total} hits as of ${new Date(asOf).toISOString()}`
    throw new Wrong('asOf lies', `${had}; acknowledged and received before were ${[...least].join(', ')}`)
  }
  if (total > most) throw new Wrong('counted twice', `${shop.id} has ${total} hits; ${most} were ever sent`)
}

/** At rest: answers by hour are the recount. */
export function checkHours(merchant: number, { buckets }: Answer, hours: ReadonlyMap<string, Counted>): void {
  const shop = shops[merchant] as (typeof shops)[number]
  const found = buckets
    .filter(({ hits }) => Number(hits) > 0)
    .map(({ start, hits, pageviews, orders, visitors, revenue }) => [
      Date.parse(String(start)),
      hits,
      pageviews,
      orders,
      visitors,
      Math.round(Number(revenue) * 1e6),
    ])
  const due = [...hours]
    .filter(([key]) => key.startsWith(`${shop.id} `))
    .map(([key, hour]): [number, ...unknown[]] => [
      Number(key.slice(shop.id.length + 1)),
      hour.hits,
      hour.pageviews,
      hour.orders,
      hour.visitors.size,
      Number(hour.revenueMicros),
    ])
    .sort(([a], [b]) => a - b)
  expectEqual('answers', `the hours of ${shop.id}`, found, due)
}

/** By local day, as hours add up. */
export function checkDays(merchant: number, { buckets }: Answer, hours: ReadonlyMap<string, Counted>): void {
  const shop = shops[merchant] as (typeof shops)[number]
  const offset = offsetsMs[merchant] ?? 0
  const days = new Map<number, { hits: number; visitors: Set<string> }>()
  for (const [key, hour] of hours) {
    if (!key.startsWith(`${shop.id} `)) continue
    const start = Math.floor((Number(key.slice(shop.id.length + 1)) + offset) / (24 * hourMs)) * 24 * hourMs - offset
    const day = days.get(start) ?? { hits: 0, visitors: new Set<string>() }
    days.set(start, day)
    day.hits += hour.hits
    for (const visitor of hour.visitors) day.visitors.add(visitor)
  }
  const found = buckets
    .filter(({ hits }) => Number(hits) > 0)
    .map(({ start, hits, visitors }) => [Date.parse(String(start)), hits, visitors])
  const due = [...days]
    .map(([start, { hits, visitors }]): [number, number, number] => [start, hits, visitors.size])
    .sort(([a], [b]) => a - b)
  expectEqual('answers', `the days of ${shop.id}`, found, due)
}

/** What is asked at rest. */
export interface AskedAtRest {
  readonly timeSeries: TimeSeries
  /** Cells of its own, so that nothing it answers was kept. */
  readonly uncached: () => TimeSeries
}

/** @throws Wrong where an answer is not the recount, or what is kept differs from what is computed */
export async function checkRestAnswers(
  simulation: Simulation,
  { timeSeries, uncached }: AskedAtRest,
  hours: ReadonlyMap<string, Counted>,
): Promise<void> {
  const toMs = simulation.farMs
  // A gateway learns of commits by asking the store each second.
  const until = simulation.time.passedMs + 3_000
  await simulation.until('a poll of versions', () => simulation.time.passedMs > until)
  const answer = (series: TimeSeries, merchant: number, interval: 'hour' | 'day', metrics: string) =>
    simulation.drive('an answer', ask(series, merchant, { interval, metrics, toMs }))
  for (let merchant = 0; merchant < shops.length; merchant++) {
    checkHours(merchant, await answer(timeSeries, merchant, 'hour', 'hits,pageviews,orders,visitors,revenue'), hours)
    checkDays(merchant, await answer(timeSeries, merchant, 'day', 'hits,visitors'), hours)
    const all = 'hits,sessions,bounce_rate,visitors,load_p95'
    const kept = await answer(timeSeries, merchant, 'day', all)
    const anew = await answer(uncached(), merchant, 'day', all)
    expectEqual('cached', 'a kept answer', kept.buckets, anew.buckets)
  }
}
