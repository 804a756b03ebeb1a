/**
 * The routes that answer questions, over a small lake read by DuckDB. Every question that reaches the engine is also put to
 * the engine in memory, which has to say the same, and printed for Trino.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import Fastify, { type FastifyInstance } from 'fastify'
import { folderObjectStore } from '../../core/adapters/folder-object-store.ts'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../core/adapters/memory/seeded-random.ts'
import { nodeDisk } from '../../core/adapters/node/node-disk.ts'
import { dayMs, utcDay } from '../../core/event-time.ts'
import type { MerchantId, Offset } from '../../core/ids.ts'
import type { StagedFile } from '../../core/ports/lake.ts'
import { breakdowns, type QueryEngine, type Question } from '../../core/ports/query-engine.ts'
import { noView } from '../../core/ports/query-engine-under-test.ts'
import { loadBucket } from '../../core/sketch/quantiles.ts'
import type { LakeRow, TableName } from '../../core/tables.ts'
import { calendarBucket } from '../../core/time/calendar.ts'
import { createCells } from '../../gateway/core/cells.ts'
import { createKeyDirectory, hashKey } from '../../gateway/core/keys.ts'
import { createQueries } from '../../gateway/core/query/query.ts'
import { createTimeSeries } from '../../gateway/core/time-series.ts'
import { createVersions } from '../../gateway/core/versions.ts'
import { problemDetails } from '../../gateway/http/plugins/problem-details.ts'
import { queryRoutes } from '../../gateway/http/routes/query.ts'
import { timeSeriesRoutes } from '../../gateway/http/routes/time-series.ts'
import { minDatabaseMemoryBytes, openDatabase } from '../../lakehouse/adapters/duckdb/database.ts'
import { createDuckDbQueryEngine } from '../../lakehouse/adapters/duckdb/query-engine.ts'
import { createLocalLake } from '../../lakehouse/adapters/local/local-lake.ts'
import { createMemoryControlStore } from '../../lakehouse/adapters/memory/memory-control-store.ts'
import { createMemoryLake } from '../../lakehouse/adapters/memory/memory-lake.ts'
import { createMemoryQueryEngine } from '../../lakehouse/adapters/memory/memory-query-engine.ts'
import { hitsSelect } from '../../lakehouse/core/sql/hits-select.ts'
import { printTrino } from '../../lakehouse/core/sql/trino-printer.ts'
import { visitsSelect } from '../../lakehouse/core/sql/visits-select.ts'
import { promised } from './target.ts'

export const questionsNow = Date.parse('2026-03-31T10:20:30.400Z')
export const shopOfQuestions = 'tea-house'
export const readKey = 'read'
export const adminKey = 'admin'

const zones: Readonly<Record<string, string>> = { [shopOfQuestions]: 'Europe/Berlin', far: 'Asia/Kolkata' }
const texts = ['/', '/a', '', 'ü😀', "o'b", '%', '\\', '[other]', 'null']

function hitRows(): readonly LakeRow[] {
  const random = seededRandom(11)
  const of = <T>(items: readonly T[]): T => items[random.below(items.length)] as T
  return Array.from({ length: 80 }, (_, n) => {
    const name = of(['page_view', 'page_view', 'purchase', 'view_item'])
    const currency = of(['EUR', 'EUR', 'USD'])
    const micros = name === 'purchase' ? BigInt(random.below(2 ** 31)) : null
    const visitor = BigInt(random.below(9))
    return {
      ...{ merchant: of([shopOfQuestions, shopOfQuestions, 'far']), id: `${n}`, name, visitor: `v${visitor}` },
      ...{ time: questionsNow - random.below(5 * 24 * 3_600) * 1_000, received: questionsNow, currency: 'EUR' },
      ...{
        bot: random.below(10) === 0,
        visitor_hash: visitor,
        load_bucket: of([null, ...[-3, 0, 120, 4_000].map(loadBucket)]),
      },
      ...{ revenue_micros: micros, revenue_currency: micros === null ? null : currency },
      revenue_home_micros: currency === 'EUR' ? micros : null,
      ...{ path: of(texts), source: of(texts), country: of(['DE', 'IN', null]), device: of(['phone', null]) },
      ...{ browser: of(texts), campaign: of(texts), os: of(texts), language: of(['de', null]), medium: of(texts) },
      ...{ campaign_term: of(texts), campaign_content: of(texts) },
      props: of([null, '{}', '{"size":"a","n":12.5,"new":true,"none":null}', '{"a.b\\"c":"x"}']),
      ...{ _src: 'log', _part: 0, _off: n, _idx: 0, _gen: 1 },
    }
  })
}

/** Partial rows of a hit, one a breakdown, as the stream makes them. */
function hourlyRows(hit: LakeRow): readonly LakeRow[] {
  if (hit.bot === true) return []
  const zone = zones[String(hit.merchant)] as string
  const foreign = hit.revenue_micros !== null && hit.revenue_home_micros === null
  return (['total', ...breakdowns] as const).map((breakdown) => ({
    ...{ merchant: hit.merchant, bucket: calendarBucket('hour', zone, Number(hit.time)).start, breakdown },
    value: breakdown === 'total' ? '' : String(hit[breakdown === 'page' ? 'path' : breakdown] ?? ''),
    ...{ hits: 1, pageviews: hit.name === 'page_view' ? 1 : 0, orders: hit.name === 'purchase' ? 1 : 0 },
    ...{ visitors: [hit.visitor_hash as bigint], revenue_micros: (hit.revenue_home_micros as bigint | null) ?? 0n },
    load: hit.load_bucket === null ? null : [{ bucket: hit.load_bucket as number, n: 1 }],
    other_revenue: foreign
      ? [{ currency: hit.revenue_currency as string, micros: hit.revenue_micros as bigint }]
      : null,
    ...{ _src: 'log', _part: 0, _off_from: Number(hit._off), _off_to: Number(hit._off), _gen: 1 },
  }))
}

