import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemTimers } from '../../core/adapters/node/system.ts'
import { eventTime, hourMs } from '../../core/event-time.ts'
import type { MerchantId } from '../../core/ids.ts'
import { hitRow, hourlyRow } from '../../core/ports/lake.contract.ts'
import { kmvEstimate } from '../../core/sketch/kmv.ts'
import type { LakeRow } from '../../core/tables.ts'
import { hitsTable, totalSketchSize } from '../../schemas/tables.ts'
import { createTrinoQueryEngine } from '../adapters/trino/query-engine.ts'
import { ensureViews } from '../adapters/trino/views.ts'
import { quotedName } from '../core/sql/printer.ts'
import { openTrinoLake, type TrinoLakeUnderTest } from './trino-lake-under-test.ts'

const noon = eventTime('2026-03-01T12:00:00Z')

let under: TrinoLakeUnderTest
let viewSchema: string
beforeEach(async () => {
  under = await openTrinoLake()
  viewSchema = `${under.schema}_views`
})
afterEach(async () => {
  await under.trino.query(`DROP SCHEMA IF EXISTS ${under.catalog}.${viewSchema} CASCADE`)
  await under.close()
})

const ensure = () => ensureViews({ ...under, timers: systemTimers, viewSchema })

describe('the view hourly', () => {
  it('has the numbers that the gateway answers', async () => {
    await ensure()
    const lake = under.lake()
    const hashes = (count: number) =>
      Array.from({ length: count }, () => randomBytes(8).readBigUInt64LE() & (2n ** 63n - 1n)).sort((a, b) =>
        a < b ? -1 : 1,
      )
    const many = hashes(3 * totalSketchSize)
    const rows: LakeRow[] = [
      hourlyRow({ visitors: [1n, 2n], revenue_micros: 12_990_001n, orders: 1 }),
      hourlyRow({ visitors: [2n, 3n], revenue_micros: -1n, _off_from: 1, _off_to: 1, _part: 1 }),
      // United, more than a sketch holds; each alone is less or just as much.
      hourlyRow({ bucket: noon + hourMs, visitors: many.slice(0, totalSketchSize) }),
      hourlyRow({ bucket: noon + hourMs, visitors: many.slice(totalSketchSize, 2 * totalSketchSize), _part: 1 }),
      // Exactly full, exactly one short of it, none at all.
      hourlyRow({ bucket: noon + 2 * hourMs, visitors: many.slice(0, totalSketchSize) }),
      hourlyRow({ bucket: noon + 3 * hourMs, visitors: many.slice(0, totalSketchSize - 1) }),
      hourlyRow({ bucket: noon + 4 * hourMs, visitors: null, revenue_micros: null, orders: null }),
      // Not to be seen.
      hourlyRow({ _gen: 2, hits: 1_000 }),
    ]
    const half = rows.length / 2
    await lake.publish('hourly', 1, [await lake.stage('hourly', '1', rows.slice(0, half))])
    const { snapshot } = await lake.publish('hourly', 2, [await lake.stage('hourly', '2', rows.slice(half))])
    const engine = createTrinoQueryEngine({ ...under, timers: systemTimers })
    const buckets = [0, 1, 2, 3, 4].map((n) => ({ start: noon + n * hourMs, end: noon + (n + 1) * hourMs }))
    const series = await engine.series(
      {
        from: 'rollup',
        generation: 1,
        merchant: 'shop' as MerchantId,
        breakdown: 'total',
        buckets,
        view: { table: 'hourly', snapshot, pending: [] },
        rawRowBudget: 0,
      },
      {},
    )
    const seen = await under.trino.query(
      `SELECT to_unixtime(bucket) * 1000, hits, pageviews, visitors, orders, revenue
FROM ${under.catalog}.${viewSchema}.hourly WHERE merchant = 'shop' AND breakdown = 'total' AND "value" = '' ORDER BY bucket`,
    )
    const money = (micros: bigint) => (Number(micros) / 1e6).toFixed(6)
    expect(seen).toEqual(
      series.map((row) => [
        buckets[row.bucket]?.start,
        Number(row.hits),
        Number(row.pageviews),
        kmvEstimate(row.visitors.kept, row.visitors.largest, totalSketchSize).count,
        Number(row.orders),
        money(row.revenueMicros),
      ]),
    )
    expect(seen).toHaveLength(buckets.length)
    expect(seen[0]?.slice(1)).toEqual([2, 2, 3, 1, '12.990000'])
    expect(seen[1]?.[3]).toBeGreaterThan(1.8 * totalSketchSize)
    expect(seen[3]?.[3]).toBe(totalSketchSize - 1)
    expect(seen[4]?.slice(3)).toEqual([0, 0, '0.000000'])
  })
})

describe('the view hits', () => {
  it('has every column of the generation in force', async () => {
    await ensure()
    const lake = under.lake()
    const rows = [hitRow({ id: 'seen' }), hitRow({ id: 'of a rerun', _gen: 2, _idx: 1 })]
    await lake.publish('hits', 1, [await lake.stage('hits', '1', rows)])
    const view = `${quotedName(under.catalog)}.${quotedName(viewSchema)}.hits`
    expect(await under.trino.query(`SELECT id FROM ${view}`)).toEqual([['seen']])
    const columns = await under.trino.query(`SHOW COLUMNS FROM ${view}`)
    expect(columns.map(([name]) => name)).toEqual(hitsTable.columns.map(({ name }) => name))
  })
})

describe('making the views', () => {
  it('may be done by several processes at once, and again', async () => {
    await Promise.all([ensure(), ensure(), ensure()])
    await ensure()
    const names = await under.trino.query(`SHOW TABLES FROM ${under.catalog}.${viewSchema}`)
    expect(names.flat().sort()).toEqual(['hits', 'hourly'])
  })
})
