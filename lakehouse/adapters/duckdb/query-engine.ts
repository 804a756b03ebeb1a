/**
 * The query engine on DuckDB: one SQL query a question, over the Parquet files that hold its days. Files are read by
 * field id, so those written before a column was added or renamed read right.
 *
 * At most `concurrency` queries run, each on a connection of its own; a bounded number wait, the rest are refused.
 * A cancelled or late query is interrupted and keeps its place until DuckDB has stopped it.
 */
import { type DuckDBConnection, DuckDBDecimalValue, type DuckDBInstance, type DuckDBValue } from '@duckdb/node-api'
import { RawBudgetError } from '../../../core/errors.ts'
import { utcDay } from '../../../core/event-time.ts'
import type { Timers } from '../../../core/ports/clock.ts'
import type { SeriesQuestion, SeriesRow } from '../../../core/ports/query-engine.ts'
import { tables } from '../../../schemas/tables.ts'
import { type ClosableQueryEngine, closableEngine } from '../../core/closable-engine.ts'
import { defaultMaxWaitingQueries, QueryTurns } from '../../core/query-turns.ts'
import { printDuckDb } from '../../core/sql/duckdb-printer.ts'
import { seriesSelect } from '../../core/sql/series-select.ts'
import type { TableFile, TableFiles } from '../../core/table-files.ts'
import { readParquet } from './parquet-sql.ts'

export interface DuckDbQueryEngineOptions {
  readonly instance: DuckDBInstance
  readonly files: TableFiles
  readonly timers: Timers
  /** Queries that run at the same time. */
  readonly concurrency?: number
  /** Queries that may wait for their turn. */
  readonly maxWaiting?: number
  /** From the start of a query on, waiting left out. */
  readonly timeoutMs?: number
}

export const defaultQueryConcurrency = 2
export const defaultQueryTimeoutMs = 30_000

export type DuckDbQueryEngine = ClosableQueryEngine

export function createDuckDbQueryEngine(options: DuckDbQueryEngineOptions): DuckDbQueryEngine {
  const { instance, files, timers, timeoutMs = defaultQueryTimeoutMs } = options
  const { concurrency = defaultQueryConcurrency, maxWaiting = defaultMaxWaitingQueries } = options
  const turns = new QueryTurns({ concurrency, maxWaiting })
  const idle: DuckDBConnection[] = []

  async function answer(question: SeriesQuestion, signal: AbortSignal): Promise<readonly SeriesRow[]> {
    const found = await filesOf(files, question)
    if (found.length === 0) return []
    checkBudget(question, found)
    const paths = found.map(({ localPath }) => localPath)
    const sql = printDuckDb(seriesSelect(question), (table, columns) =>
      readParquet(
        tables[table].columns.filter(({ name }) => columns.includes(name)),
        paths,
      ),
    )
    return turns.run(signal, async () => {
      const connection = idle.pop() ?? (await connect(instance))
      try {
        const rows = await interruptible(connection, sql, signal, timers, timeoutMs)
        return rows.map(toSeriesRow)
      } finally {
        idle.push(connection)
      }
    })
  }

  return closableEngine({
    answer,
    async release() {
      await turns.idle()
      for (const connection of idle.splice(0)) connection.closeSync()
    },
  })
}

async function connect(instance: DuckDBInstance): Promise<DuckDBConnection> {
  const connection = await instance.connect()
  await connection.run("SET TimeZone = 'UTC'")
  return connection
}

function filesOf(
  files: TableFiles,
  { view, merchant, generation, buckets }: SeriesQuestion,
): Promise<readonly TableFile[]> {
  const firstDay = utcDay(buckets[0]?.start ?? 0)
  const lastDay = utcDay((buckets.at(-1)?.end ?? 1) - 1)
  return files.files(view, { merchant, generation, firstDay, lastDay })
}

function checkBudget({ from, rawRowBudget }: SeriesQuestion, files: readonly TableFile[]): void {
  if (from !== 'raw') return
  const rows = files.reduce((sum, file) => sum + file.rows, 0)
  if (rows > rawRowBudget) throw new RawBudgetError(rows, rawRowBudget)
}

/** Runs the query; where the signal or the time limit ends it, rejects once DuckDB has let go of it. */
async function interruptible(
  connection: DuckDBConnection,
  sql: string,
  signal: AbortSignal,
  timers: Timers,
  timeoutMs: number,
): Promise<readonly DuckDBValue[][]> {
  let late: Error | undefined
  const interrupt = () => connection.interrupt()
  const cancelTimeout = timers.after(timeoutMs, () => {
    late = new Error(`the query took more than ${timeoutMs} ms`)
    interrupt()
  })
  signal.addEventListener('abort', interrupt, { once: true })
  try {
    const statement = await connection.prepare(sql)
    try {
      signal.throwIfAborted()
      if (late !== undefined) throw late
      // From here on an interrupt is heard; DuckDB forgets one that comes before.
      const pending = statement.start()
      const reader = await pending.readAll()
      return reader.getRows()
    } finally {
      statement.destroySync()
    }
  } catch (error) {
    throw late ?? (signal.aborted ? signal.reason : error)
  } finally {
    cancelTimeout()
    signal.removeEventListener('abort', interrupt)
  }
}

function toSeriesRow([bucket, hits, pageviews, orders, revenue, kept, largest]: readonly DuckDBValue[]): SeriesRow {
  return {
    bucket: Number(bucket),
    hits: toBigInt(hits),
    pageviews: toBigInt(pageviews),
    orders: toBigInt(orders),
    revenueMicros: toBigInt(revenue),
    visitors: { kept: Number(kept), largest: largest === null ? null : toBigInt(largest) },
  }
}

function toBigInt(value: DuckDBValue | undefined): bigint {
  if (value instanceof DuckDBDecimalValue) return value.value
  if (typeof value !== 'bigint') throw new TypeError(`DuckDB answered ${typeof value} where a whole number belongs`)
  return value
}
