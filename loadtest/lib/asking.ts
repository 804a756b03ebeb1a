/** Those who look at numbers: one who watches how fresh they are, and many who open dashboards. */
import http from 'k6/http'
import { KnownTags } from './known-tags.ts'
import { shopOf, type World } from './life.ts'
import { asOfLagMs, errors, readMs } from './metrics.ts'
import { askUrl } from './settings.ts'

/** What a dashboard draws: interval, days back, metrics. */
const charts = [
  { interval: 'hour', days: 1, metrics: 'hits,visitors,revenue' },
  { interval: 'hour', days: 1, metrics: 'pageviews' },
  { interval: 'day', days: 7, metrics: 'visitors' },
  { interval: 'day', days: 7, metrics: 'orders,revenue' },
  { interval: 'day', days: 30, metrics: 'hits' },
  { interval: 'day', days: 30, metrics: 'visitors' },
]
const dayMs = 86_400_000

/** Of this virtual user. */
const tags = new KnownTags()

/** Once a second: how far the numbers of the busiest merchant are behind the clock. */
export function watch({ shops }: World): void {
  const [shop] = shops
  if (shop === undefined) return
  const path = `/v1/merchants/${shop.id}/timeseries?metrics=hits&interval=day`
  const answer = http.get(`${askUrl}${path}`, { headers: { authorization: `Bearer ${shop.readKey}` }, timeout: '30s' })
  errors.add(answer.status !== 200)
  if (answer.status !== 200) return
  const { meta } = answer.json() as { readonly meta: { readonly asOf: string } }
  const asOf = Date.parse(meta.asOf)
  // Before the first commit of a new system there is nothing to be fresh.
  if (asOf > 0) asOfLagMs.add(Date.now() - asOf)
}

/** One chart of one merchant; the second of two equal ones is asked with the first one's ETag, as a browser does. */
export function read(world: World): void {
  const shop = shopOf(world)
  const chart = charts[Math.floor(Math.random() * charts.length)]
  if (chart === undefined) return
  const today = Date.now()
  const [from, to] = [today - (chart.days - 1) * dayMs, today].map((ms) => new Date(ms).toISOString().slice(0, 10))
  const range = `from=${from}&to=${to}&interval=${chart.interval}&metrics=${chart.metrics}`
  const address = `${askUrl}/v1/merchants/${shop.id}/timeseries?${range}`
  const known = tags.of(address)
  const answer = http.get(address, {
    headers: { authorization: `Bearer ${shop.readKey}`, ...(known && { 'if-none-match': known }) },
    timeout: '30s',
    responseType: 'none',
  })
  errors.add(answer.status !== 200 && answer.status !== 304)
  readMs.add(answer.timings.duration)
  if (answer.status === 200 && answer.headers.Etag !== undefined) tags.remember(address, answer.headers.Etag)
}
