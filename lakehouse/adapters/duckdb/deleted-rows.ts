/**
 * Parquet files of a table as a relation, without the rows that position delete files name (Iceberg spec, "Position Delete
 * Files") and with nulls in columns that the table dropped. Files with neither are read by `readParquet` alone.
 */
import type { Column } from '../../../core/tables.ts'
import { deletedPathId, deletedPositionId } from '../../core/iceberg/read-scan.ts'
import type { TableFile } from '../../core/table-files.ts'
import { quoteName, quoteText, readParquet, textLiteral } from './parquet-sql.ts'

/** What a table says of one of its files. */
export type ParquetFile = Pick<TableFile, 'localPath' | 'deletes' | 'dropped'>

/** A relation over the rows of the files (at least one) that are not deleted. */
export function readFiles(columns: readonly Column[], files: readonly ParquetFile[]): string {
  const groups = new Map<string, ParquetFile[]>()
  for (const file of files) {
    const key = `${hasDeletes(file)} ${(file.dropped ?? []).join()}`
    groups.set(key, [...(groups.get(key) ?? []), file])
  }
  const names = columns.map(({ name }) => quoteName(name)).join(', ')
  const parts = [...groups.values()].map((group) => relation(columns, group))
  const [only] = parts
  if (only !== undefined && parts.length === 1) return only
  return `(${parts.map((part) => `SELECT ${names} FROM ${part}`).join(' UNION ALL ')})`
}

function hasDeletes({ deletes = [] }: ParquetFile): boolean {
  return deletes.length > 0
}

/** Files that all have deletes or all have none, of one schema. */
function relation(columns: readonly Column[], files: readonly ParquetFile[]): string {
  const dropped = new Set(files[0]?.dropped)
  // No file has a column under a negative id, so it reads as null.
  const asked = columns.map((column) => (dropped.has(column.id) ? { ...column, id: -column.id } : column))
  if (files.some(hasDeletes)) {
    const names = columns.map(({ name }) => quoteName(name)).join(', ')
    return `(SELECT ${names} FROM ${withoutDeleted(asked, files)})`
  }
  return readParquet(
    asked,
    files.map(({ localPath }) => localPath),
  )
}

/** Columns of position delete files, by the ids reserved for them. */
const deleteColumns: readonly Column[] = [
  { id: deletedPathId, name: 'file_path', type: 'string', doc: '' },
  { id: deletedPositionId, name: 'pos', type: 'long', doc: '' },
]

/** An anti join on file and row number. */
function withoutDeleted(columns: readonly Column[], files: readonly ParquetFile[]): string {
  const pairs = files.flatMap(({ localPath, deletes = [] }) =>
    deletes.map((one) => `(${quoteText(one.localPath)}, ${textLiteral(one.uri)}, ${quoteText(localPath)})`),
  )
  const deletePaths = [...new Set(files.flatMap(({ deletes = [] }) => deletes.map(({ localPath }) => localPath)))]
  const paths = files.map(({ localPath }) => localPath)
  // `filename` and `file_row_number` are columns that DuckDB gives every file.
  const deleted =
    `SELECT pair.data, gone.pos FROM ${readParquet(deleteColumns, deletePaths)} AS gone ` +
    `JOIN (VALUES ${pairs.join(', ')}) AS pair(deletes, uri, data) ` +
    'ON gone.filename = pair.deletes AND gone.file_path = pair.uri'
  return (
    `${readParquet(columns, paths)} AS kept WHERE NOT EXISTS (SELECT 1 FROM (${deleted}) AS row_gone ` +
    'WHERE row_gone.data = kept.filename AND row_gone.pos = kept.file_row_number)'
  )
}
