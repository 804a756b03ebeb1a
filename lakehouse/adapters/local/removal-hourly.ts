/** Days of `hourly` computed again from `hits` in the embedded lake, and which days hits are counted in. */
import { mkdir, rm } from 'node:fs/promises'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { LakePartition } from '../../../core/ports/lake.ts'
import type { LakeRemoval } from '../../../core/ports/lake-removal.ts'
import type { TableName } from '../../../core/tables.ts'
import type { AppendFile } from '../../core/iceberg/append.ts'
import { snapshotId } from '../../core/iceberg/metadata.ts'
import { replaceFiles } from '../../core/iceberg/replace.ts'
import { beyondCondition, dayOfWork, hourlyQuestionOf } from '../../core/removal-work.ts'
import { and, anyOf, column, type Expression, type Select } from '../../core/sql/ast.ts'
import { type CountedHour, countedDaysOf, countedHoursSelect } from '../../core/sql/counted-days-select.ts'
import { printDuckDb, printDuckDbExpression } from '../../core/sql/duckdb-printer.ts'
import { hourlySelect, hourZonesSelect } from '../../core/sql/hourly-select.ts'
import type { TableFile } from '../../core/table-files.ts'
import { type ParquetFile, readFiles } from '../duckdb/deleted-rows.ts'
import { copyToParquet, withConnection } from '../duckdb/parquet.ts'
import { quoteName, readParquet, sqlType, stagedColumns, tableOrder } from '../duckdb/parquet-sql.ts'
import type { LiveFile } from './partition-files.ts'
import type { RemovalOptions, WithoutRows } from './removal.ts'
import type { LocalTable } from './rewrites.ts'
import { fileBytes, hashOf } from './staging.ts'

export interface RecomputeOptions extends RemovalOptions {
  readonly withoutRows: WithoutRows
  readonly scratchFile: () => string
  readonly liveFiles: (table: LocalTable) => Promise<readonly LiveFile[]>
}

