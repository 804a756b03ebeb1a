/**
 * The query engine on Trino: one SQL query a question, over the table at the view's snapshot. Pending files of the view
 * are not read: Trino knows tables, not staged files, so in a cluster a commit counts as visible when it is published.
 *
 * A question of hits is planned first without running it, and refused where its plan would read more rows than its
 * budget. At most `concurrency` questions run; a bounded number wait, the rest are refused. A cancelled or late query is
 * cancelled in Trino.
 */
import { RawBudgetError } from '../../../core/errors.ts'
import type { Timers } from '../../../core/ports/clock.ts'
import type { TableView } from '../../../core/ports/lake.ts'
import type { SeriesQuestion, SeriesRow } from '../../../core/ports/query-engine.ts'
import { type ClosableQueryEngine, closableEngine } from '../../core/closable-engine.ts'
import { defaultMaxWaitingQueries, QueryTurns } from '../../core/query-turns.ts'
import { seriesSelectByLists } from '../../core/sql/series-select-by-lists.ts'
import { printTrino } from '../../core/sql/trino-printer.ts'
import type { Trino } from './client.ts'
import { plannedRows } from './query-engine-plan.ts'
import { type TrinoPlace, trinoTable } from './tables.ts'

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
export const seriesTag = 'hitlake-series'

export type TrinoQueryEngine = ClosableQueryEngine

export function createTrinoQueryEngine(options: TrinoQueryEngineOptions): TrinoQueryEngine {
  const { trino, catalog, timers, timeoutMs = defaultTrinoQueryTimeoutMs } = options
  const { concurrency = defaultTrinoQueryConcurrency, maxWaiting = defaultMaxWaitingQueries } = options
  const turns = new QueryTurns({ concurrency, maxWaiting })
  const statistics = `${catalog}.statistics_enabled`

  async function answer(question: SeriesQuestion, signal: AbortSignal): Promise<readonly SeriesRow[]> {
    if (question.view.snapshot === null) return []
    const source = tableText(options, question.view, question.view.snapshot)
    const sql = printTrino(seriesSelectByLists(question), () => source)
    return turns.run(signal, () =>
      withTimeLimit(timers, timeoutMs, signal, async (limited) => {
        const ask = (statement: string, session: Readonly<Record<string, string>>) =>
          trino.query(statement, {
            signal: limited,
            timeoutMs: timeoutMs + clientGraceMs,
            tags: [seriesTag],
            effect: 'reads',
            session,
          })
        if (question.from === 'raw') {
          // What the plan says it reads comes of the statistics of files.
          const plan = await ask(`EXPLAIN (TYPE IO, FORMAT JSON)\n${sql}`, {
            [`${catalog}.statistics_enabled`]: 'true',
          })
          const rows = plannedRows(plan)
          if (rows > question.rawRowBudget) throw new RawBudgetError(rows, question.rawRowBudget)
        }
        // Should this process die, Trino ends the query by itself. One scan without a join: no statistic changes its plan.
        const session = { query_max_run_time: `${timeoutMs}ms`, [statistics]: 'false' }
        return (await ask(sql, session)).map(toSeriesRow)
      }),
    )
  }

  return closableEngine({ answer, release: () => turns.idle() })
}

/** @throws RangeError where the snapshot is no decimal number */
function tableText(place: TrinoPlace, { table }: TableView, snapshot: string): string {
  if (!/^\d{1,19}$/.test(snapshot)) throw new RangeError(`${snapshot} is no snapshot id`)
  return `${trinoTable(place, table)} FOR VERSION AS OF ${snapshot}`
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

function toSeriesRow(cells: readonly unknown[]): SeriesRow {
  const [bucket, hits, pageviews, orders, revenue, kept, largest] = cells
  return {
    bucket: Number(toBigInt(bucket)),
    hits: toBigInt(hits),
    pageviews: toBigInt(pageviews),
    orders: toBigInt(orders),
    revenueMicros: toBigInt(revenue),
    visitors: { kept: Number(toBigInt(kept)), largest: largest === null ? null : toBigInt(largest) },
  }
}

// The printer makes varchar of every column; a number would be one that was rounded.
function toBigInt(cell: unknown): bigint {
  if (typeof cell !== 'string') throw new TypeError(`Trino answered ${typeof cell} where digits belong`)
  return BigInt(cell)
}
