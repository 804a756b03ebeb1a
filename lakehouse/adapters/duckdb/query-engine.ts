/**
 * The query engine on DuckDB: one SQL query a question, over the Parquet files that hold its days. Files are read by
 * field id, so those written before a column was added or renamed read right.
 *
 * At most `concurrency` queries run, each on a connection of its own; a bounded number wait, the rest are refused.
 * A cancelled or late query is interrupted and keeps its place until DuckDB has stopped it.
 */
import { type DuckDBConnection, DuckDBDecimalValue, type DuckDBInstance, type DuckDBValue } from '@duckdb/node-api'
import { RawBudgetError } from '../../../core/errors.ts'
import type { Timers } from '../../../core/ports/clock.ts'
import type { Question } from '../../../core/ports/query-engine.ts'
import { tables } from '../../../schemas/tables.ts'
import { type ClosableQueryEngine, closableEngine } from '../../core/closable-engine.ts'
import { defaultMaxWaitingQueries, QueryTurns } from '../../core/query-turns.ts'
import type { Select } from '../../core/sql/ast.ts'
import { printDuckDb } from '../../core/sql/duckdb-printer.ts'
import { erasedDaysRange, erasedDaysSelect } from '../../core/sql/erased-days-select.ts'
import { hitsSelect } from '../../core/sql/hits-select.ts'
import { knownIdsSelect, storableIds } from '../../core/sql/known-ids-select.ts'
import { askedOf } from '../../core/sql/pieces.ts'
import { type CellReader, readHitsGroups, readVisitsGroups } from '../../core/sql/read-groups.ts'
import { visitsSelect } from '../../core/sql/visits-select.ts'
import type { TableFiles } from '../../core/table-files.ts'
import { readFiles } from './deleted-rows.ts'
import { type FilesByTable, filesInRange, filesOfQuestion } from './query-engine-files.ts'

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

  async function run(select: Select, found: FilesByTable, signal: AbortSignal): Promise<readonly DuckDBValue[][]> {
    const sql = printDuckDb(select, (table, columns) =>
      readFiles(
        tables[table].columns.filter(({ name }) => columns.includes(name)),
        found.get(table) ?? [],
      ),
    )
    return turns.run(signal, async () => {
      const connection = idle.pop() ?? (await connect(instance))
      try {
        return await interruptible(connection, sql, signal, timers, timeoutMs)
      } finally {
        idle.push(connection)
      }
    })
  }

  return closableEngine({
    async hits(question, signal) {
      const found = await filesOfQuestion(files, question)
      checkBudget(question, found)
      const asked = askedOf(question, new Set(found.keys()))
      if (asked.pieces.length === 0) return []
      const select = hitsSelect(asked)
      return readHitsGroups(asked, select, await run(select, found, signal), duckDbCells)
    },
    async visits(question, signal) {
      const found = await filesOfQuestion(files, question)
      checkBudget(question, found)
      const asked = askedOf(question, new Set(found.keys()))
      if (asked.pieces.length === 0) return []
      const select = visitsSelect(asked)
      return readVisitsGroups(asked, select, await run(select, found, signal), duckDbCells)
    },
    async knownIds(question, signal) {
      const ids = storableIds(question.ids)
      const found = await filesInRange(files, question.hits, question, question.range)
      if (ids.length === 0 || found.length === 0) return []
      const rows = await run(knownIdsSelect(question, ids), new Map([['hits', found]]), signal)
      return rows.flatMap(([id]): string[] => JSON.parse(duckDbCells.text(id)))
    },
    async erasedDays(question, signal) {
      const select = erasedDaysSelect(question)
      const found = await filesInRange(files, question.hits, question, erasedDaysRange)
      if (select === undefined || found.length === 0) return []
      const rows = await run(select, new Map([['hits', found]]), signal)
      return rows.map(([day]) => Number(duckDbCells.whole(day))).sort((a, b) => a - b)
    },
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

function checkBudget(question: Question, found: FilesByTable): void {
  if (question.from === 'rollup') return
  const rows = (found.get('hits') ?? []).reduce((sum, file) => sum + file.rows, 0)
  if (rows > question.rawRowBudget) throw new RawBudgetError(rows, question.rawRowBudget)
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

export const duckDbCells: CellReader = {
  whole(cell) {
    if (cell instanceof DuckDBDecimalValue) return cell.value
    if (typeof cell === 'bigint' || Number.isSafeInteger(cell)) return BigInt(cell as bigint | number)
    throw new TypeError(`DuckDB answered ${typeof cell} where a whole number belongs`)
  },
  text(cell) {
    if (typeof cell === 'string') return cell
    throw new TypeError(`DuckDB answered ${typeof cell} where a text belongs`)
  },
}
