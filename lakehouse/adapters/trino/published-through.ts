/** Which publications a snapshot in Trino holds, by the column of its rows. */
import { SnapshotNotFoundError } from '../../../core/errors.ts'
import type { TableName } from '../../../core/tables.ts'
import { publishedThroughSelect } from '../../core/sql/published-through-select.ts'
import { printTrino } from '../../core/sql/trino-printer.ts'
import type { Trino } from './client.ts'
import { type TrinoPlace, trinoTable } from './tables.ts'

/** The largest `_publish` of the snapshot's rows, 0 for none. @throws SnapshotNotFoundError where the id is none */
export async function trinoPublishedThrough(
  { trino, ...place }: TrinoPlace & { readonly trino: Pick<Trino, 'query'> },
  table: TableName,
  snapshot: string,
): Promise<number> {
  if (!/^\d{1,19}$/.test(snapshot)) throw new SnapshotNotFoundError(table, snapshot)
  const source = () => `${trinoTable(place, table)} FOR VERSION AS OF ${snapshot}`
  const [row] = await trino.query(printTrino(publishedThroughSelect(table), source), { effect: 'reads' })
  return Number(row?.[0] ?? 0)
}
