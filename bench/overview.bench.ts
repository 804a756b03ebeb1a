/**
 * An overview of 90 days of one shop (a million hits): hits, page views, visitors, orders and revenue by day, and the ten
 * first pages, sources and countries by visitors. Ours through `createQueries` over the published and maintained lake
 * (daily rows where a day is over, hourly ones of today); ClickHouse by the same four questions in SQL over a MergeTree of
 * the same hits, ordered by merchant and time. Both in this process, on all its cores, answers as JSON text.
 *
 * Before anything is measured the answers are held against each other: counts, money and the visitors of days equal
 * exactly, visitors of breakdowns (beyond 1,024 they are estimates of ours) within four standard errors. Cold: cells are
 * cleared before each overview, the file system's cache is warm on both sides. Besides what ClickHouse is asked, each of
 * our lists ends with a row of all other values, its visitors counted.
 *
 * Needs `bench/peers/install.sh`.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { trafficOfDay } from '../cli/seed/traffic.ts'
import { utcDay } from '../core/event-time.ts'
import type { TableName } from '../core/tables.ts'
import { queryJson } from '../gateway/core/query/answer-json.ts'
import { type ClickHouse, loadHits, openClickHouse, peersFolder } from './peers/clickhouse.ts'
import type { Bench } from './runner.ts'
import { createLakeSystem, describeFiles, type LakeSystem } from './support/lake-system.ts'
import { benchMerchant, seededBatches } from './support/seeded-batches.ts'

const now = Date.parse('2026-06-30T15:00:00Z')
const lastDate = '2026-06-30'
const days = 90
const settings = { seed: 1, timeZone: 'Europe/Berlin', currency: 'EUR', hitsPerDay: 12_500 }
const shop = benchMerchant('shop', settings.timeZone)
const dayMs = 86_400_000
const runMs = 2_000
/** Estimates of breakdowns may be so far off, relative: four standard errors of a sketch of 1,025 hashes. */
const breakdownTolerance = 4 / Math.sqrt(1_025 - 2)

const lists = [
  { dimension: 'page', column: 'path' },
  { dimension: 'source', column: 'source' },
  { dimension: 'country', column: 'country' },
] as const

interface Rig {
  readonly system: LakeSystem
  readonly clickHouse: ClickHouse
  readonly folder: string
}
let rig: Rig | undefined
/** Benches of this file that were begun: the last one's end takes the rig down. */
let left = 0

function opened(): Rig {
  if (!rig) throw new Error('not set up')
  return rig
}

async function setup(): Promise<void> {
  if (rig) return
  const system = await createLakeSystem({ now, merchants: [shop] })
  for (let day = days; day >= 0; day--) {
    const date = new Date(Date.parse(lastDate) - day * dayMs).toISOString().slice(0, 10)
    const hits = trafficOfDay(settings, date).filter(({ hit }) => hit.time < now)
    await system.load(seededBatches(shop, hits), hits.length)
    if (day === 1 || day === 0) await system.publish()
  }
  await system.maintain()
  const folder = mkdtempSync(join(tmpdir(), 'hitlake-bench-'))
  const clickHouse = await openClickHouse(folder)
  const hits = await loadHits(clickHouse, system.lakeFolder)
  rig = { system, clickHouse, folder }
  console.log(`  ${hits.toLocaleString('en')} hits; ClickHouse ${clickHouse.version}`)
  const span = { firstDay: utcDay(now - days * dayMs), lastDay: utcDay(now) }
  for (const table of ['hits', 'hourly', 'daily'] as const satisfies readonly TableName[]) {
    console.log(`  ${table}: ${describeFiles(await system.files(table, shop.id, span))}`)
  }
  await compareAnswers()
}

async function teardown(): Promise<void> {
  left += 1
  if (left < benches.length || !rig) return
  rig.clickHouse.close()
  await rig.system.close()
  rmSync(rig.folder, { recursive: true, force: true })
  rig = undefined
}

const dayQuestion = {
  metrics: ['hits', 'pageviews', 'visitors', 'orders', 'revenue'],
  dateRange: '90d',
  dimensions: ['time:day'],
}
const listQuestion = (dimension: string, limit: number) => ({
  metrics: ['visitors'],
  dateRange: '90d',
  dimensions: [dimension],
  limit,
})

async function ourOverview(): Promise<readonly string[]> {
  const questions = [dayQuestion, ...lists.map(({ dimension }) => listQuestion(dimension, 10))]
  const { queries } = opened().system
  return Promise.all(questions.map(async (body) => queryJson(await queries.answer({ merchant: shop, body }))))
}