export interface QuestionWorld {
  readonly app: FastifyInstance
  /** What the routes threw last, known errors too. */
  thrown(): unknown
  close(): Promise<void>
}

export async function questionWorld(): Promise<QuestionWorld> {
  const root = mkdtempSync(join(tmpdir(), 'hitlake-fuzz-lake-'))
  for (const folder of ['scratch', 'store']) mkdirSync(join(root, folder))
  const clock = new ManualClock(questionsNow)
  const random = seededRandom(1)
  const database = { memoryLimitBytes: 5 * minDatabaseMemoryBytes, threads: 1, scratch: join(root, 'spill') }
  const instance = await openDatabase({ file: ':memory:', ...database })
  const objects = await folderObjectStore(nodeDisk(join(root, 'store')), '', { leftovers: 'keep' })
  const location = `file://${root}/store/lake`
  const lake = createLocalLake({ objects, instance, scratch: join(root, 'scratch'), random, clock, location })
  const memoryLake = createMemoryLake({ random: seededRandom(1), clock })
  const store = createMemoryControlStore()

  const hits = hitRows()
  const rows: Readonly<Partial<Record<TableName, readonly LakeRow[]>>> = { hits, hourly: hits.flatMap(hourlyRows) }
  const staged: StagedFile[] = []
  const inMemory = new Map<TableName, StagedFile>()
  for (const [table, of] of Object.entries(rows) as [TableName, readonly LakeRow[]][]) {
    staged.push(await lake.stage(table, `staged/${table}`, of))
    inMemory.set(table, await memoryLake.stage(table, `staged/${table}`, of))
  }
  await fillStore(store, hits, staged)

  const real = createDuckDbQueryEngine({ instance, files: lake, timers: clock })
  const engine = twoEngines(real, createMemoryQueryEngine({ lake: memoryLake }), inMemory)
  const versions = createVersions({ store, timers: clock })
  await versions.start()
  const cells = createCells({ engine, store, versions })
  const parts = { cells, versions, freshness: { read: () => clock.now() }, clock, timers: clock }
  const keys = createKeyDirectory({ store, clock })
  const app = Fastify()
  let thrown: unknown
  app.addHook('onError', (_request, _reply, error, done) => {
    thrown = error
    done()
  })
  await app.register(problemDetails)
  await app.register(queryRoutes({ keys, queries: createQueries(parts), store, timers: clock }))
  await app.register(timeSeriesRoutes({ keys, timeSeries: createTimeSeries(parts), store }))
  await app.ready()
  return {
    app,
    thrown: () => thrown,
    async close() {
      versions.stop()
      await app.close()
      await real.close()
      instance.closeSync()
      rmSync(root, { recursive: true, force: true })
    },
  }
}

