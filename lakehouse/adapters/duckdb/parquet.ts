/**
 * Parquet files by DuckDB: rows or a relation into one file with Iceberg's field ids, and what a manifest says of it.
 * All work of one call is on a connection of its own, whose temporary tables end with it.
 */
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import type { Column, LakeRow } from '../../../core/tables.ts'
import type { AppendFile } from '../../core/iceberg/append.ts'
import { boundOfText } from '../../core/iceberg/single-value.ts'
import { appendRows } from './parquet-columns.ts'
import { fieldIds, quoteName, quoteText, sqlType } from './parquet-sql.ts'

/**
 * How files are written, by their use. Rows of a row group are multiples of DuckDB's vector. `data file`: row groups small
 * enough that a reader skips most of a file by merchant. `staged`: smaller still, for a merge reads ranges of merchants.
 * `part`: read once, from its first row to its last, then removed.
 */
const styles = {
  'data file': { rowGroupRows: 32_768, compression: 'zstd' },
  staged: { rowGroupRows: 8_192, compression: 'zstd' },
  part: { rowGroupRows: 32_768, compression: 'lz4_raw' },
} as const
export type ParquetUse = keyof typeof styles

/** DuckDB's vector: larger row groups are multiples of it. */
const vectorRows = 2_048
/** Row groups of the widest rows; readers make vectors no longer than these, which is what saves memory. */
const rowGroupMinRows = 64
/** A row group is held in memory several times over until it is written. */
export const rowGroupMaxBytes = 8 * 1_048_576

/** Rows of a row group that stays below `rowGroupMaxBytes`, for rows of `rowBytes` each. */
export function rowGroupRowsFor(rowBytes: number): number {
  return Math.floor(rowGroupMaxBytes / Math.max(1, rowBytes))
}

function rowGroupRows(use: ParquetUse, maxRows: number): number {
  const rows = Math.max(rowGroupMinRows, Math.min(maxRows, styles[use].rowGroupRows))
  return rows > vectorRows ? rows - (rows % vectorRows) : rows
}

/** Statistics of a file, as a manifest entry has them. */
export type FileFacts = Omit<AppendFile, 'name' | 'partition'>

/** Runs `work` on a connection in UTC and closes it. */
export async function withConnection<T>(
  instance: DuckDBInstance,
  work: (connection: DuckDBConnection) => Promise<T>,
): Promise<T> {
  const connection = await instance.connect()
  try {
    // RETURN_STATS prints instants in the session's zone, and days are cut in it.
    await connection.run(`SET TimeZone = 'UTC'`)
    return await work(connection)
  } finally {
    connection.closeSync()
  }
}

/** Makes the temporary table `name` of the rows. */
export async function loadRows(
  connection: DuckDBConnection,
  name: string,
  columns: readonly Column[],
  rows: readonly LakeRow[],
): Promise<void> {
  const types = columns.map((column) => `${quoteName(column.name)} ${sqlType(column.type)}`)
  await connection.run(`CREATE TEMP TABLE ${quoteName(name)} (${types.join(', ')})`)
  const appender = await connection.createAppender(name, 'main', 'temp')
  try {
    await appendRows(appender, columns, rows, () => new Promise((resolve) => setImmediate(resolve)))
  } finally {
    appender.closeSync()
  }
}

/** Writes the rows of `query`, in its order, to the file at `path`. */
export async function copyToParquet(
  connection: DuckDBConnection,
  query: string,
  columns: readonly Column[],
  path: string,
  { use, rowGroupMaxRows = Number.POSITIVE_INFINITY }: { readonly use: ParquetUse; readonly rowGroupMaxRows?: number },
): Promise<FileFacts> {
  const { compression } = styles[use]
  const groupRows = rowGroupRows(use, rowGroupMaxRows)
  const result = await connection.runAndReadAll(
    `COPY (${query}) TO ${quoteText(path)} (FORMAT parquet, COMPRESSION ${compression}, ROW_GROUP_SIZE ${groupRows}, ` +
      `FIELD_IDS ${fieldIds(columns)}, RETURN_STATS)`,
  )
  const [row] = result.getRowObjectsJson()
  if (row === undefined) throw new TypeError('COPY returned no statistics')
  return factsOf(row, columns)
}

interface StatsEntry {
  readonly key: string
  readonly value: readonly { readonly key: string; readonly value: string }[]
}

function factsOf(row: Readonly<Record<string, unknown>>, columns: readonly Column[]): FileFacts {
  const columnBytes = new Map<number, number>()
  const valueCounts = new Map<number, number>()
  const nullCounts = new Map<number, number>()
  const lowerBounds = new Map<number, Buffer>()
  const upperBounds = new Map<number, Buffer>()
  const byName = new Map(columns.map((column) => [quoteName(column.name), column]))
  for (const { key, value } of row.column_statistics as readonly StatsEntry[]) {
    // Keys of nested columns are paths; their counts are of Parquet levels, not of values, so none are stated.
    const column = byName.get(key)
    if (column === undefined) continue
    const facts = new Map(value.map((fact) => [fact.key, fact.value]))
    setNumber(columnBytes, column.id, facts.get('column_size_bytes'))
    setNumber(valueCounts, column.id, facts.get('num_values'))
    setNumber(nullCounts, column.id, facts.get('null_count'))
    const [min, max] = [facts.get('min'), facts.get('max')]
    const lower = min === undefined ? undefined : boundOfText(column.type, min, 'lower')
    const upper = max === undefined ? undefined : boundOfText(column.type, max, 'upper')
    if (lower !== undefined) lowerBounds.set(column.id, lower)
    if (upper !== undefined) upperBounds.set(column.id, upper)
  }
  return {
    rows: Number(row.count),
    bytes: Number(row.file_size_bytes),
    columnBytes,
    valueCounts,
    nullCounts,
    lowerBounds,
    upperBounds,
  }
}

function setNumber(map: Map<number, number>, id: number, text: string | undefined): void {
  if (text !== undefined) map.set(id, Number(text))
}
