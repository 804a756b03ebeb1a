/**
 * How many rows a publication or a rewrite sorts at once. A partition that fits is read and written once, nearly as fast as by
 * a plain `COPY`; one that does not is read again for every slice, so a server that was given more memory publishes and
 * compacts for less of the processor.
 */
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { isOutOfMemory } from './database.ts'
import { withConnection } from './parquet.ts'

/** DuckDB's memory for a row of the usual width on its way from file through sort to file, bytes. */
export const sortedRowBytes = 1_800
/**
 * What readers and writers of many files take beside it, bytes. A sort that fills the memory is spilled and read again piece
 * by piece: at 160 MB slices of 24,000 rows took two thirds of the time of slices of 100,000.
 */
export const sortBufferBytes = 112 * 2 ** 20
/** Rows sorted at once, however little memory there is; where it runs out, fewer are tried. */
export const sliceLeastRows = 10_000
/** Rows sorted at once, however much memory there is: questions want some of it too. */
export const sliceMostRows = 1_000_000

/** Slices are not made smaller than this when memory runs out: then the error stands. */
export const sliceMinRows = 100

export interface Slices {
  /** Rows sorted at once, of the usual width (under 1 KB; wider ones weigh more). */
  readonly sliceMaxRows: number
  /** Rows of a row group, which is held in memory too. */
  readonly rowGroupMaxRows: number
}

/**
 * Does `work` in slices of so many rows, by the memory that DuckDB was given where absent. Where memory runs out all the same
 * (wide rows, queries beside it), again in slices a quarter as large.
 * @throws whatever `work` throws; want of memory only in the smallest slices
 */
export async function inSlices<T>(
  instance: DuckDBInstance,
  sliceMaxRows: number | undefined,
  work: (connection: DuckDBConnection, slices: Slices) => Promise<T>,
): Promise<T> {
  let slices: Slices | undefined
  for (;;) {
    try {
      return await withConnection(instance, async (connection) => {
        slices ??= {
          sliceMaxRows: sliceMaxRows ?? (await sliceRowsOf(connection)),
          rowGroupMaxRows: sliceMaxRows ?? Number.POSITIVE_INFINITY,
        }
        return await work(connection, slices)
      })
    } catch (error) {
      if (!isOutOfMemory(error) || slices === undefined || slices.sliceMaxRows <= sliceMinRows) throw error
      const smaller = Math.max(sliceMinRows, Math.floor(slices.sliceMaxRows / 4))
      slices = { sliceMaxRows: smaller, rowGroupMaxRows: smaller }
    }
  }
}

const unitBytes: Readonly<Record<string, number>> = {
  bytes: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
}

/** Rows that the memory which DuckDB was given can sort at once. */
export async function sliceRowsOf(connection: DuckDBConnection): Promise<number> {
  const [[text] = []] = (await connection.runAndReadAll(`SELECT current_setting('memory_limit')`)).getRows()
  return sliceRowsFor(memoryBytes(String(text)))
}

/** Rows that are sorted at once in `bytes` of memory; the least where they are no number. */
export function sliceRowsFor(bytes: number): number {
  const rows = Math.floor((bytes - sortBufferBytes) / sortedRowBytes)
  return Number.isNaN(rows) ? sliceLeastRows : Math.min(sliceMostRows, Math.max(sliceLeastRows, rows))
}

/** `bytes` as DuckDB prints them: `152.5 MiB`. NaN where it is no such text. */
export function memoryBytes(text: string): number {
  const [, amount, unit] = /^([\d.]+) ?([A-Za-z]+)$/.exec(text) ?? []
  return Number(amount) * (unitBytes[unit ?? ''] ?? Number.NaN)
}
