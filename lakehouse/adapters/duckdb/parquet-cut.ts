/** The cut of long breakdowns in DuckDB; `lakehouse/core/fold-cut.ts` is the same in JavaScript, and tests hold both equal. */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { TableDefinition } from '../../../core/tables.ts'
import { isCut } from '../../core/fold-cut.ts'

/** Values that one partition's cut takes away, by merchant and breakdown; a temporary table of the connection. */
const lostValues = 'temp.lost_values'

export interface Cut {
  /** `rows` with the values taken away; unchanged where none are. Good while the connection's temporary table is there. */
  readonly rows: string
  /** Merchants of whom a breakdown lost values now, rising. */
  readonly truncated: readonly string[]
}

/** `rows`: a query for the rows of one day and generation. */
export async function cutValues(
  connection: DuckDBConnection,
  definition: TableDefinition,
  rows: string,
  maxValues: number,
): Promise<Cut> {
  if (!isCut(definition)) return { rows, truncated: [] }
  const values = `FROM (${rows}) WHERE NOT coalesce(other, false) AND breakdown <> 'total' AND value IS NOT NULL`
  // Looked for first: a day's values are many, breakdowns with too many of them few.
  const long = `SELECT merchant, breakdown ${values} GROUP BY 1, 2 HAVING count(DISTINCT value) > ${maxValues}`
  await connection.run(
    `CREATE OR REPLACE TEMP TABLE lost_values AS
SELECT merchant, breakdown, value
FROM (SELECT merchant, breakdown, value, coalesce(sum(hits), 0) AS hits ${values}
  AND (merchant, breakdown) IN (${long}) GROUP BY 1, 2, 3)
QUALIFY row_number() OVER (PARTITION BY merchant, breakdown ORDER BY hits DESC, value) > ${maxValues}`,
  )
  const found = await connection.runAndReadAll(`SELECT DISTINCT merchant FROM ${lostValues} ORDER BY 1`)
  const truncated = found.getRows().map(([merchant]) => String(merchant))
  if (truncated.length === 0) return { rows, truncated }
  const cut = `SELECT r.* REPLACE (
  CASE WHEN l.value IS NULL THEN r.value ELSE '' END AS value, coalesce(r.other, false) OR l.value IS NOT NULL AS other)
FROM (${rows}) r LEFT JOIN ${lostValues} l
  ON NOT coalesce(r.other, false) AND r.merchant = l.merchant AND r.breakdown = l.breakdown AND r.value = l.value`
  return { rows: cut, truncated }
}
