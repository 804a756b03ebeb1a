/**
 * Runs a plan over rows of its table by operators, whatever gives them: the same rows as the plan's SQL
 * (lakehouse/core/sql/table-plan-select.ts), for plans that have none and for tests that hold the two equal.
 *
 * Rows may come in any order. All that decide a window are to be there: those of `tablePlanReadRange`
 * (lakehouse/core/sql/table-plan-range.ts), where only some windows are asked for. At least once: where a run fails, what it
 * has given is to be thrown away. Memory: state of all windows up to a limit, and once more as rows when they close.
 */
import type { Position } from '../../../core/ids.ts'
import type { LakeRow, LakeValue } from '../../../core/tables.ts'
import { checkPlan } from '../../plan/check.ts'
import type { Plan } from '../../plan/node/step.ts'
import type { UpsertPane } from '../../plan/panes.ts'
import type { GraphOutput } from '../operators/compile-graph.ts'
import { createPlanGraph } from '../operators/plan-graph.ts'
import { resultBatchRows } from './result.ts'
import { boundedStateMaxBytes } from './run-bounded.ts'
import { countOfAverage, derivedValue, type TablePlanParts, tableGraph, tablePlanParts } from './table-graph.ts'

export interface TablePlanRun {
  readonly plan: Plan
  /** Of the plan's table, as the lake gives them (core/tables.ts), in batches. */
  readonly rows: Iterable<readonly LakeRow[]> | AsyncIterable<readonly LakeRow[]>
  /** Windows that start in it, ms, half-open; left out: all. */
  readonly range?: { readonly start: number; readonly end: number }
  /** Takes rows in batches, in no stated order; the run goes on when the promise is kept. */
  readonly output: (rows: readonly LakeRow[]) => void | Promise<void>
  readonly stateMaxBytes?: number
  /** Looked at between batches. */
  readonly signal?: AbortSignal
}

export interface TablePlanSummary {
  /** That were read. */
  readonly rows: number
  /** In no window: their zone does not exist, or they have no time. */
  readonly inNoWindow: number
}

/**
 * @throws InvalidPlanError where the plan would go wrong, or reads no table
 * @throws StateLimitError where windows would pass the limit: ask for a shorter range
 */
export async function runTablePlan(run: TablePlanRun): Promise<TablePlanSummary> {
  checkPlan(run.plan)
  const parts = tablePlanParts(run.plan)
  const { start, end } = run.range ?? { start: Number.NEGATIVE_INFINITY, end: Number.POSITIVE_INFINITY }
  const made: LakeRow[] = []
  const output: GraphOutput = {
    row: () => {},
    refused: () => {},
    pane(_, pane) {
      const upsert = pane as UpsertPane<LakeRow, never>
      if (upsert.start >= start && upsert.start < end) made.push(rowOf(parts, upsert))
    },
  }
  const graph = createPlanGraph({
    ...{ pipeline: tableGraph(run.plan), context: {}, states: new Map(), output, watermarks: 'given' },
    stateMaxBytes: run.stateMaxBytes ?? boundedStateMaxBytes,
  })
  let rows = 0
  run.signal?.throwIfAborted()
  for await (const batch of run.rows) {
    for (const row of batch) graph.process(row, positionOf(row, parts.read.position), 0)
    rows += batch.length
    run.signal?.throwIfAborted()
  }
  graph.advanceWatermark(Number.POSITIVE_INFINITY)
  for (let at = 0; at < made.length; at += resultBatchRows) await run.output(made.slice(at, at + resultBatchRows))
  return { rows, inNoWindow: graph.counts.refused }
}

/** @throws RangeError for what is no place */
function positionOf(row: LakeRow, columns: readonly string[]): Position {
  const [partition = 0, offset = 0, index = 0] = columns.map((column) => {
    const place = Number(row[column] ?? Number.NaN)
    if (!Number.isSafeInteger(place))
      throw new RangeError(`'${column}' holds ${String(row[column])}, which is no place`)
    return place
  })
  return { partition, offset, index } as Position
}

function rowOf({ aggregate, derived }: TablePlanParts, pane: UpsertPane<LakeRow, never>): LakeRow {
  const values = pane.values as unknown as Readonly<Record<string, unknown>>
  const row: Record<string, LakeValue> = { ...(pane.key as Record<string, LakeValue>) }
  for (const [name, { kind }] of Object.entries(aggregate.aggregates)) {
    if (kind === 'avg') row[name] = { sum: values[name] as bigint, n: BigInt(values[countOfAverage(name)] as number) }
    else row[name] = stored(values[name])
  }
  for (const step of derived) {
    for (const [name, of] of Object.entries(step.derived)) {
      row[name] = ('window' in of ? pane[of.window] : derivedValue(row, of)) as LakeValue
    }
  }
  return row
}

/** No sketch, histogram or weights are null, as in the lake. */
function stored(value: unknown): LakeValue {
  if (Array.isArray(value)) return value.length === 0 ? null : (value as LakeValue)
  return (value ?? null) as LakeValue
}
