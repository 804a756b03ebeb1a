/** Rows out of one Parquet file: how many a condition takes, and a file of those that stay, in their order. */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { Column, TableDefinition } from '../../../core/tables.ts'
import type { Expression } from '../../core/sql/ast.ts'
import { printDuckDbExpression } from '../../core/sql/duckdb-printer.ts'
import { type ParquetFile, readFiles } from './deleted-rows.ts'
import { copyToParquet, type FileFacts } from './parquet.ts'
import { quoteName, readParquet, tableOrder } from './parquet-sql.ts'

export interface RemovalOptions {
  readonly connection: DuckDBConnection
  readonly definition: TableDefinition
  readonly file: ParquetFile
  /** Of rows called `rows`; never null. */
  readonly goes: Expression
}

/** Rows of the file that go; also those that another engine deleted, whose bytes are still there. */
export async function countGoing({ connection, definition, file, goes }: RemovalOptions): Promise<number> {
  const result = await connection.runAndReadAll(
    `SELECT count(*) FROM ${readParquet(definition.columns, [file.localPath])} AS "rows" WHERE ${printDuckDbExpression(goes)}`,
  )
  return Number(result.getRows()[0]?.[0] ?? 0)
}

/** Writes the rows that stay to `path`. Memory is bounded: a file in order is streamed. */
export async function writeStaying(
  { connection, definition, file, goes }: RemovalOptions,
  path: string,
  rowGroupMaxRows: number,
): Promise<FileFacts> {
  const { columns } = definition
  const names = columns.map(({ name }: Column) => quoteName(name)).join(', ')
  // The rows of a file without deletes come as they lie in it; of others an anti join may have changed their order.
  const order = file.deletes?.length ? ` ORDER BY ${tableOrder(definition)}, "_publish", "_row"` : ''
  const rows = `SELECT ${names} FROM ${readFiles(columns, [file])} AS "rows" WHERE NOT (${printDuckDbExpression(goes)})${order}`
  return copyToParquet(connection, rows, columns, path, { use: 'data file', rowGroupMaxRows })
}
