/** What DuckDB makes of the expressions that our queries are made of. */
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, describe, expect, it } from 'vitest'
import { column, type Expression, named, type Select } from './ast.ts'
import { duckDbLiteral, printDuckDb } from './duckdb-printer.ts'
import {
  aggregateExpressions,
  aggregateSelect,
  drawnRows,
  propKeys,
  propObjects,
  relationSelects,
  scalarExpressions,
  windowExpressions,
  windowSelect,
} from './expressions-under-test.ts'

const instance = await DuckDBInstance.create(':memory:')
const connection = await instance.connect()
await connection.run("SET TimeZone = 'UTC'")
afterAll(() => {
  connection.closeSync()
  instance.closeSync()
})

async function answer(select: Select, rows: string): Promise<readonly (readonly unknown[])[]> {
  const sql = `WITH drawn AS (${rows})\nSELECT * FROM (\n${printDuckDb(select, String)}\n)`
  return (await connection.runAndReadAll(sql)).getRowsJson()
}

const one = (expression: Expression): Select => ({ columns: [{ expression, as: 'answer' }], from: named('drawn') })

describe('expressions, as DuckDB reads them', () => {
  it.each(scalarExpressions)('$says', async ({ expression, expected }) => {
    expect(await answer(one(expression), 'SELECT 1')).toEqual([[expected]])
  })

  it.each(windowExpressions)('$says', async ({ expression, expected }) => {
    expect((await answer(windowSelect(expression), drawnRows)).flat()).toEqual(expected)
  })

  it.each(aggregateExpressions)('$says', async ({ expression, expected }) => {
    expect((await answer(aggregateSelect(expression), drawnRows)).flat()).toEqual(expected)
  })

  it.each(relationSelects)('$says', async ({ select, expected }) => {
    expect(await answer(select, drawnRows)).toEqual(expected)
  })

  it('finds properties as JavaScript writes them, whatever their keys are', async () => {
    const rows = propObjects.map(
      (each, i) => `SELECT ${i} AS i, ${duckDbLiteral({ type: 'text', value: JSON.stringify(each) })} AS props`,
    )
    const select: Select = {
      columns: propKeys.map((key, i) => ({ expression: { kind: 'prop', of: column('props'), key }, as: `k${i}` })),
      from: named('drawn'),
      orderBy: [column('i')],
    }
    const found = await answer(select, rows.join(' UNION ALL '))
    expect(found).toEqual(
      propObjects.map((each) => propKeys.map((key) => String(Object.hasOwn(each, key) ? (each[key] ?? '') : ''))),
    )
    expect((await answer(select, 'SELECT 0 AS i, CAST(NULL AS VARCHAR) AS props'))[0]).toEqual(propKeys.map(() => ''))
  })
})
