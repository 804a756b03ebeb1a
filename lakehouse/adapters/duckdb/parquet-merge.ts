/**
 * Merges staged files into one Parquet file per partition, for a publication: rows in the table's order (partition by
 * partition, then `tableOrder`), numbered from 0 over the whole publication, partial rows of one fold key folded to one.
 *
 * DuckDB's sort holds all strings of its input in memory, whatever it spills, so memory is bounded by sorting slices of no
 * more rows than its memory sorts at once (`slice-rows.ts`): small partitions share a slice, a large one is cut into ranges
 * of its keys, each sorted by itself and all then streamed into the partition's one file. Staged files are sorted too, so a
 * range skips most of their row groups.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import { utcDayText } from '../../../core/event-time.ts'
import type { LakePartition } from '../../../core/ports/lake.ts'
import type { TableDefinition } from '../../../core/tables.ts'
import { partitionTime, periodDays } from '../../core/partition.ts'
import { keyRanges } from './key-ranges.ts'
import { copyToParquet, type FileFacts } from './parquet.ts'
import { foldedRows } from './parquet-fold.ts'
import {
  partitionPeriod,
  quoteName,
  quoteText,
  readParquet,
  rowWeight,
  stagedColumns,
  tableOrder,
} from './parquet-sql.ts'
import type { Slices } from './slice-rows.ts'

export interface MergedFile {
  readonly partition: LakePartition
  readonly path: string
  readonly facts: FileFacts
}

export interface MergeOptions extends Slices {
  readonly connection: DuckDBConnection
  readonly definition: TableDefinition
  readonly publish: number
  /** Local paths of the staged files. */
  readonly paths: readonly string[]
  /** Where the next file goes, on this machine's disk. */
  readonly scratchFile: () => string
  /** Removes such a file. */
  readonly removeFile: (path: string) => Promise<void>
}

/** The files, one by one: the caller takes each over before the next is made. */
export async function* mergeStaged(options: MergeOptions): AsyncGenerator<MergedFile> {
  const partitions = await countPartitions(options)
  let firstRow = 0
  for (const slice of slices(partitions, options.sliceMaxRows)) {
    for await (const file of slice.length > 1
      ? manyPartitions(options, slice, firstRow)
      : onePartition(options, slice, firstRow)) {
      firstRow += file.facts.rows
      yield file
    }
  }
}

interface WeighedPartition extends LakePartition {
  /** In rows of the usual width. */
  readonly weight: number
}

async function countPartitions({ connection, definition, paths }: MergeOptions): Promise<readonly WeighedPartition[]> {
  const generation = definition.partition.generation ? '"_gen"' : 'NULL::INTEGER'
  const result = await connection.runAndReadAll(
    `SELECT ${generation}, ${partitionPeriod(definition)}, sum(${rowWeight(definition)}) ` +
      `FROM ${readParquet(stagedColumns(definition), paths)} GROUP BY 1, 2 ORDER BY 1, 2`,
  )
  return result.getRows().map(([gen, period, weight]) => ({
    generation: gen === null ? null : Number(gen),
    period: Number(period),
    weight: Number(weight),
  }))
}

/** Runs of partitions of one generation, each of at most `maxRows` or of one partition. */
export function slices(partitions: readonly WeighedPartition[], maxRows: number): WeighedPartition[][] {
  const runs: WeighedPartition[][] = []
  let rows = 0
  for (const partition of partitions) {
    const run = runs.at(-1)
    if (run === undefined || run[0]?.generation !== partition.generation || rows + partition.weight > maxRows) {
      runs.push([partition])
      rows = 0
    } else {
      run.push(partition)
    }
    rows += partition.weight
  }
  return runs
}

/** Several small partitions: sorted once into a temporary table, then one file after the other. */
async function* manyPartitions(
  options: MergeOptions,
  slice: readonly WeighedPartition[],
  firstRow: number,
): AsyncGenerator<MergedFile> {
  const { connection, definition } = options
  const period = partitionPeriod(definition)
  await connection.run(
    `CREATE OR REPLACE TEMP TABLE merge_slice AS SELECT *, ${period} AS "#period" FROM (${sorted(options, slice, 'true', firstRow)})`,
  )
  try {
    const bounds = await connection.runAndReadAll(
      'SELECT "#period", min("_row"), max("_row") FROM merge_slice GROUP BY 1 ORDER BY 1',
    )
    for (const [period, from, through] of bounds.getRows()) {
      const rows = `SELECT * FROM merge_slice WHERE "_row" BETWEEN ${from} AND ${through} ORDER BY "_row"`
      yield await finalFile(options, { generation: slice[0]?.generation ?? null, period: Number(period) }, rows)
    }
  } finally {
    await connection.run('DROP TABLE merge_slice')
  }
}

