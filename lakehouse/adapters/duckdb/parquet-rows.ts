/**
 * Rows of JavaScript values, in their order, into one Parquet file. DuckDB handles up to 2,048 rows at once and holds each
 * such lot several times over, so rows much wider than usual are written in pieces of few rows and the pieces then streamed
 * into the file.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { Column, LakeRow } from '../../../core/tables.ts'
import { constantColumns } from './constant-columns.ts'
import { copyToParquet, type FileFacts, loadRows, rowGroupRowsFor } from './parquet.ts'
import { quoteName, readParquet } from './parquet-sql.ts'

/** Rows above this mean width are written in pieces. */
export const wideRowBytes = 4_096
/**
 * Rows that together take more than this in DuckDB are written in pieces as well: it holds all rows of a piece, and those
 * it compresses a second time, within a limit of memory that may be 160 MB.
 */
export const piecesAboveBytes = 64 * 1_048_576
/** What a value takes in a vector, beside the text of one that is longer than 12 bytes. */
const valueBytes = 16

export interface RowsToWrite {
  readonly connection: DuckDBConnection
  readonly columns: readonly Column[]
  readonly rows: readonly LakeRow[]
  readonly path: string
  readonly scratchFile: () => string
  readonly removeFile: (path: string) => Promise<void>
}

export async function writeRows(given: RowsToWrite): Promise<FileFacts> {
  const { connection, columns, rows, path } = given
  const rowBytes = meanRowBytes(columns, rows)
  const rowGroupMaxRows = rowGroupRowsFor(rowBytes)
  const isNarrow = rowBytes <= wideRowBytes
  if (isNarrow && rowBytes * rows.length <= piecesAboveBytes) return writeAtOnce(given, rows, path, rowGroupMaxRows)
  const pieceRows = isNarrow ? Math.floor(piecesAboveBytes / rowBytes) : rowGroupMaxRows
  const pieces: string[] = []
  try {
    for (let from = 0; from < rows.length; from += pieceRows) {
      const piece = given.scratchFile()
      pieces.push(piece)
      await writeAtOnce(given, rows.slice(from, from + pieceRows), piece, rowGroupMaxRows)
    }
    const all = `SELECT * FROM ${readParquet(columns, pieces)}`
    return await copyToParquet(connection, all, columns, path, { use: 'staged', rowGroupMaxRows })
  } finally {
    for (const piece of pieces) await given.removeFile(piece)
  }
}

async function writeAtOnce(
  { connection, columns }: RowsToWrite,
  rows: readonly LakeRow[],
  path: string,
  rowGroupMaxRows: number,
): Promise<FileFacts> {
  const constants = constantColumns(columns, rows)
  const copied = columns.filter(({ name }) => !constants.has(name))
  const selected = columns.map(({ name }) => {
    const literal = constants.get(name)
    return literal === undefined ? quoteName(name) : `${literal} AS ${quoteName(name)}`
  })
  await loadRows(connection, 'staging', copied, rows)
  try {
    return await copyToParquet(connection, `SELECT ${selected.join(', ')} FROM temp.staging`, columns, path, {
      use: 'staged',
      rowGroupMaxRows,
    })
  } finally {
    await connection.run('DROP TABLE temp.staging')
  }
}

// Strings make rows wide; all else is small beside them.
function meanRowBytes(columns: readonly Column[], rows: readonly LakeRow[]): number {
  let bytes = rows.length * columns.length * valueBytes
  const names = columns.filter((column) => column.type === 'string').map((column) => column.name)
  for (const row of rows) {
    for (const name of names) {
      const value = row[name]
      if (typeof value === 'string') bytes += value.length
    }
  }
  return bytes / Math.max(1, rows.length)
}
