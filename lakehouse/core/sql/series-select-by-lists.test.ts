/** Both forms of a series' query, run by DuckDB over the same rows: what Trino is asked means what DuckDB is asked. */
import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import type { MerchantId } from '../../../core/ids.ts'
import type { SeriesQuestion } from '../../../core/ports/query-engine.ts'
import { totalSketchSize } from '../../../schemas/tables.ts'
import type { Select } from './ast.ts'
import { printDuckDb } from './duckdb-printer.ts'
import { seriesSelect } from './series-select.ts'
import { seriesSelectByLists } from './series-select-by-lists.ts'

const instance = await DuckDBInstance.create(':memory:')
const connection = await instance.connect()
await connection.run("SET TimeZone = 'UTC'")
afterAll(() => {
  connection.closeSync()
  instance.closeSync()
})

const dayMs = 86_400_000
// Some buckets with few hashes, some with exactly k, some with more; hits without a visitor, bots, others' rows.
await connection.run(`
CREATE TABLE hits AS SELECT if(i % 11 = 0, 'other', 'tea') AS merchant, if(i % 13 = 0, 2, 1) AS _gen,
  make_timestamptz(((i * 7919) % ${dayMs}) * 1000) AS time, i % 17 = 0 AS bot,
  ['page_view', 'purchase', 'other'][1 + i % 3] AS name, if(i % 5 = 0, NULL, i - 500) AS revenue_home_micros,
  if(i % 7 = 0, NULL, (i * 48271) % 20000) AS visitor_hash FROM range(60000) AS t(i);
CREATE TABLE hourly AS SELECT if(i % 11 = 0, 'other', 'tea') AS merchant, if(i % 13 = 0, 2, 1) AS _gen,
  make_timestamptz(((i * 79193) % ${dayMs}) * 1000) AS bucket, if(i % 17 = 0, 'name', 'total') AS breakdown,
  i AS hits, i * 2 AS pageviews, i % 3 AS orders, CAST(i - 500 AS DECIMAL(38,0)) AS revenue_micros,
  if(i % 5 = 0, [], range(i, i + (i % 4) * 1024 + i % 2)) AS visitors FROM range(600) AS t(i)`)

async function rowsOf(select: Select): Promise<readonly unknown[]> {
  return (await connection.runAndReadAll(printDuckDb(select, (table) => table))).getRowsJson()
}

describe('the query of a series by lists', () => {
  it('answers as the other form does, from partial rows and from hits', async () => {
    const seen: unknown[] = []
    const edges = fc.uniqueArray(fc.integer({ min: -1_000, max: dayMs + 1_000 }), { minLength: 2, maxLength: 20 })
    await fc.assert(
      fc.asyncProperty(edges, fc.constantFrom('rollup', 'raw'), fc.constantFrom(1, 2), async (drawn, from, step) => {
        const rising = drawn.toSorted((a, b) => a - b)
        const question: SeriesQuestion = {
          from,
          generation: 1,
          merchant: 'tea' as MerchantId,
          breakdown: 'total',
          buckets: rising.slice(1).flatMap((end, i) => (i % step === 0 ? [{ start: rising[i] ?? 0, end }] : [])),
          view: { table: from === 'raw' ? 'hits' : 'hourly', snapshot: '1', pending: [] },
          rawRowBudget: 1,
        }
        const expected = await rowsOf(seriesSelect(question))
        expect(await rowsOf(seriesSelectByLists(question))).toEqual(expected)
        seen.push(...expected)
      }),
      { numRuns: 60 },
    )
    // The data has what the forms could disagree about: sketches that are full, and some that are not.
    const kept = seen.map((row) => Number((row as unknown[])[5]))
    expect(kept).toContain(totalSketchSize)
    expect(kept.some((count) => count > 0 && count < totalSketchSize)).toBe(true)
  })
})
