/** Trino over the lake of a cluster answers every question as DuckDB over the embedded lake does. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { folderObjectStore } from '../../core/adapters/folder-object-store.ts'
import { nodeDisk } from '../../core/adapters/node/node-disk.ts'
import { systemClock, systemRandom, systemTimers } from '../../core/adapters/node/system.ts'
import { s3ObjectStore } from '../../core/adapters/s3/s3-object-store.ts'
import { dayMs } from '../../core/event-time.ts'
import type { LakeWriter, TableView } from '../../core/ports/lake.ts'
import type {
  BucketRange,
  HitsGroup,
  HitsPart,
  Piece,
  QueryEngine,
  RawQuestion,
} from '../../core/ports/query-engine.ts'
import { answeredBy, inOrder } from '../../core/ports/query-engine-under-test.ts'
import { testLength } from '../../core/test/length.ts'
import { severalAtOnce } from '../../core/test/several-at-once.ts'
import { bucketsBetween, calendarUnits } from '../../core/time/calendar.ts'
import { totalSketchSize } from '../../schemas/tables.ts'
import { minDatabaseMemoryBytes, openDatabase } from '../adapters/duckdb/database.ts'
import { createDuckDbQueryEngine } from '../adapters/duckdb/query-engine.ts'
import { createLocalLake } from '../adapters/local/local-lake.ts'
import { createTrinoLake } from '../adapters/trino/lake.ts'
import { createTrinoQueryEngine } from '../adapters/trino/query-engine.ts'
import { openTrinoUnderTest } from '../adapters/trino/query-engine-under-test.ts'
import { ensureTables, publicationsSchemaOf } from '../adapters/trino/tables.ts'
import { days, drawing, drawnFiles, firstMs, lastMs, merchants } from './lake-data-under-test.ts'
import { serversGoWithTheSuite } from './trino-lake-under-test.ts'

const questions = testLength('CLUSTER_TEST_QUESTIONS', { short: 12, full: 200 })
const seed = 20_260_308

type Views = Readonly<Record<'hits' | 'hourly', TableView>>
interface Side {
  readonly engine: QueryEngine
  readonly views: Views
}

const under = openTrinoUnderTest('engines-agree')
const closers: (() => Promise<unknown> | unknown)[] = [() => under.close()]
let duckDb: Side
let trino: Side

beforeAll(async () => {
  const root = await mkdtemp(join(tmpdir(), 'hitlake-agree-'))
  closers.push(() => rm(root, { recursive: true, force: true }))
  const memory = { memoryLimitBytes: 8 * minDatabaseMemoryBytes, threads: 2, scratch: join(root, 'spill') }
  const instance = await openDatabase({ file: ':memory:', ...memory })
  const common = { instance, random: systemRandom, clock: systemClock, timers: systemTimers }
  duckDb = await openDuckDb(root, common)
  trino = await openTrino(root, common)
})
afterAll(async () => {
  for (const close of closers.reverse()) await close()
})

interface Common {
  readonly instance: Awaited<ReturnType<typeof openDatabase>>
  readonly random: typeof systemRandom
  readonly clock: typeof systemClock
  readonly timers: typeof systemTimers
}

/** The last file of each table is left pending here: DuckDB reads it all the same. */
async function openDuckDb(root: string, common: Common): Promise<Side> {
  const objects = await folderObjectStore(nodeDisk(root), 'objects', { leftovers: 'keep' })
  const location = `file://${root}/objects/lake`
  const lake = createLocalLake({ ...common, objects, scratch: join(root, 'scratch'), location })
  const engine = createDuckDbQueryEngine({ ...common, files: lake })
  closers.push(() => engine.close())
  return { engine, views: await load(lake, 1) }
}

async function openTrino(root: string, common: Common): Promise<Side> {
  const { HITLAKE_S3_ENDPOINT: endpoint = '', HITLAKE_S3_REGION: region = 'us-east-1' } = process.env
  const { HITLAKE_S3_ACCESS_KEY: accessKey = '', HITLAKE_S3_SECRET_KEY: secretKey = '' } = process.env
  const { hostname: bucket, pathname } = new URL(process.env.HITLAKE_OBJECTS_URI ?? 's3://lake/hitlake')
  const place = { catalog: under.catalog, schema: await under.openSchema() }
  const prefix = `${pathname.slice(1)}/${place.schema}`
  const store = { endpoint, region, accessKey, secretKey, bucket, prefix, scratch: join(root, 'copies') }
  const objects = await s3ObjectStore({ ...store, timers: systemTimers, random: systemRandom })
  closers.push(async () => {
    if (!serversGoWithTheSuite()) for (const name of await objects.list('')) await objects.remove(name)
    await objects.close()
  })
  await ensureTables({ ...place, trino: under.trino, timers: systemTimers, only: ['hits', 'hourly'] })
  closers.push(async () => {
    if (serversGoWithTheSuite()) return
    await under.trino.query(`DROP SCHEMA "${place.catalog}"."${publicationsSchemaOf(place.schema)}" CASCADE`)
  })
  const lake = createTrinoLake({
    ...common,
    ...place,
    trino: under.trino,
    objects,
    objectsUri: `s3://${bucket}/${prefix}`,
    scratch: join(root, 'cluster-scratch'),
  })
  const engine = createTrinoQueryEngine({ ...place, trino: under.trino, timers: systemTimers, timeoutMs: 120_000 })
  closers.push(() => engine.close())
  return { engine, views: await load(lake, 0) }
}