const range = `merchant = 'shop' AND NOT bot AND time >= toDateTime64('2026-04-02 00:00:00', 3, '${settings.timeZone}')`
const daySql = (uniq: string) => `
  SELECT toDate(time, '${settings.timeZone}') AS day, count(), countIf(name = 'page_view'), ${uniq}(visitor_hash),
    countIf(name = 'purchase'), sum(revenue_micros)
  FROM bench.hits WHERE ${range} GROUP BY day ORDER BY day`
const listSql = (uniq: string, column: string, limit: number) => `
  SELECT ${column}, ${uniq}(visitor_hash) AS visitors
  FROM bench.hits WHERE ${range} GROUP BY ${column} ORDER BY visitors DESC LIMIT ${limit}`

async function theirOverview(uniq: string): Promise<readonly string[]> {
  const { clickHouse } = opened()
  const statements = [daySql(uniq), ...lists.map(({ column }) => listSql(uniq, column, 10))]
  return Promise.all(statements.map((sql) => clickHouse.ask(sql)))
}

/** @throws AssertionError where the two sides count differently: then there is nothing to compare the speed of */
async function compareAnswers(): Promise<void> {
  const { system, clickHouse } = opened()
  const ask = async (body: unknown) => (await system.queries.answer({ merchant: shop, body })).rows
  const value = (cell: unknown) => cell as { readonly value?: unknown; readonly text?: string }
  const ours = (await ask(dayQuestion)).map(({ dimensions, metrics }) => [
    dimensions[0]?.slice(0, 10),
    ...metrics.map((cell) => Number(value(cell).text ?? value(cell).value)),
  ])
  const theirs = (await clickHouse.rows(daySql('uniqExact'))).map(([day, ...numbers]) => {
    const [hits, views, visitors, orders, micros] = numbers.map(Number)
    return [day, hits, views, visitors, orders, (micros ?? 0) / 1e6]
  })
  assert.equal(ours.length, days)
  assert.deepEqual(ours, theirs)
  let worst = 0
  for (const { dimension, column } of lists) {
    const all = new Map((await clickHouse.rows(listSql('uniqExact', column, 10_000))).map(([of, n]) => [of, Number(n)]))
    for (const { dimensions, metrics, other } of await ask(listQuestion(dimension, 10))) {
      if (other) continue
      const exact = all.get(dimensions[0] ?? '') ?? 0
      const error = Math.abs(Number(value(metrics[0]).value) / exact - 1)
      worst = Math.max(worst, error)
      assert.ok(error <= breakdownTolerance, `${dimension} ${dimensions[0]}: off by ${error}`)
    }
  }
  console.log(`  answers agree; visitors of lists at most ${(100 * worst).toFixed(1)} % apart`)
}

/** Overviews per second of this process's processor time: what is left of the figure where others use the machine too. */
async function perProcessorSecond(overview: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage()
  const began = performance.now()
  let done = 0
  do {
    await overview()
    done += 1
  } while (performance.now() - began < runMs)
  const { user, system } = process.cpuUsage(before)
  return (done * 1_000_000) / (user + system)
}

/** Overviews per second over some time. */
async function perSecond(overview: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  let done = 0
  do {
    await overview()
    done += 1
  } while (performance.now() - began < runMs)
  return (done * 1_000) / (performance.now() - began)
}

const cold = () => {
  opened().system.cells.clear()
  return ourOverview()
}

const shared = { unit: 'overviews/s', setup, teardown }

const overviews: readonly Bench[] = [
  {
    ...shared,
    name: 'overview of 90 days, cold',
    control: { name: 'ClickHouse, uniqExact', run: () => perSecond(() => theirOverview('uniqExact')) },
    candidate: { name: 'queries without cells', run: () => perSecond(cold) },
  },
  {
    ...shared,
    name: 'overview of 90 days, cold, by processor time',
    unit: 'overviews/processor second',
    control: { name: 'ClickHouse, uniqExact', run: () => perProcessorSecond(() => theirOverview('uniqExact')) },
    candidate: { name: 'queries without cells', run: () => perProcessorSecond(cold) },
  },
  {
    ...shared,
    name: 'overview of 90 days, cold, against estimates',
    control: { name: 'ClickHouse, uniqCombined', run: () => perSecond(() => theirOverview('uniqCombined')) },
    candidate: { name: 'queries without cells', run: () => perSecond(cold) },
  },
  {
    ...shared,
    name: 'overview of 90 days, warm',
    control: { name: 'ClickHouse, uniqExact', run: () => perSecond(() => theirOverview('uniqExact')) },
    candidate: { name: 'queries from cells', run: () => perSecond(ourOverview) },
  },
]

const isThere = existsSync(join(peersFolder, 'package.json'))
if (!isThere) console.error('left out: overviews of 90 days beside ClickHouse; they need bench/peers/install.sh')
export const benches: readonly Bench[] = isThere ? overviews : []
