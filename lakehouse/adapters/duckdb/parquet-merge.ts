/**
 * Merges staged files into one Parquet file per partition, for a publication: rows in the table's order (partition by
 * partition, then `tableOrder`), numbered from 0 over the whole publication, partial rows of one fold key folded to one.
 *
 * Memory stays bounded whatever the batch: partitions are taken in slices of about `sliceMaxRows`, each slice is one pass
 * over the files (DuckDB skips row groups by their statistics), and sorting spills. A slice of one partition streams
 * through the sort into its file; a slice of many small ones is sorted once into a temporary table.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import { utcDayText } from '../../../core/event-time.ts'
import type { Column, FoldKind, TableDefinition } from '../../../core/tables.ts'
import { copyToParquet, type FileFacts } from './parquet.ts'
import { partitionDay, quoteName, quoteText, readParquet, stagedColumns, tableOrder } from './parquet-sql.ts'

/** Rows of several partitions that are sorted together; a partition larger than this is a slice of its own. */
export const sliceMaxRows = 200_000

export interface MergedPartition {
  readonly generation: number | null
  readonly day: number
}

export interface MergeOptions {
  readonly connection: DuckDBConnection
  readonly definition: TableDefinition
  readonly publish: number
  /** Local paths of the staged files. */
  readonly paths: readonly string[]
  readonly sliceMaxRows?: number
  /** Where the next file goes, on this machine's disk. */
  readonly scratchFile: () => string
  /** Takes the finished file over; the merge waits for it. */
  readonly onFile: (partition: MergedPartition, path: string, facts: FileFacts) => Promise<void>
}

interface CountedPartition extends MergedPartition {
  readonly rows: number
}

export async function mergeStaged(options: MergeOptions): Promise<void> {
  const partitions = await countPartitions(options)
  let firstRow = 0
  for (const slice of slices(partitions, options.sliceMaxRows ?? sliceMaxRows)) {
    firstRow = slice.length === 1 ? await writeOne(options, slice, firstRow) : await writeMany(options, slice, firstRow)
  }
}

async function countPartitions({ connection, definition, paths }: MergeOptions): Promise<readonly CountedPartition[]> {
  const generation = definition.partition.generation ? '"_gen"' : 'NULL::INTEGER'
  const result = await connection.runAndReadAll(
    `SELECT ${generation}, ${partitionDay(definition)}, count(*) FROM ${readParquet(partitionColumns(definition), paths)} ` +
      'GROUP BY 1, 2 ORDER BY 1, 2',
  )
  return result.getRows().map(([gen, day, rows]) => ({
    generation: gen === null ? null : Number(gen),
    day: Number(day),
    rows: Number(rows),
  }))
}

function partitionColumns(definition: TableDefinition): readonly Column[] {
  const names = ['_gen', definition.partition.day]
  return definition.columns.filter((column) => names.includes(column.name))
}

/** Runs of partitions of one generation, each of at most `maxRows` or of one partition. */
export function slices(partitions: readonly CountedPartition[], maxRows: number): CountedPartition[][] {
  const runs: CountedPartition[][] = []
  let rows = 0
  for (const partition of partitions) {
    const run = runs.at(-1)
    if (run === undefined || run[0]?.generation !== partition.generation || rows + partition.rows > maxRows) {
      runs.push([partition])
      rows = 0
    } else {
      run.push(partition)
    }
    rows += partition.rows
  }
  return runs
}

async function writeOne(options: MergeOptions, slice: readonly CountedPartition[], firstRow: number): Promise<number> {
  const [partition] = slice
  if (partition === undefined) return firstRow
  const { connection, definition } = options
  const numbered = `SELECT *, row_number() OVER () - 1 + ${firstRow} AS "_row" FROM (${sorted(options, slice)})`
  const path = options.scratchFile()
  const facts = await copyToParquet(connection, publicationSelect(options, numbered), definition.columns, path)
  await options.onFile(partition, path, facts)
  return firstRow + facts.rows
}

