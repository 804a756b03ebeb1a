/**
 * The query engine on Trino: one SQL query a question, over the tables at their views' snapshots. Pending files of a view
 * are not read: Trino knows tables, not staged files, so in a cluster a commit counts as visible when it is published.
 *
 * Of a question that counts hits the reading alone is planned first, and refused where that would read more rows than its
 * budget. At most `concurrency` questions run; a bounded number wait, the rest are refused. A cancelled or late query
 * is cancelled in Trino.
 */
import { RawBudgetError } from '../../../core/errors.ts'
import type { Timers } from '../../../core/ports/clock.ts'
import type { Question } from '../../../core/ports/query-engine.ts'
import type { TableName } from '../../../core/tables.ts'
import { type ClosableQueryEngine, closableEngine } from '../../core/closable-engine.ts'
import { defaultMaxWaitingQueries, QueryTurns } from '../../core/query-turns.ts'
import type { Select } from '../../core/sql/ast.ts'
import { erasedDaysSelect } from '../../core/sql/erased-days-select.ts'
import { hitsReadSelect } from '../../core/sql/hits-read-select.ts'
import { hitsSelectByLists } from '../../core/sql/hits-select-by-lists.ts'
import { knownIdsSelect, storableIds } from '../../core/sql/known-ids-select.ts'
import { askedOf, tableOf, viewsOf } from '../../core/sql/pieces.ts'
import type { TableText } from '../../core/sql/printer.ts'
import { type CellReader, type Rows, readHitsGroups, readVisitsGroups } from '../../core/sql/read-groups.ts'
import { printTrino } from '../../core/sql/trino-printer.ts'
import { visitsSelect } from '../../core/sql/visits-select.ts'
import type { Trino } from './client.ts'
import { plannedRows } from './query-engine-plan.ts'
import { TrinoSources } from './query-engine-sources.ts'
import type { TrinoPlace } from './tables.ts'

export interface TrinoQueryEngineOptions extends TrinoPlace {
  readonly trino: Pick<Trino, 'query'>
  readonly timers: Timers
  /** Questions that run at the same time. */
  readonly concurrency?: number
  /** Questions that may wait for their turn. */
  readonly maxWaiting?: number
  /** For all statements of one question, waiting left out. */
  readonly timeoutMs?: number
}

export const defaultTrinoQueryConcurrency = 8
export const defaultTrinoQueryTimeoutMs = 30_000

/** The client's own limit comes this much after ours, so that ours is the one that is told. */
const clientGraceMs = 10_000

/** By which an operator finds our questions among Trino's queries. */
export const questionTag = 'hitlake-question'

/** Ids asked in one statement: their text stays far below what Trino takes. */
export const knownIdsPerStatement = 1_000

export type TrinoQueryEngine = ClosableQueryEngine

