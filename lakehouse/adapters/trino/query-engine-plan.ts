/** Reads the answer of `EXPLAIN (TYPE IO, FORMAT JSON)`: what a statement would read. */
import { z } from 'zod'
import type { TableName } from '../../../core/tables.ts'

const ioPlan = z.object({
  inputTableColumnInfos: z.array(
    z.object({
      table: z.object({ schemaTable: z.object({ table: z.string() }) }),
      // A number, or the text "NaN" where Trino does not know.
      estimate: z.object({ outputRowCount: z.union([z.number(), z.string()]) }),
    }),
  ),
})

/**
 * Rows of all files of a table that the plan reads: those of the snapshot whose partition and bounds may hold what is asked.
 * Exact, for Iceberg counts the rows of every file. Where the plan reads the table several times, those of the largest scan.
 * @throws TypeError where the answer is no such plan, or Trino does not know
 */
export function plannedRows(answer: readonly (readonly unknown[])[], table: TableName): number {
  const text = answer[0]?.[0]
  if (typeof text !== 'string') throw new TypeError('Trino answered no plan')
  const plan = ioPlan.safeParse(JSON.parse(text))
  if (!plan.success) throw new TypeError('Trino answered a plan of another form', { cause: plan.error })
  const rows = plan.data.inputTableColumnInfos
    .filter((scan) => scan.table.schemaTable.table === table)
    .reduce((most, { estimate }) => Math.max(most, Number(estimate.outputRowCount)), 0)
  if (!Number.isFinite(rows)) throw new TypeError('Trino does not know how many rows the plan reads')
  return rows
}
