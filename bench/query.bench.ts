/**
 * The last 24 hours of one merchant among 10,000, asked for the first time (cells cleared before each answer): the time
 * series by hour of hits, page views and visitors, and the totals of an overview. A million hits in three days; the table
 * `hourly` as a busy system has it: yesterday one file, today what the last rewrite left, what was published each minute
 * since, and the epochs of the last minute, each a file not published yet.
 *
 * Control: DuckDB itself, asked by hand-written SQL for the same numbers of the same files, which it is told. The ratio is
 * what finding the files, planning and a general query cost over that. Merchants are drawn by their traffic (Zipf, 1.0).
 * The times of all candidate's answers, warm-up left out, are figures of their own.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import { Draws } from '../cli/seed/random.ts'
import { type SeedHit, trafficOfDay } from '../cli/seed/traffic.ts'
import { utcDay } from '../core/event-time.ts'
import type { Merchant } from '../core/ports/control-store.ts'
import { queryJson } from '../gateway/core/query/answer-json.ts'
import type { Bench } from './runner.ts'
import { createLakeSystem, describeFiles, type LakeSystem } from './support/lake-system.ts'
import { percentile } from './support/percentiles.ts'
import { benchMerchant, seededBatches } from './support/seeded-batches.ts'

const shops = 10_000
/** The first shop's; the n-th has an n-th of it. */
const mostHitsPerDay = 50_000
const zones = ['Europe/Berlin', 'America/New_York', 'Asia/Kolkata']
const now = Date.parse('2026-06-30T15:00:00Z')
const dates = ['2026-06-29', '2026-06-30']
const minuteMs = 60_000
/** Publications since the last rewrite of today's partition: half of what calls for one. */
const publishedMinutes = 16
/** An epoch each two seconds, published each minute. */
const pendingEpochs = 30
const answersPerRun = 100

interface Rig {
  readonly system: LakeSystem
  readonly merchants: readonly Merchant[]
  readonly connection: DuckDBConnection
  /** Of the files that hold the last 24 hours, as a list of SQL. */
  readonly files: string
}
let rig: Rig | undefined
let ended = 0

function opened(): Rig {
  if (!rig) throw new Error('not set up')
  return rig
}

async function setup(): Promise<void> {
  if (rig) return
  const merchants = Array.from({ length: shops }, (_, n) => benchMerchant(`shop-${n}`, zones[n % 3] ?? 'UTC'))
  const system = await createLakeSystem({ now, merchants })
  const traffic = merchants.map((merchant, n) => ({ merchant, hits: trafficOf(merchant, n) }))
  const load = (from: number, to: number, epochMaxHits: number) => {
    const batches: Uint8Array[] = []
    let count = 0
    for (const { merchant, hits } of traffic) {
      const some = hits.filter(({ hit }) => hit.time >= from && hit.time < to)
      count += some.length
      batches.push(...seededBatches(merchant, some))
    }
    return count === 0 ? undefined : system.load(batches, epochMaxHits)
  }
  const pendingFrom = now - minuteMs
  const publishedFrom = pendingFrom - publishedMinutes * minuteMs
  await load(0, publishedFrom, 200_000)
  await system.publish()
  await system.maintain()
  for (let from = publishedFrom; from < pendingFrom; from += minuteMs) {
    await load(from, from + minuteMs, 200_000)
    await system.publish()
  }
  for (let n = 0; n < pendingEpochs; n++) {
    const step = minuteMs / pendingEpochs
    await load(pendingFrom + n * step, pendingFrom + (n + 1) * step, 200_000)
  }
  const days = { firstDay: utcDay(now) - 1, lastDay: utcDay(now) }
  const files = await system.files('hourly', (merchants[0] as Merchant).id, days)
  console.log(`  hourly of the two days: ${describeFiles(files)}`)
  const connection = await system.instance.connect()
  rig = { system, merchants, connection, files: files.map(({ localPath }) => `'${localPath}'`).join(', ') }
}

