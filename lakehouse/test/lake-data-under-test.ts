/**
 * One data set with all that two engines could disagree about: merchants in zones of odd offsets, sketches that are full,
 * revenue below zero and sums beyond 64 bits, hits without visitors, bots, late hits, two generations.
 */
import { seededRandom } from '../../core/adapters/memory/seeded-random.ts'
import { dayMs, eventTime } from '../../core/event-time.ts'
import type { MerchantId } from '../../core/ids.ts'
import type { LakeRow } from '../../core/tables.ts'
import { calendarBucket } from '../../core/time/calendar.ts'
import { totalSketchSize } from '../../schemas/tables.ts'

/** 30 days over which New York, Lord Howe (by half an hour), Berlin and Santiago change their clocks. */
export const firstMs = eventTime('2026-03-08T00:00:00Z')
export const days = 30
export const lastMs = firstMs + days * dayMs

export const merchants: readonly { readonly id: MerchantId; readonly zone: string; readonly hits: number }[] = [
  { id: 'kathmandu' as MerchantId, zone: 'Asia/Kathmandu', hits: 4_000 },
  { id: "lord howe's" as MerchantId, zone: 'Australia/Lord_Howe', hits: 4_000 },
  { id: 'newyork' as MerchantId, zone: 'America/New_York', hits: 4_000 },
  { id: 'newyork2' as MerchantId, zone: 'Europe/Berlin', hits: 3_000 },
  // More visitors than a sketch holds, on one day and in all.
  { id: 'ÄÖ☕-münchen😀' as MerchantId, zone: 'Pacific/Chatham', hits: 25_000 },
]

/** Files of `hits` and `hourly`, in order of publication; the later ones hold late rows. */
export function drawnFiles(seed: number): Readonly<Record<'hits' | 'hourly', readonly (readonly LakeRow[])[]>> {
  const draw = drawing(seed)
  const hits: LakeRow[] = []
  for (const { id: merchant, zone, hits: count } of merchants) {
    for (let i = 0; i < count; i++) {
      const crowded = count > 10_000 && i % 2 === 0
      const time = crowded ? firstMs + 10 * dayMs + draw.below(dayMs) : firstMs + draw.below(days * dayMs)
      const paid = draw.below(10)
      hits.push({
        merchant,
        id: `${i}`,
        name: draw.of(['page_view', 'page_view', 'purchase', 'view_item', 'Purchase']),
        // Some on the edges of hours.
        time: draw.below(20) === 0 ? calendarBucket('hour', zone, time).start - draw.below(2) : time,
        received: time,
        visitor: 'v',
        bot: draw.below(15) === 0,
        visitor_hash: draw.below(30) === 0 ? null : draw.hash(crowded ? 60_000 : 900),
        revenue_home_micros:
          paid > 2 ? null : paid === 0 ? -BigInt(draw.below(1e9)) : 2n ** 61n + BigInt(draw.below(1e9)),
        _src: 'feed',
        _part: draw.below(4),
        _off: i,
        _idx: 0,
        _gen: draw.below(8) === 0 ? 2 : 1,
      })
    }
  }
  const late = hits.filter((_, i) => i % 9 === 0)
  const files = [hits.filter((_, i) => i % 9 > 4), hits.filter((_, i) => i % 9 > 0 && i % 9 <= 4), late]
  return { hits: files, hourly: files.map(partials) }
}

/** Partial rows as a job makes them: one per merchant, local hour, generation and partition. */
function partials(hits: readonly LakeRow[]): LakeRow[] {
  const zones = new Map<unknown, string>(merchants.map(({ id, zone }) => [id, zone]))
  const rows = new Map<string, { row: Record<string, LakeRow[string]>; visitors: Set<bigint> }>()
  for (const hit of hits) {
    if (hit.bot === true) continue
    const bucket = calendarBucket('hour', zones.get(hit.merchant) ?? 'UTC', Number(hit.time)).start
    const key = JSON.stringify([hit.merchant, bucket, hit._gen, hit._part])
    let partial = rows.get(key)
    if (partial === undefined) {
      const row = { merchant: hit.merchant, bucket, breakdown: 'total', value: '', _src: 'feed', _part: hit._part }
      const sums = { hits: 0, pageviews: 0, orders: 0, revenue_micros: 0n, _off_from: 0, _off_to: 0, _gen: hit._gen }
      partial = { row: { ...row, ...sums }, visitors: new Set() }
      rows.set(key, partial)
    }
    const { row, visitors } = partial
    row.hits = Number(row.hits) + 1
    if (hit.name === 'page_view') row.pageviews = Number(row.pageviews) + 1
    if (hit.name === 'purchase') row.orders = Number(row.orders) + 1
    // Far beyond 64 bits, as the column allows.
    row.revenue_micros =
      BigInt(row.revenue_micros as bigint) + BigInt((hit.revenue_home_micros as bigint) ?? 0n) * 10n ** 12n
    if (typeof hit.visitor_hash === 'bigint') visitors.add(hit.visitor_hash)
  }
  return [...rows.values()].map(({ row, visitors }) => ({
    ...row,
    visitors: [...visitors].sort((a, b) => (a < b ? -1 : 1)).slice(0, totalSketchSize),
  }))
}

/** Reproducible draws. */
export function drawing(seed: number) {
  const random = seededRandom(seed)
  return {
    below: random.below,
    of: <T>(values: readonly T[]): T => values[random.below(values.length)] as T,
    /** One of `kinds` hashes, spread over 63 bits. */
    hash: (kinds: number) => BigInt.asUintN(63, BigInt(random.below(kinds) + 1) * 0x9e3779b97f4a7c15n),
  }
}
