/** What a real Trino makes of the expressions that our queries are made of: the same as DuckDB (expressions.test.ts). */
import { afterAll, describe, expect, it } from 'vitest'
import { systemClock, systemTimers } from '../../../core/adapters/node/system.ts'
import { createTrino } from '../../adapters/trino/client.ts'
import { column, type Expression, named, type Select } from './ast.ts'
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
import { printTrino, trinoLiteral } from './trino-printer.ts'

const { HITLAKE_TRINO_URL: url = '', HITLAKE_TRINO_CATALOG: catalog = 'lake' } = process.env
const trino = createTrino({ url, user: 'test', source: 'test', catalog, clock: systemClock, timers: systemTimers })
afterAll(() => trino.close())

async function answer(select: Select, rows: string): Promise<readonly (readonly unknown[])[]> {
  const sql = printTrino(select, String)
  const [first, rest] = sql.startsWith('WITH ') ? [',', sql.slice(4)] : ['', sql]
  return trino.query(`WITH drawn AS (${rows})${first}\n${rest}`)
}

const all = (expressions: readonly Expression[]): Select => ({
  columns: expressions.map((expression, i) => ({ expression, as: `c${i}` })),
  from: named('drawn'),
})
const expectedOf = (asked: readonly { readonly says: string; readonly expected: unknown }[]) =>
  asked.map(({ says, expected }) => [says, expected])

describe('expressions, as Trino reads them', () => {
  it('are those of single values', async () => {
    const [row = []] = await answer(all(scalarExpressions.map(({ expression }) => expression)), 'SELECT 1 AS one')
    expect(scalarExpressions.map(({ says }, i) => [says, row[i]])).toEqual(expectedOf(scalarExpressions))
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
      (each, i) => `SELECT ${i} AS i, ${trinoLiteral({ type: 'text', value: JSON.stringify(each) })} AS props`,
    )
    const select: Select = {
      columns: propKeys.map((key, i) => ({ expression: { kind: 'prop', of: column('props'), key }, as: `k${i}` })),
      from: named('drawn'),
      orderBy: [column('i')],
    }
    expect(await answer(select, rows.join(' UNION ALL '))).toEqual(
      propObjects.map((each) => propKeys.map((key) => String(Object.hasOwn(each, key) ? (each[key] ?? '') : ''))),
    )
    expect((await answer(select, 'SELECT 0 AS i, CAST(NULL AS varchar) AS props'))[0]).toEqual(propKeys.map(() => ''))
  })
})
