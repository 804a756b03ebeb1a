/** A million hostile strings through each writer of literals: DuckDB reads them back, Trino's are checked by its grammar. */
import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { duckDbLiteral } from './duckdb-printer.ts'
import { hostileTexts, readTrinoToken } from './literals-under-test.ts'
import { trinoLiteral } from './trino-printer.ts'

/** A thousand strings each. */
const numRuns = 1_000

const instance = await DuckDBInstance.create(':memory:')
const connection = await instance.connect()
afterAll(() => {
  connection.closeSync()
  instance.closeSync()
})

describe('a million hostile strings as literals', () => {
  it('mean themselves to DuckDB', async () => {
    await fc.assert(
      fc.asyncProperty(hostileTexts, async (values) => {
        const rows = values.map((value, i) => `(${i}, ${duckDbLiteral({ type: 'text', value })})`).join(', ')
        const sql = `SELECT hex(encode(v)) FROM (VALUES ${rows}) AS t(i, v) ORDER BY i`
        const [read] = (await connection.runAndReadAll(sql)).getColumnsJS()
        expect(read).toEqual(values.map((value) => Buffer.from(value).toString('hex').toUpperCase()))
      }),
      { numRuns, endOnFailure: true },
    )
  }, 3_600_000)

  it('mean themselves by the grammar of Trino', () => {
    fc.assert(
      fc.property(hostileTexts, (values) => {
        expect(values.map((value) => readTrinoToken(trinoLiteral({ type: 'text', value })))).toEqual(values)
      }),
      { numRuns, endOnFailure: true },
    )
  }, 3_600_000)
})