/** Publishes each file in a publication of its own, but for the last `pending` of each table. */
async function load(lake: Pick<LakeWriter, 'stage' | 'publish'>, pending: number): Promise<Views> {
  const files = drawnFiles(seed)
  const loaded = async (table: 'hits' | 'hourly'): Promise<TableView> => {
    const staged = []
    for (const [i, rows] of files[table].entries()) staged.push(await lake.stage(table, `staged/${table}-${i}`, rows))
    const published = staged.length - pending
    let snapshot: string | null = null
    for (const [i, file] of staged.slice(0, published).entries()) {
      snapshot = (await lake.publish(table, i + 1, [file])).snapshot
    }
    return { table, snapshot, pending: staged.slice(published) }
  }
  return { hits: await loaded('hits'), hourly: await loaded('hourly') }
}

/** A question as both sides are asked it; views are each side's own. */
type Asked = Omit<RawQuestion, 'from' | 'hits'> & { readonly from: 'rollup' | 'raw' }

const asPieces = (buckets: readonly BucketRange[]): readonly Piece[] =>
  buckets.map(({ start, end }, bucket) => ({ start, end, bucket, stored: null }))

const common = {
  erased: [],
  maxGroups: 20_000,
  sketchSize: totalSketchSize,
  rawRowBudget: 1_000_000,
  filter: null,
  dimensions: [],
}
const parts: readonly HitsPart[] = ['visitors', 'load', 'otherRevenue']

/** A question of a merchant: buckets of a zone (not always its own), whole, or cut to a range, or drawn at random. */
function drawQuestion(draw: ReturnType<typeof drawing>): Asked {
  const { id: merchant, zone } = draw.of(merchants)
  const from = firstMs - dayMs + draw.below((days + 1) * dayMs)
  const to = from + 1 + draw.below(lastMs + dayMs - from)
  const asked = draw.below(4) === 0 ? draw.of(merchants).zone : zone
  const calendar = bucketsBetween(draw.of(calendarUnits), asked, from, to)
  const kinds: readonly (() => readonly BucketRange[])[] = [
    () => calendar,
    () => calendar,
    () => calendar.map(({ start, end }) => ({ start: Math.max(start, from), end: Math.min(end, to) })),
    () => [{ start: from, end: to }],
    () => calendar.filter((_, i) => i % 3 !== 1),
  ]
  const source = draw.of(['rollup', 'rollup', 'raw'] as const)
  const byName = source === 'raw' && draw.below(2) === 0
  return {
    ...common,
    from: source,
    generations: answeredBy(draw.of([1, 1, 1, 2])),
    merchant,
    pieces: asPieces(draw.of(kinds)()),
    parts: draw.of([['visitors'], parts]),
    dimensions: byName ? ['name', 'bot'] : [],
    filter: byName ? { op: 'is_not', dimension: 'name', values: ['Purchase'] } : null,
  }
}

async function answer({ engine, views }: Side, { from, ...question }: Asked): Promise<readonly HitsGroup[]> {
  const { hits, hourly } = views
  const daily = { table: 'daily', snapshot: null, pending: [] } as const
  return inOrder(
    await engine.hits(
      from === 'raw' ? { ...question, from, hits } : { ...question, from, breakdown: 'total', hourly, daily },
      {},
    ),
  )
}

describe('DuckDB and Trino', () => {
  it(`answer ${questions} drawn questions of one data set alike`, async () => {
    const draw = drawing(seed)
    const seen = { rows: 0, full: 0, beyond64: 0, negative: 0 }
    const drawn = Array.from({ length: questions }, (_, i) => ({ i, question: drawQuestion(draw) }))
    await severalAtOnce(drawn, async ({ i, question }) => {
      const [expected, got] = await Promise.all([answer(duckDb, question), answer(trino, question)])
      expect(got, `question ${i}: ${JSON.stringify({ ...question, pieces: question.pieces.length })}`).toEqual(expected)
      for (const { visitors, revenueMicros } of expected) {
        seen.rows += 1
        if (visitors?.kept === totalSketchSize) seen.full += 1
        if (revenueMicros > 2n ** 64n) seen.beyond64 += 1
        if (revenueMicros < 0n) seen.negative += 1
      }
    })
    // The questions met all that the data was made for.
    for (const [what, count] of Object.entries(seen)) expect(count, what).toBeGreaterThan(0)
  }, 900_000)

  it('agree on the whole range of every merchant, from both tables and generations', async () => {
    for (const { id: merchant } of merchants) {
      for (const from of ['rollup', 'raw'] as const) {
        // The third has no rows.
        for (const generation of [1, 2, 3]) {
          const pieces = asPieces([{ start: firstMs - dayMs, end: lastMs + dayMs }])
          const question = { ...common, from, generations: answeredBy(generation), merchant, pieces, parts }
          expect(await answer(trino, question)).toEqual(await answer(duckDb, question))
        }
      }
    }
  })
})
