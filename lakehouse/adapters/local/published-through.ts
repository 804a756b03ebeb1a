/** Which publications a snapshot of the folder lake holds, by the column of its rows. */
import type { DuckDBInstance } from '@duckdb/node-api'
import type { TableName } from '../../../core/tables.ts'
import { tables } from '../../../schemas/tables.ts'
import { printDuckDb } from '../../core/sql/duckdb-printer.ts'
import { publishedThroughSelect } from '../../core/sql/published-through-select.ts'
import type { TableFiles } from '../../core/table-files.ts'
import { readFiles } from '../duckdb/deleted-rows.ts'
import { withConnection } from '../duckdb/parquet.ts'

/** The largest `_publish` of the snapshot's rows, 0 for none. @throws SnapshotNotFoundError */
export async function localPublishedThrough(
  { instance, files }: { readonly instance: DuckDBInstance; readonly files: TableFiles },
  table: TableName,
  snapshot: string,
): Promise<number> {
  const found = await files.files({ table, snapshot, pending: [] })
  if (found.length === 0) return 0
  const columns = tables[table].columns.filter(({ name }) => name === '_publish')
  const sql = printDuckDb(publishedThroughSelect(table), () => readFiles(columns, found))
  return withConnection(instance, async (connection) => {
    const [row] = (await connection.runAndReadAll(sql)).getRows()
    return Number(row?.[0] ?? 0)
  })
}
