/**
 * Runs a pipeline over a finite input: all of the language, rows in any order. The watermark comes at the end, so nothing is
 * late; early and late panes fall away, and every window gives one pane, what the last of a stream's would be. Windows that
 * emit every epoch give partial panes as they do in a stream, which add up to the same.
 *
 * At least once: where a run fails, what it has given so far is to be thrown away. Memory: window state up to its limit,
 * once more as panes when all windows close, one batch of input and of results; where the plan drops repeats also all rows,
 * up to the same limit, for they are put into the feed's order first.
 */
import { expectStream } from '../../plan/check-bounded.ts'
import type { Pipeline } from '../../plan/draft.ts'
import type { DedupeStep } from '../../plan/node/step.ts'
import { readOf } from '../operators/compile-graph.ts'
import { MemoryFirstSeen } from '../operators/memory-first-seen.ts'
import { createPlanGraph, type GraphCounts } from '../operators/plan-graph.ts'
import { boundedPipeline } from './bounded-pipeline.ts'
import type { SourceBatches } from './program.ts'
import { ResultBuffer, type TakeResults } from './result.ts'
import { rowsInOrder } from './rows-in-order.ts'

/** Where a plan names no limit of state: it keeps none but that of `dedupe`. */
export const boundedStateMaxBytes = 256 * 1_024 * 1_024

/** Rows of an epoch, at most: windows that emit every epoch hold its rows until it ends. */
export const boundedEpochRows = 100_000

export interface BoundedRunOptions {
  readonly pipeline: Pipeline
  readonly rows: SourceBatches
  /** Side inputs by name. */
  readonly context?: Readonly<Record<string, unknown>>
  readonly output: TakeResults
  /** Overrides the plan's own limit of state. */
  readonly stateMaxBytes?: number
  /** Of each row, before it is processed; what it throws fails the run. */
  readonly expectKey?: (partitionKey: string) => void
  /** Looked at between batches. */
  readonly signal?: AbortSignal
}

export interface BoundedSummary {
  /** That were read. */
  readonly rows: number
  readonly counts: GraphCounts
  /** Of windows, before they closed. */
  readonly stateBytes: number
}

/**
 * @throws InvalidPlanError where code or side inputs are missing, or the plan reads a table
 * @throws StateLimitError where state would pass its limit: split the input further
 */
export async function runBounded(options: BoundedRunOptions): Promise<BoundedSummary> {
  const { context = {}, expectKey, output, signal } = options
  expectStream(options.pipeline.plan)
  const pipeline = boundedPipeline(options.pipeline)
  const { plan } = pipeline
  const { partitionKey } = readOf(pipeline)
  const maxBytes = options.stateMaxBytes ?? plan.stateMaxBytes ?? boundedStateMaxBytes
  const dedupes = plan.steps.filter((step): step is DedupeStep => step.kind === 'dedupe')
  const states = new Map(dedupes.map((step) => [step.name, new MemoryFirstSeen(step.withinMs)]))
  const results = new ResultBuffer(output)
  const graph = createPlanGraph({
    ...{ pipeline, context, states, output: results, watermarks: 'given', stateMaxBytes: maxBytes },
  })
  const batches = dedupes.length === 0 ? options.rows : rowsInOrder(options.rows, { plan: plan.name, maxBytes })

  let rows = 0
  signal?.throwIfAborted()
  for await (const batch of batches) {
    for (const { row, position } of batch) {
      expectKey?.(String((row as Readonly<Record<string, unknown>>)[partitionKey]))
      graph.process(row, position, 0)
      rows += 1
      if (rows % boundedEpochRows === 0) graph.endEpoch()
    }
    await results.handOnFull()
    signal?.throwIfAborted()
  }
  const { stateBytes } = graph
  graph.advanceWatermark(Number.POSITIVE_INFINITY)
  graph.endEpoch()
  await results.handOnAll()
  return { rows, counts: graph.counts, stateBytes }
}