async function writeMany(options: MergeOptions, slice: readonly CountedPartition[], firstRow: number): Promise<number> {
  const { connection, definition } = options
  const day = partitionDay(definition)
  await connection.run(
    `CREATE OR REPLACE TEMP TABLE merge_slice AS SELECT *, ${day} AS "#day", row_number() OVER () - 1 + ${firstRow} AS "_row" ` +
      `FROM (${sorted(options, slice)})`,
  )
  try {
    const bounds = await connection.runAndReadAll(
      'SELECT "#day", min("_row"), max("_row") FROM merge_slice GROUP BY 1 ORDER BY 1',
    )
    let next = firstRow
    for (const [dayValue, from, through] of bounds.getRows()) {
      const rows = `SELECT * FROM merge_slice WHERE "_row" BETWEEN ${from} AND ${through} ORDER BY "_row"`
      const path = options.scratchFile()
      const facts = await copyToParquet(connection, publicationSelect(options, rows), definition.columns, path)
      await options.onFile({ generation: slice[0]?.generation ?? null, day: Number(dayValue) }, path, facts)
      next += facts.rows
    }
    return next
  } finally {
    await connection.run('DROP TABLE merge_slice')
  }
}

// All columns in the table's order of columns, `_publish` and `_row` filled in.
function publicationSelect({ definition, publish }: MergeOptions, source: string): string {
  const columns = definition.columns.map((column) => {
    if (column.name === '_publish') return `CAST(${publish} AS BIGINT) AS "_publish"`
    return column.name === '_row' ? 'CAST("_row" AS BIGINT) AS "_row"' : quoteName(column.name)
  })
  return `SELECT ${columns.join(', ')} FROM (${source})`
}

function sorted({ definition, paths }: MergeOptions, slice: readonly CountedPartition[]): string {
  const first = slice[0] as CountedPartition
  const last = slice.at(-1) as CountedPartition
  const day = quoteName(definition.partition.day)
  const from = `TIMESTAMPTZ ${quoteText(`${utcDayText(first.day)} 00:00:00+00`)}`
  const before = `TIMESTAMPTZ ${quoteText(`${utcDayText(last.day + 1)} 00:00:00+00`)}`
  const generation = first.generation === null ? '' : ` AND "_gen" = ${first.generation}`
  const rows = `SELECT * FROM ${readParquet(stagedColumns(definition), paths)} WHERE ${day} >= ${from} AND ${day} < ${before}${generation}`
  // Days first: a slice of several partitions is numbered partition by partition.
  return `SELECT * FROM (${folded(definition, rows)}) ORDER BY ${partitionDay(definition)}, ${tableOrder(definition)}`
}

/** Partial rows of one key as one row; `rows` unchanged for tables that do not fold. Nothing summed is null. */
function folded(definition: TableDefinition, rows: string): string {
  const { fold } = definition
  if (fold === undefined) return rows
  const columns = stagedColumns(definition).map((column) => {
    const name = quoteName(column.name)
    if (fold.key.includes(column.name)) return name
    const kind = fold.values[column.name]
    return `${kind === undefined ? rangeFold(column.name) : `CAST(${valueFold(name, kind)} AS ${foldType(column)})`} AS ${name}`
  })
  return `SELECT ${columns.join(', ')} FROM (${rows}) GROUP BY ${fold.key.map(quoteName).join(', ')}`
}

function valueFold(name: string, kind: FoldKind): string {
  if (kind === 'sum') return `sum(${name})`
  return `list_slice(list_sort(list_distinct(flatten(list(${name}) FILTER (${name} IS NOT NULL)))), 1, ${kind.kmv})`
}

function foldType(column: Column): string {
  if (column.type === 'long') return 'BIGINT'
  return column.type === 'decimal38' ? 'DECIMAL(38,0)' : 'BIGINT[]'
}

function rangeFold(name: string): string {
  if (name.endsWith('_from')) return `min(${quoteName(name)})`
  if (name.endsWith('_to')) return `max(${quoteName(name)})`
  throw new TypeError(`column ${name} has no rule to fold it by`)
}
