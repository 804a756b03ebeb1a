/** Asks a server for a shop's whole year, in as many answers as that takes. */
import type { Counts, Interval } from './recount.ts'
import { call } from './server.ts'
import type { Shop } from './traffic.ts'

const dayMs = 86_400_000
const date = (ms: number): string => new Date(ms).toISOString().slice(0, 10)

/** By start of bucket, as the API writes it; empty buckets left out. */
export async function wholeSeries(
  url: string,
  key: string,
  shop: Shop,
  asked: { readonly interval: Interval; readonly timeZone?: string | undefined },
): Promise<ReadonlyMap<string, Counts>> {
  const { interval, timeZone } = asked
  const zone = timeZone ? `&timeZone=${encodeURIComponent(timeZone)}` : ''
  const metrics = 'hits,pageviews,orders,visitors,revenue'
  const found = new Map<string, Counts>()
  // At most 10,000 buckets an answer: hours in stretches of 300 days.
  const stretchMs = interval === 'hour' ? 300 * dayMs : 10_000 * dayMs
  const end = Date.now() + dayMs
  for (let from = Date.parse('2026-01-01'); from < end; from += stretchMs) {
    const to = Math.min(from + stretchMs - dayMs, end)
    const path = `/v1/merchants/${shop.id}/timeseries?interval=${interval}&metrics=${metrics}&from=${date(from)}&to=${date(to)}${zone}`
    const reply = await call<{ buckets: (Counts & { start: string; end: string })[] }>(`${url}${path}`, { key })
    if (reply.status !== 200) throw new Error(`${reply.status} ${JSON.stringify(reply.body)}`)
    for (const { start, end: _end, ...counts } of reply.body.buckets) {
      if (counts.hits !== 0) found.set(start, { ...counts, revenue: Number(counts.revenue).toFixed(2) })
    }
  }
  return found
}