async function fillStore(
  store: ReturnType<typeof createMemoryControlStore>,
  hits: readonly LakeRow[],
  staged: readonly StagedFile[],
): Promise<void> {
  const terms = { kind: 'server', origins: [], quota: null, tool: null } as const
  for (const [id, timeZone] of Object.entries(zones)) {
    const merchant = id as MerchantId
    const facts = { id: merchant, name: id, timeZone, currency: 'EUR', blockedNames: [], retentionDays: null }
    const key = { ...terms, hash: hashKey(id === shopOfQuestions ? readKey : `${readKey}-${id}`), merchant }
    await store.createMerchant({ ...facts, visitorSeed: '0'.repeat(16) }, [{ ...key, rights: ['read'] }])
  }
  await store.addKey({ ...terms, hash: hashKey(adminKey), merchant: null, rights: ['admin'] })
  const { fence } = await store.acquirePartitions('hits', 'log', 'fuzz', [0])
  const position = { partition: 0, checkpoint: null, watermark: questionsNow, received: questionsNow, forwarded: {} }
  // A day either side: hours of a zone begin on another day than UTC's.
  const touched = hits.flatMap(({ merchant, time }) =>
    [-dayMs, 0, dayMs].map((off) => ({ merchant: merchant as MerchantId, day: utcDay(Number(time) + off) })),
  )
  await store.commitEpoch({
    ...{ job: 'hits', source: 'log', plan: 'p', fence, staged, books: [], touched },
    partitions: [{ ...position, from: 0 as Offset, next: hits.length as Offset }],
  })
}

/** The answers of `real`, held equal to those of `reference` over the same rows. */
function twoEngines(
  real: QueryEngine,
  reference: QueryEngine,
  inMemory: ReadonlyMap<TableName, StagedFile>,
): Pick<QueryEngine, 'hits' | 'visits'> {
  const viewOf = (table: TableName) => ({
    ...noView(table),
    pending: [inMemory.get(table)].filter((file) => file !== undefined),
  })
  const views = { hits: viewOf('hits'), hourly: viewOf('hourly'), daily: noView('daily'), sessions: noView('sessions') }
  const table = (name: string) => `"lake"."${name}"`
  return {
    async hits(question, options) {
      printTrino(hitsSelect(question), table)
      return equal(
        question,
        await both(
          () => real.hits(question, options),
          () => reference.hits({ ...question, ...views } as typeof question, options),
        ),
      )
    },
    async visits(question, options) {
      printTrino(visitsSelect(question), table)
      return equal(
        question,
        await both(
          () => real.visits(question, options),
          () => reference.visits({ ...question, ...views } as typeof question, options),
        ),
      )
    },
  }
}

type Outcome<T> = { readonly groups: readonly T[] } | { readonly error: unknown }

async function both<T>(...asks: readonly (() => Promise<readonly T[]>)[]): Promise<readonly Outcome<T>[]> {
  return Promise.all(
    asks.map((ask) =>
      ask().then(
        (groups) => ({ groups }),
        (error: unknown) => ({ error }),
      ),
    ),
  )
}

function equal<T extends { readonly bucket: number; readonly values: readonly string[]; readonly other: boolean }>(
  question: Question,
  [real, reference]: readonly Outcome<T>[],
): readonly T[] {
  if (real === undefined || 'error' in real) throw real?.error
  if (reference === undefined || 'error' in reference) throw reference?.error
  const key = ({ bucket, values, other }: T) => JSON.stringify([bucket, other, values])
  const sorted = (groups: readonly T[]) => groups.toSorted((a, b) => (key(a) < key(b) ? -1 : 1))
  const [got, wanted] = [sorted(real.groups), sorted(reference.groups)]
  promised(
    isDeepStrictEqual(got, wanted),
    () => `two engines differ: ${shown(got)} and ${shown(wanted)}, asked ${shown(question)}`,
  )
  return real.groups
}

function shown(value: unknown): string {
  return JSON.stringify(value, (_, of: unknown) => (typeof of === 'bigint' ? `${of}n` : of)).slice(0, 400)
}
