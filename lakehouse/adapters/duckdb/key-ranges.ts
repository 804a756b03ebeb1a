/**
 * Cuts the rows of a partition into ranges of their keys, in the table's order, none heavier than asked: neighbouring
 * values of the first sort column together while they fit, a value too heavy alone by the next column, and so on. Only
 * few rows leave DuckDB, however many keys there are.
 */
import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api'
import type { TableDefinition } from '../../../core/tables.ts'
import { tableOrderColumns } from '../../core/row-order.ts'
import { quoteName, rowWeight, textLiteral } from './parquet-sql.ts'

/**
 * Predicates that are disjoint, together hold every row, and follow each other in the table's order. `from`: what follows
 * FROM, with its WHERE. Rows of one fold key stay together, and so do rows equal in the whole order.
 */
export async function keyRanges(
  connection: DuckDBConnection,
  definition: TableDefinition,
  from: string,
  maxRows: number,
): Promise<readonly string[]> {
  const order = tableOrderColumns(definition)
  const { fold } = definition
  // Flags of the key are not cut by: null and false of one are the same there.
  const isFlag = (name: string) =>
    definition.columns.some((column) => column.name === name && column.type === 'boolean')
  const end = fold === undefined ? order.length : order.findIndex((name) => !fold.key.includes(name) || isFlag(name))
  const columns = order.slice(0, end < 0 ? order.length : end)

  async function cut(at: number, within: string): Promise<readonly string[]> {
    const column = columns[at]
    if (column === undefined) return [within]
    const ranges: string[] = []
    for (const { first, last, weight } of await packedValues(connection, definition, {
      column,
      from,
      within,
      maxRows,
    })) {
      const range = `${within} AND ${rangeOf(column, first, last)}`
      if (first === last && weight > maxRows) ranges.push(...(await cut(at + 1, range)))
      else ranges.push(range)
    }
    return ranges
  }
  return cut(0, 'true')
}

interface Pack {
  /** SQL literals; null for the rows where the column is null. */
  readonly first: string | null
  readonly last: string | null
  readonly weight: number
}

/** Values of a column in order, neighbours together up to `maxRows`, heavier ones and null alone. */
async function packedValues(
  connection: DuckDBConnection,
  definition: TableDefinition,
  given: { readonly column: string; readonly from: string; readonly within: string; readonly maxRows: number },
): Promise<readonly Pack[]> {
  const { column, from, within, maxRows } = given
  const type = definition.columns.find(({ name }) => name === column)?.type
  const key = type === 'timestamptz' ? `epoch_us(${quoteName(column)})` : quoteName(column)
  const result = await connection.runAndReadAll(
    `WITH keys AS (SELECT ${key} AS k, sum(${rowWeight(definition)}) AS w FROM ${from} AND ${within} GROUP BY 1),
      ranked AS (SELECT k, w, sum(w) OVER (ORDER BY k NULLS FIRST ROWS UNBOUNDED PRECEDING) - w AS before FROM keys)
    SELECT min(k) AS first, max(k), sum(w) FROM ranked
    GROUP BY before // ${maxRows}, k IS NULL, CASE WHEN w > ${maxRows} THEN k END ORDER BY first NULLS FIRST`,
  )
  const literal = (value: DuckDBValue): string | null => {
    if (value === null) return null
    if (type === 'timestamptz') return `make_timestamptz(${value}::BIGINT)`
    return typeof value === 'string' ? textLiteral(value) : String(value)
  }
  return result.getRows().map(([first = null, last = null, weight]) => ({
    first: literal(first),
    last: literal(last),
    weight: Number(weight),
  }))
}

function rangeOf(column: string, first: string | null, last: string | null): string {
  const name = quoteName(column)
  if (first === null) return `${name} IS NULL`
  return first === last ? `${name} = ${first}` : `${name} BETWEEN ${first} AND ${last}`
}
