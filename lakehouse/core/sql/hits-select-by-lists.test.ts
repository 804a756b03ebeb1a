/** Both forms of the query of hits, run by DuckDB over the same rows: what Trino is asked means what DuckDB is asked. */

import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import type { MerchantId } from '../../../core/ids.ts'
import type { HitsPart, HitsQuestion } from '../../../core/ports/query-engine.ts'
import { answeredBy } from '../../../core/ports/query-engine-under-test.ts'
import type { Select } from './ast.ts'
import { printDuckDb } from './duckdb-printer.ts'
import { hitsSelect } from './hits-select.ts'
import { hitsSelectByLists } from './hits-select-by-lists.ts'

const instance = await DuckDBInstance.create(':memory:')
const connection = await instance.connect()
await connection.run("SET TimeZone = 'UTC'")
afterAll(() => {
  connection.closeSync()
  instance.closeSync()
})

const dayMs = 86_400_000
const sketchSize = 1_025
// Some groups with few hashes, some with exactly k, some with more; hits without a visitor, bots, others' rows.
await connection.run(`
CREATE TABLE hits AS SELECT if(i % 11 = 0, 'other', 'tea') AS merchant, if(i % 13 = 0, 2, 1) AS _gen,
  make_timestamptz(((i * 7919) % ${dayMs}) * 1000) AS time, i % 17 = 0 AS bot,
  ['page_view', 'purchase', 'other'][1 + i % 3] AS name, if(i % 5 = 0, NULL, i - 500) AS revenue_home_micros,
  [NULL, '', '/a', '/b'][1 + i % 4] AS path, if(i % 6 = 0, NULL, i % 40) AS load_bucket, 'EUR' AS currency,
  if(i % 9 = 0, ['USD', 'GBP'][1 + i % 2], NULL) AS revenue_currency, i AS revenue_micros,
  if(i % 7 = 0, NULL, (i * 48271) % 5000) AS visitor_hash FROM range(30000) AS t(i);
CREATE TABLE hourly AS SELECT if(i % 11 = 0, 'other', 'tea') AS merchant, if(i % 13 = 0, 2, 1) AS _gen,
  make_timestamptz(((i * 79193) % ${dayMs}) * 1000) AS bucket, if(i % 17 = 0, 'total', 'page') AS breakdown,
  ['', '/a', '/b'][1 + i % 3] AS value, [NULL, false, true][1 + i % 3] AS other,
  i AS hits, i * 2 AS pageviews, i % 3 AS orders, CAST(i - 500 AS DECIMAL(38,0)) AS revenue_micros,
  if(i % 4 = 0, NULL, [{bucket: i % 5, n: i}, {bucket: 7, n: 1}]) AS load,
  [{currency: 'USD', micros: CAST(i AS DECIMAL(38,0))}] AS other_revenue,
  if(i % 5 = 0, [], range(i, i + (i % 4) * 341 + i % 3)) AS visitors FROM range(600) AS t(i);
CREATE TABLE daily AS SELECT *, CAST(1 + hits % 2 AS BIGINT) AS _publish FROM hourly`)

async function rowsOf(select: Select): Promise<readonly (readonly unknown[])[]> {
  const reader = await connection.runAndReadAll(printDuckDb(select, (table) => table))
  return reader.getRowsJson().toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
}

describe('the query of hits by lists', () => {
  it('answers as the other form does, from partial rows and from hits', async () => {
    const kept = new Set<number>()
    const edges = fc.uniqueArray(fc.integer({ min: -1_000, max: dayMs + 1_000 }), { minLength: 2, maxLength: 12 })
    const parts = fc.subarray<HitsPart>(['load', 'otherRevenue']).map((some): HitsPart[] => ['visitors', ...some])
    const draws = [edges, fc.constantFrom('rollup', 'raw'), fc.constantFrom(1, 2), parts, fc.boolean()] as const
    await fc.assert(
      fc.asyncProperty(...draws, async (drawn, from, step, asked, grouped) => {
        const rising = drawn.toSorted((a, b) => a - b)
        const view = { table: 'hits', snapshot: '1', pending: [] } as const
        const common = {
          ...{
            generations: answeredBy(1),
            merchant: 'tea' as MerchantId,
            filter: null,
            maxGroups: 1_000,
            parts: asked,
            sketchSize,
          },
          dimensions: grouped ? (['page'] as const) : [],
          pieces: rising.slice(1).flatMap((end, i) => {
            const stored = from === 'raw' || i % 3 === 0 ? null : i % 3
            return i % step === 0 ? [{ start: rising[i] ?? 0, end, bucket: i >> 1, stored }] : []
          }),
        }
        const question: HitsQuestion =
          from === 'raw'
            ? { ...common, from, hits: view, erased: [], rawRowBudget: 1 }
            : { ...common, from, breakdown: 'page', hourly: view, daily: view }
        const select = hitsSelect(question)
        const expected = await rowsOf(select)
        expect(await rowsOf(hitsSelectByLists(question))).toEqual(expected)
        const at = select.columns.findIndex(({ as }) => as === 'kept')
        for (const row of expected) kept.add(Number(row[at]))
      }),
      { numRuns: 60 },
    )
    // The data has what the forms could disagree about: sketches that are full, and some that are not.
    expect(kept).toContain(sketchSize)
    expect([...kept].some((count) => count > 0 && count < sketchSize)).toBe(true)
  })
})