export function createRecompute(options: RecomputeOptions): Pick<LakeRemoval, 'countedDays' | 'recomputeHourly'> {
  const { objects, instance, scratchFile } = options

  /** The rows as a new data file; undefined where there are none. `firstRow`: number of the first. */
  async function newFile(
    connection: DuckDBConnection,
    { definition, layout }: LocalTable,
    sql: string,
    given: { readonly partition: LakePartition; readonly publish: number; readonly firstRow: number },
  ): Promise<AppendFile | undefined> {
    const computed = scratchFile()
    const path = scratchFile()
    const staged = stagedColumns(definition)
    const cast = staged.map(({ name, type }) => `CAST(${quoteName(name)} AS ${sqlType(type)}) AS ${quoteName(name)}`)
    const rowGroupMaxRows = options.sliceMaxRows ?? Number.POSITIVE_INFINITY
    try {
      // Computed and sorted apart: both at once would be held in memory together.
      await copyToParquet(connection, `SELECT ${cast.join(', ')} FROM (${sql})`, staged, computed, {
        use: 'staged',
        rowGroupMaxRows,
      })
      const sorted = `SELECT * FROM ${readParquet(staged, [computed])} ORDER BY ${tableOrder(definition)}`
      const columns = definition.columns.map(({ name }) => {
        if (name === '_publish') return `CAST(${given.publish} AS BIGINT) AS "_publish"`
        if (name === '_row') return `row_number() OVER () - 1 + ${given.firstRow} AS "_row"`
        return quoteName(name)
      })
      const rows = `SELECT ${columns.join(', ')} FROM (${sorted})`
      const facts = await copyToParquet(connection, rows, definition.columns, path, {
        use: 'data file',
        rowGroupMaxRows,
      })
      if (facts.rows === 0) return undefined
      const name = layout.rewrittenFile(given.partition, await hashOf(path))
      await objects.put(name, fileBytes(path))
      return { name, partition: [given.partition.generation, given.partition.period].map(Number), ...facts }
    } finally {
      for (const file of [computed, path]) await rm(file, { force: true })
    }
  }

  return {
    async countedDays(hits, generations, erased) {
      if (erased.length === 0) return []
      const files = await options.files.files(hits)
      if (files.length === 0) return []
      const sql = printDuckDb(countedHoursSelect(erased), from(options, files))
      return withConnection(instance, async (connection) => {
        const rows = (await connection.runAndReadAll(sql)).getRows()
        return countedDaysOf(
          rows.map(([merchant, visitor, user, zone, hour, generation, count]): CountedHour => {
            const whose = { merchant: String(merchant), visitor: textOrNull(visitor), user: textOrNull(user) }
            const when = { zone: String(zone), hour: Number(hour), generation: Number(generation) }
            return { ...whose, ...when, hits: Number(count) }
          }),
          generations,
          erased,
        )
      })
    },

    async recomputeHourly(work) {
      const { reads, ...question } = hourlyQuestionOf(work)
      const partition: LakePartition = { generation: work.generation, period: dayOfWork(work) }
      const table = options.table('hourly')
      const { definition } = table
      const own = (await options.liveFiles(table)).filter(
        ({ partition: each }) => each.generation === partition.generation && each.period === partition.period,
      )
      // Files that a publication brought since are none of ours, and stay.
      if ((await newestOf(table)) !== work.hourly) return null
      await mkdir(options.scratch, { recursive: true })
      const hits = await options.files.files(work.hits, reads)
      return withConnection(instance, async (connection) => {
        const ask = (select: Select) => printDuckDb(select, from(options, hits))
        const zones =
          hits.length === 0
            ? []
            : (await connection.runAndReadAll(ask(hourZonesSelect(question)))).getRows().map(String)
        const goes = anyOf(column('merchant', 'rows'), question.merchants)
        if (work.both !== undefined && (await isApart(connection, goes))) return null
        const firstRow = await rowsOf(connection, own, work.publish)
        const added =
          zones.length === 0
            ? undefined
            : await newFile(connection, table, ask(hourlySelect(question, zones)), {
                ...{ partition, publish: work.publish, firstRow },
              })
        const replaced = await options.withoutRows(connection, table, own, goes)
        const files = added === undefined ? replaced.added : [...replaced.added, added]
        return {
          snapshot: await replaceFiles(
            { ...options, ...table },
            {
              removed: replaced.going.map(({ file }) => file),
              applied: replaced.going.flatMap(({ deletes }) => deletes.map(({ uri }) => uri)),
              added: files,
              operation: 'overwrite',
              partition: table.layout.partitionFolder(partition),
            },
          ),
        }
      })

      /** Whether hits, or rows of the days, are there that the other table does not know of yet. */
      async function isApart(connection: DuckDBConnection, goes: Expression): Promise<boolean> {
        const isIn = async (name: 'hits' | 'hourly', files: readonly ParquetFile[], last: string) => {
          if (files.length === 0) return false
          const where = printDuckDbExpression(and(goes, beyondCondition(work, last, 'rows')))
          const rows = readFiles(options.table(name).definition.columns, files)
          return (
            (await connection.runAndReadAll(`SELECT 1 FROM ${rows} AS "rows" WHERE ${where} LIMIT 1`)).currentRowCount >
            0
          )
        }
        const opened = await Promise.all(own.map((file) => file.open()))
        return (await isIn('hits', hits, '_off')) || (await isIn('hourly', opened, '_off_to'))
      }

      /** One past the largest number that a row of the publication has in the partition. */
      async function rowsOf(connection: DuckDBConnection, files: readonly LiveFile[], publish: number) {
        if (files.length === 0) return 0
        const opened = await Promise.all(files.map((file) => file.open()))
        const sql = `SELECT coalesce(max("_row"), -1) + 1 FROM ${readFiles(definition.columns, opened)} WHERE "_publish" = ${publish}`
        return Number((await connection.runAndReadAll(sql)).getRows()[0]?.[0] ?? 0)
      }
    },
  }
}

async function newestOf({ reader }: LocalTable): Promise<string | null> {
  const loaded = await reader.load()
  return (loaded && snapshotId(loaded.metadata['current-snapshot-id'])) ?? null
}

const textOrNull = (value: unknown) => (value === null ? null : String(value))

/** The files as the relation of a table. */
function from({ table }: Pick<RemovalOptions, 'table'>, files: readonly TableFile[]) {
  return (name: TableName, columns: readonly string[]) =>
    readFiles(
      table(name).definition.columns.filter((each) => columns.includes(each.name)),
      files,
    )
}