function trafficOf({ timeZone, currency }: Merchant, n: number): readonly SeedHit[] {
  const settings = { seed: n + 1, timeZone, currency, hitsPerDay: mostHitsPerDay / (n + 1) }
  return dates.flatMap((date) => trafficOfDay(settings, date)).filter(({ hit }) => hit.time < now)
}

async function teardown(): Promise<void> {
  ended += 1
  if (ended < benches.length || !rig) return
  rig.connection.closeSync()
  await rig.system.close()
  rig = undefined
}

/** By traffic: the n-th shop as often as an n-th of the first. The same ones in each run. */
function drawnMerchants(): readonly Merchant[] {
  const draws = new Draws(7)
  return Array.from({ length: answersPerRun }, () => {
    const n = Math.floor(shops ** draws.unit()) - 1
    return opened().merchants[Math.min(n, shops - 1)] as Merchant
  })
}

/** One after the other. @returns answers per second; adds how long each took, ms. */
async function answers(ask: (merchant: Merchant) => Promise<unknown>, times: number[] = []): Promise<number> {
  let all = 0
  for (const merchant of drawnMerchants()) {
    opened().system.cells.clear()
    const began = performance.now()
    await ask(merchant)
    const took = performance.now() - began
    times.push(took)
    all += took
  }
  return (answersPerRun * 1_000) / all
}

async function askDuckDb({ id }: Merchant, sql: string): Promise<unknown> {
  const { connection, files } = opened()
  const from = `read_parquet([${files}], union_by_name = true, hive_partitioning = false)`
  const where = `merchant = '${id}' AND breakdown = 'total' AND bucket > TIMESTAMPTZ '2026-06-29 15:00:00Z'`
  const reader = await connection.runAndReadAll(
    `WITH stored AS MATERIALIZED (SELECT * FROM ${from} WHERE ${where}), ` +
      `hashes AS (SELECT bucket, unnest(visitors) AS hash FROM stored) ${sql}`,
  )
  return reader.getRows()
}

const seriesSql = `
  SELECT bucket, hits, pageviews, visitors
  FROM (SELECT bucket, sum(hits) AS hits, sum(pageviews) AS pageviews FROM stored GROUP BY bucket)
  LEFT JOIN (SELECT bucket, count(DISTINCT hash) AS visitors FROM hashes GROUP BY bucket) USING (bucket)`
const totalsSql = `
  SELECT sum(hits), sum(pageviews), (SELECT count(DISTINCT hash) FROM hashes), sum(orders), sum(revenue_micros) FROM stored`

/** Without a range: the 24 hours that end with this one. */
const seriesParameters = { metrics: 'hits,pageviews,visitors', interval: 'hour' }

async function askSeries(merchant: Merchant): Promise<unknown> {
  const search = new URLSearchParams(seriesParameters).toString()
  return (await opened().system.newTimeSeries().answer({ merchant, search, parameters: seriesParameters })).body
}

const totals = { metrics: ['hits', 'pageviews', 'visitors', 'orders', 'revenue'], dateRange: '24h' }

async function askTotals(merchant: Merchant): Promise<unknown> {
  return queryJson(await opened().system.queries.answer({ merchant, body: totals }))
}

function bench(name: string, sql: string, ask: (merchant: Merchant) => Promise<unknown>): Bench {
  const times: number[] = []
  return {
    name,
    unit: 'answers/s',
    setup,
    teardown,
    also() {
      // Whatever was asked first is the warm-up's.
      const counted = times.slice(answersPerRun)
      const note = `of ${counted.length} answers`
      const at = (part: number) => Number(percentile(counted, part).toPrecision(3))
      return [
        { name: `${name}, p50`, value: at(0.5), unit: 'ms', note },
        { name: `${name}, p99`, value: at(0.99), unit: 'ms', note },
      ]
    },
    control: {
      name: 'DuckDB by hand over the same files',
      run: () => answers((merchant) => askDuckDb(merchant, sql)),
    },
    candidate: { name: 'without cells', run: () => answers(ask, times) },
  }
}

export const benches: readonly Bench[] = [
  bench('cold time series of one merchant of 10,000, 24 hours', seriesSql, askSeries),
  bench('cold totals of one merchant of 10,000, 24 hours', totalsSql, askTotals),
]