/** One partition: sorted straight into its file where it fits a slice, else range by range and then all in one stream. */
async function* onePartition(
  options: MergeOptions,
  slice: readonly WeighedPartition[],
  firstRow: number,
): AsyncGenerator<MergedFile> {
  const { connection, definition, paths, sliceMaxRows: maxRows } = options
  const [partition] = slice
  if (partition === undefined) return
  const from = `${readParquet(stagedColumns(definition), paths)} WHERE ${inSlice(options, slice)}`
  const ranges = partition.weight <= maxRows ? ['true'] : await keyRanges(connection, definition, from, maxRows)
  if (ranges.length === 1) {
    yield await finalFile(options, partition, sorted(options, slice, 'true', firstRow))
    return
  }
  const parts: string[] = []
  try {
    let next = firstRow
    for (const range of ranges) {
      const path = options.scratchFile()
      parts.push(path)
      const rows = publicationSelect(options, sorted(options, slice, range, next))
      next += (
        await copyToParquet(connection, rows, definition.columns, path, { use: 'part', rowGroupMaxRows: maxRows })
      ).rows
    }
    // Without ORDER BY: DuckDB keeps the order of files and rows, and streams.
    yield await finalFile(options, partition, `SELECT * FROM ${readParquet(definition.columns, parts)}`)
  } finally {
    for (const path of parts) await options.removeFile(path)
  }
}

async function finalFile(options: MergeOptions, partition: LakePartition, rows: string): Promise<MergedFile> {
  const { connection, definition } = options
  const path = options.scratchFile()
  const facts = await copyToParquet(connection, publicationSelect(options, rows), definition.columns, path, {
    use: 'data file',
    rowGroupMaxRows: options.rowGroupMaxRows,
  })
  return { partition: { generation: partition.generation, period: partition.period }, path, facts }
}

// All columns in the definition's order, `_publish` and `_row` filled in.
function publicationSelect({ definition, publish }: MergeOptions, source: string): string {
  const columns = definition.columns.map((column) => {
    if (column.name === '_publish') return `CAST(${publish} AS BIGINT) AS "_publish"`
    return column.name === '_row' ? 'CAST("_row" AS BIGINT) AS "_row"' : quoteName(column.name)
  })
  return `SELECT ${columns.join(', ')} FROM (${source})`
}

/** Rows of the slice within the range, folded, in the table's order, numbered from `firstRow`. */
function sorted(options: MergeOptions, slice: readonly WeighedPartition[], range: string, firstRow: number): string {
  const { definition, paths } = options
  const rows = `SELECT * FROM ${readParquet(stagedColumns(definition), paths)} WHERE ${inSlice(options, slice)} AND ${range}`
  // Periods first: a slice of several partitions is numbered partition by partition.
  const periods = slice.length > 1 ? `${partitionPeriod(definition)}, ` : ''
  return (
    `SELECT *, row_number() OVER () - 1 + ${firstRow} AS "_row" FROM ` +
    `(SELECT * FROM (${foldedRows(definition, rows)}) ORDER BY ${periods}${tableOrder(definition)})`
  )
}

function inSlice({ definition }: MergeOptions, slice: readonly WeighedPartition[]): string {
  const [first, last] = [slice[0], slice.at(-1)]
  if (first === undefined || last === undefined) return 'false'
  const time = partitionTime(definition)
  const start = (day: number) => `TIMESTAMPTZ ${quoteText(`${utcDayText(day)} 00:00:00+00`)}`
  const from = start(periodDays(time, first.period).first)
  const before = start(periodDays(time, last.period).end)
  const generation = first.generation === null ? '' : ` AND "_gen" = ${first.generation}`
  return `${quoteName(time.column)} >= ${from} AND ${quoteName(time.column)} < ${before}${generation}`
}
