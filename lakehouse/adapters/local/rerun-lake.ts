/**
 * What reruns read of a lake in a folder, by Iceberg metadata and DuckDB: days, rows, and hours of rows as SQL. It opens
 * tables by itself and asks nothing of the process that writes them, so it may live in another thread, with a DuckDB of its
 * own: snapshots never change.
 */
import { mkdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { utcDay } from '../../../core/event-time.ts'
import type { MerchantId } from '../../../core/ids.ts'
import type { Random } from '../../../core/ports/clock.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import type { AcceptedDay, RerunLake, RerunSql, SplitHours, SplitRows } from '../../../core/ports/rerun-lake.ts'
import { type AcceptedRows, type AcceptedTable, acceptedTables } from '../../../core/ports/rerun-work.ts'
import { isZone } from '../../../core/time/calendar.ts'
import { hourlyTable, tables } from '../../../schemas/tables.ts'
import { tableFolder, tableLayout } from '../../core/iceberg/layout.ts'
import { specFor } from '../../core/iceberg/metadata.ts'
import { planScan, type ScanFile, wholeTable } from '../../core/iceberg/read-scan.ts'
import { columnOf } from '../../core/iceberg/schema.ts'
import { TableReader } from '../../core/iceberg/table-reader.ts'
import { partitionTime } from '../../core/partition.ts'
import { printDuckDb, printDuckDbExpression } from '../../core/sql/duckdb-printer.ts'
import { hourlySelect } from '../../core/sql/hourly-select.ts'
import {
  halvesOfHours,
  isInPlaces,
  isOfSplit,
  placesOfSplit,
  splitFilter,
  splitHitsSelect,
  splitMerchantsSelect,
  splitQuestion,
  splitZonesSelect,
} from '../../core/sql/rerun-rows.ts'
import { stagedName } from '../../core/staged-name.ts'
import type { TableFile } from '../../core/table-files.ts'
import { isOutOfMemory } from '../duckdb/database.ts'
import { readFiles } from '../duckdb/deleted-rows.ts'
import { copyToParquet, withConnection } from '../duckdb/parquet.ts'
import { chunkRows } from '../duckdb/parquet-columns.ts'
import { partitionDay, quoteName, readParquet, sqlType, stagedColumns, tableOrder } from '../duckdb/parquet-sql.ts'
import { confinedObjects } from './confined-objects.ts'
import { fileBytes } from './staging.ts'
import { createTableFiles } from './table-files.ts'

export interface LocalRerunLakeOptions {
  readonly objects: ObjectStore
  /** Its memory limit and temporary folder bound what hours take. */
  readonly instance: DuckDBInstance
  /** A folder of this machine for files on their way; emptied by whoever starts the process. */
  readonly scratch: string
  readonly random: Random
  /** URI of the folder `lake/` as metadata names it. */
  readonly location: string
  /** `defaultHoursMaxHits` where absent. */
  readonly hoursMaxHits?: number
}

/** Hours of more hits than this are computed in parts by merchant; a part that memory does not hold is cut further. */
export const defaultHoursMaxHits = 250_000

export function createLocalRerunLake(given: LocalRerunLakeOptions): RerunLake {
  const folders = new Map(Object.values(tables).map(({ name }) => [tableFolder(name), name]))
  const objects = confinedObjects({ objects: given.objects, folders })
  const readers = new Map(
    acceptedTables.map((name) => {
      const definition = tables[name]
      return [name, new TableReader({ objects, definition, layout: tableLayout(definition, given.location) })]
    }),
  )
  const reader = (table: AcceptedTable) => readers.get(table) as TableReader
  const tableFiles = createTableFiles({ objects, reader: (table) => reader(table as AcceptedTable) })
  const filesOf = (split: SplitRows) => {
    const { table, snapshot } = split.rows
    return tableFiles.files({ table, snapshot, pending: [] }, splitFilter(split))
  }

  return {
    async days(rows, generations) {
      const { table, snapshot: id } = rows
      if (id === null) return []
      const { metadata, snapshot } = await reader(table).metadataOf(id)
      const spec = specFor(metadata, tables[table])?.['spec-id']
      const files = await planScan(reader(table), metadata, snapshot, { pruner: wholeTable })
      return daysOf(rows, files, { spec, generations })
    },

    async *read(split, columns, signal) {
      const files = await filesOf(split)
      if (files.length === 0) return
      const wanted = columnsOf(split.rows.table, columns)
      const where = printDuckDbExpression(isOfSplit(split, 'rows'))
      const names = wanted.map(({ name }) => quoteName(name)).join(', ')
      const from = readFiles(columnsOf(split.rows.table, [...columns, ...filterColumns(split)]), files)
      const connection = await given.instance.connect()
      try {
        await connection.run(`SET TimeZone = 'UTC'`)
        const result = await connection.stream(`SELECT ${names} FROM ${from} AS "rows" WHERE ${where}`)
        for (;;) {
          signal.throwIfAborted()
          const chunk = await result.fetchChunk()
          if (chunk === null || chunk.rowCount === 0) return
          yield chunkRows(chunk, wanted)
        }
      } finally {
        connection.closeSync()
      }
    },

    sql: createSql({ ...given, objects, filesOf }),
  }
}

interface SqlParts extends LocalRerunLakeOptions {
  readonly filesOf: (split: SplitRows) => Promise<readonly TableFile[]>
}

function createSql({
  objects,
  instance,
  scratch,
  random,
  filesOf,
  hoursMaxHits = defaultHoursMaxHits,
}: SqlParts): RerunSql {
  const scratchFile = () => join(scratch, `${Buffer.from(random.bytes(12)).toString('hex')}.parquet`)

  return {
    async merchants(split, signal) {
      const files = await filesOf(split)
      if (files.length === 0) return []
      return withConnection(instance, async (connection) => {
        const rows = await asked(connection, printDuckDb(splitMerchantsSelect(split), tableOf(files)), signal)
        return rows.map(([merchant]) => merchant as MerchantId)
      })
    },

    async hours(split, signal) {
      const nothing = { staged: null, days: [], rowsRead: 0 }
      const files = await filesOf(split)
      const places = placesOfSplit(split)
      if (files.length === 0 || places.length === 0) return nothing
      await mkdir(scratch, { recursive: true })
      const paths: string[] = []
      try {
        return await withConnection(instance, async (connection) => {
          const rowsRead = await compute({ connection, files, signal, paths }, { ...split, places })
          if (paths.length === 0) return { ...nothing, rowsRead }
          const path = await joined(connection, paths)
          const days = (await asked(connection, daysSql(path), signal)).map(dayOfRow)
          if (days.length === 0) return { ...nothing, rowsRead }
          const [[rows] = [0]] = await asked(
            connection,
            `SELECT count(*) FROM ${readParquet(hourColumns, [path])}`,
            signal,
          )
          const { size: bytes } = await stat(path)
          const object = stagedName(split.name)
          await objects.put(object, fileBytes(path))
          const [firstDay, lastDay] = [Math.min(...days.map(({ day }) => day)), Math.max(...days.map(({ day }) => day))]
          return {
            staged: { name: object, table: 'hourly', rows: Number(rows), bytes, firstDay, lastDay },
            days,
            rowsRead,
          }
        })
      } finally {
        for (const path of paths) await rm(path, { force: true })
      }
    },
  }

  /** Hours into files of their own, in parts where hits are many or memory runs out. Gives the hits. */
  async function compute(work: Computing, split: SplitHours): Promise<number> {
    const { connection, files, signal, paths } = work
    const found = await asked(connection, printDuckDb(splitZonesSelect(split), tableOf(files)), signal)
    const rowsRead = found.reduce((sum, [, hits]) => sum + Number(hits), 0)
    // Hits of other zones are in no hour: people's are refused by the step that finds it, and bots' are in none.
    const zones = found.map(([zone]) => String(zone)).filter(isZone)
    if (zones.length === 0) return rowsRead
    const halves = halvesOfHours(split)
    const inHalves = async ([first, second]: readonly [SplitHours, SplitHours]) => {
      await compute(work, first)
      await compute(work, second)
      return rowsRead
    }
    if (rowsRead > hoursMaxHits && split.of.length > 1 && halves !== null) return inHalves(halves)
    const sql = printDuckDb(hourlySelect(splitQuestion(split), zones), (_, columns) => {
      return `(${printDuckDb(splitHitsSelect(split, columns), tableOf(files))})`
    })
    const where = printDuckDbExpression(isInPlaces(split.places, 'hours'))
    const rows = `SELECT ${hourCells} FROM (${sql}) AS "hours" WHERE ${where} ${hourOrder}`
    const path = scratchFile()
    paths.push(path)
    try {
      await interruptible(connection, signal, () =>
        copyToParquet(connection, rows, hourColumns, path, { use: 'staged' }),
      )
      return rowsRead
    } catch (error) {
      if (!isOutOfMemory(error) || halves === null) throw error
      paths.splice(paths.indexOf(path), 1)
      await rm(path, { force: true })
      return inHalves(halves)
    }
  }

  /** One file of all. */
  async function joined(connection: DuckDBConnection, paths: string[]): Promise<string> {
    const [only] = paths
    if (only !== undefined && paths.length === 1) return only
    const path = scratchFile()
    const all = `SELECT * FROM ${readParquet(hourColumns, paths)} ${hourOrder}`
    paths.push(path)
    await copyToParquet(connection, all, hourColumns, path, { use: 'staged' })
    return path
  }
}

interface Computing {
  readonly connection: DuckDBConnection
  readonly files: readonly TableFile[]
  readonly signal: AbortSignal
  readonly paths: string[]
}

const hourColumns = stagedColumns(hourlyTable)
const hourOrder = `ORDER BY ${tableOrder(hourlyTable)}`
const hourCells = hourColumns
  .map(({ name, type }) => `CAST(${quoteName(name)} AS ${sqlType(type)}) AS ${quoteName(name)}`)
  .join(', ')

function daysSql(path: string): string {
  const columns = stagedColumns(hourlyTable).filter(({ name }) => name === 'merchant' || name === 'bucket')
  return `SELECT DISTINCT "merchant", ${partitionDay(hourlyTable)} FROM ${readParquet(columns, [path])}`
}

const dayOfRow = ([merchant, day]: readonly unknown[]) => ({ merchant: merchant as MerchantId, day: Number(day) })

function tableOf(files: readonly TableFile[]) {
  return (_: string, columns: readonly string[]) => readFiles(columnsOf('hits', columns), files)
}

async function asked(connection: DuckDBConnection, sql: string, signal: AbortSignal): Promise<unknown[][]> {
  return interruptible(connection, signal, async () => (await connection.runAndReadAll(sql)).getRows())
}

/** What runs on the connection ends when the signal says so. */
async function interruptible<T>(connection: DuckDBConnection, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  signal.throwIfAborted()
  const interrupt = () => connection.interrupt()
  signal.addEventListener('abort', interrupt, { once: true })
  try {
    return await work()
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    signal.removeEventListener('abort', interrupt)
  }
}

function columnsOf(table: AcceptedTable, names: readonly string[]) {
  return tables[table].columns.filter(({ name }) => names.includes(name))
}

function filterColumns({ rows: { table } }: SplitRows): readonly string[] {
  return ['merchant', '_publish', '_gen', partitionTime(tables[table]).column]
}

/** Files that may hold publications asked for, by day; those of another partitioning by the bounds of their times. */
function daysOf(
  rows: AcceptedRows,
  files: readonly ScanFile[],
  { spec, generations }: { readonly spec: number | undefined; readonly generations: readonly number[] | undefined },
): readonly AcceptedDay[] {
  const definition = tables[rows.table]
  const publish = columnOf(definition, '_publish').id
  const time = columnOf(definition, partitionTime(definition).column).id
  const days = new Map<number, AcceptedDay>()
  const add = (day: number, more: { readonly rows: number; readonly bytes: number }) => {
    const known = days.get(day)
    days.set(day, { day, rows: (known?.rows ?? 0) + more.rows, bytes: (known?.bytes ?? 0) + more.bytes })
  }
  for (const { file, specId } of files) {
    const first = wholeBound(file.lowerBounds.get(publish)) ?? Number.NEGATIVE_INFINITY
    const last = wholeBound(file.upperBounds.get(publish)) ?? Number.POSITIVE_INFINITY
    if (last <= rows.after || (rows.through !== null && first > rows.through)) continue
    const period = file.partition.at(-1)
    const generation = definition.partition.generation && specId === spec ? file.partition[0] : null
    if (typeof generation === 'number' && generations?.includes(generation) === false) continue
    if (specId === spec && typeof period === 'number') {
      add(period, file)
      continue
    }
    const [from, to] = [wholeBound(file.lowerBounds.get(time)), wholeBound(file.upperBounds.get(time))]
    if (from === undefined || to === undefined) throw new RangeError(`${file.uri} does not say of which days it is`)
    const firstDay = utcDay(Math.floor(from / 1_000))
    const lastDay = utcDay(Math.floor(to / 1_000))
    for (let day = firstDay; day <= lastDay; day++) add(day, day === firstDay ? file : { rows: 0, bytes: 0 })
  }
  return [...days.values()]
}

function wholeBound(bound: Buffer | undefined): number | undefined {
  return bound?.length === 8 ? Number(bound.readBigInt64LE()) : undefined
}