export function createTrinoQueryEngine(options: TrinoQueryEngineOptions): TrinoQueryEngine {
  const { trino, catalog, timers, timeoutMs = defaultTrinoQueryTimeoutMs } = options
  const { concurrency = defaultTrinoQueryConcurrency, maxWaiting = defaultMaxWaitingQueries } = options
  const turns = new QueryTurns({ concurrency, maxWaiting })
  const statistics = `${catalog}.statistics_enabled`
  const sources = new TrinoSources(options)

  type Ask = (statement: string, session: Readonly<Record<string, string>>) => Promise<Rows>

  /** All statements of a question, under one turn and one time limit. */
  function asking<T>(signal: AbortSignal, work: (ask: Ask) => Promise<T>): Promise<T> {
    return turns.run(signal, () =>
      withTimeLimit(timers, timeoutMs, signal, (limited) =>
        work((statement, session) =>
          trino.query(statement, {
            signal: limited,
            timeoutMs: timeoutMs + clientGraceMs,
            tags: [questionTag],
            effect: 'reads',
            session,
          }),
        ),
      ),
    )
  }

  // Should this process die, Trino ends the query by itself. What is joined is small and the same each time: no statistic
  // makes its plan better.
  const limits = { query_max_run_time: `${timeoutMs}ms`, [statistics]: 'false' }

  /** @throws RawBudgetError where the question has more hits read than it may */
  async function checkBudget(ask: Ask, question: Question, source: TableText): Promise<void> {
    if (question.from === 'rollup' || !question.pieces.some((piece) => tableOf(question, piece) === 'hits')) return
    const sql = printTrino(hitsReadSelect(question), source)
    // What the plan says it reads comes of the statistics of files.
    const plan = await ask(`EXPLAIN (TYPE IO, FORMAT JSON)\n${sql}`, { [statistics]: 'true' })
    const rows = plannedRows(plan, 'hits')
    if (rows > question.rawRowBudget) throw new RawBudgetError(rows, question.rawRowBudget)
  }

  const answer = (question: Question, select: Select, signal: AbortSignal) =>
    asking(signal, (ask) =>
      sources.run(
        viewsOf(question),
        (statement) => ask(statement, limits),
        async (source) => {
          await checkBudget(ask, question, source)
          return ask(printTrino(select, source), limits)
        },
      ),
    )

  return closableEngine({
    async hits(question, signal) {
      const asked = askedOf(question, present(question))
      if (asked.pieces.length === 0) return []
      const select = hitsSelectByLists(asked)
      return readHitsGroups(asked, select, await answer(asked, select, signal), trinoCells)
    },
    async visits(question, signal) {
      const asked = askedOf(question, present(question))
      if (asked.pieces.length === 0) return []
      const select = visitsSelect(asked)
      return readVisitsGroups(asked, select, await answer(asked, select, signal), trinoCells)
    },
    async knownIds(question, signal) {
      const ids = storableIds(question.ids)
      if (ids.length === 0 || question.hits.snapshot === null) return []
      return asking(signal, (ask) =>
        sources.run(
          [question.hits],
          (statement) => ask(statement, limits),
          async (source) => {
            const known: string[] = []
            for (let at = 0; at < ids.length; at += knownIdsPerStatement) {
              const select = knownIdsSelect(question, ids.slice(at, at + knownIdsPerStatement))
              for (const [id] of await ask(printTrino(select, source), limits))
                known.push(...JSON.parse(trinoCells.text(id)))
            }
            return known
          },
        ),
      )
    },
    async erasedDays(question, signal) {
      const select = erasedDaysSelect(question)
      if (select === undefined || question.hits.snapshot === null) return []
      const rows = await asking(signal, (ask) =>
        sources.run(
          [question.hits],
          (statement) => ask(statement, limits),
          (source) => ask(printTrino(select, source), limits),
        ),
      )
      return rows.map(([day]) => Number(trinoCells.whole(day))).sort((a, b) => a - b)
    },
    release: () => turns.idle(),
  })
}

/** Tables that have a snapshot; the others have no rows. */
function present(question: Question): ReadonlySet<TableName> {
  return new Set(viewsOf(question).flatMap(({ table, snapshot }) => (snapshot === null ? [] : [table])))
}

/** Runs `work` under a signal that also aborts at the time limit; it rejects with what ended it. */
async function withTimeLimit<T>(
  timers: Timers,
  timeoutMs: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController()
  const cancelTimeout = timers.after(timeoutMs, () => late.abort(new Error(`the query took more than ${timeoutMs} ms`)))
  try {
    return await work(AbortSignal.any([signal, late.signal]))
  } finally {
    cancelTimeout()
  }
}

export const trinoCells: CellReader = {
  // The printer makes varchar of every column; a number would be one that was rounded.
  whole: (cell) => BigInt(textCell(cell)),
  text: textCell,
}

function textCell(cell: unknown): string {
  if (typeof cell !== 'string') throw new TypeError(`Trino answered ${typeof cell} where a text belongs`)
  return cell
}
