/**
 * All that authors of pipelines import: the language, its windows, aggregates and sinks, the test that plays scripts on a
 * pipeline, and what says a plan in words or compares two. docs/tutorial begins here.
 */
export { InvalidPlanError, StateLimitError } from '../core/errors.ts'
export { type EventTime, eventTime, type ReceivedTime } from '../core/event-time.ts'
export type { Offset, Position } from '../core/ids.ts'
export { distinctOf } from '../core/sketch/distinct-of.ts'
export { loadBucket } from '../core/sketch/quantiles.ts'
export type { AnyPane, Pane } from './core/pane.ts'
export {
  avg,
  type ColumnAggregate,
  type CountDistinctOf,
  type CountOf,
  count,
  countDistinct,
  countIf,
  first,
  last,
  max,
  min,
  quantiles,
  sum,
  type TopOf,
  top,
} from './plan/aggregates.ts'
export { type PipelineBuilder, pipeline, type Rows } from './plan/builder.ts'
export { diffPlans, type PlanDiff } from './plan/diff/diff-plans.ts'
export type { Pipeline, PipelineOptions } from './plan/draft.ts'
export type { Duration } from './plan/duration.ts'
export { explainPlan } from './plan/explain.ts'
export { explainMermaid } from './plan/explain-mermaid.ts'
export { type FeedDefinition, feed } from './plan/feed-definition.ts'
export { parsePlan } from './plan/node/parse-plan.ts'
export type { Plan, RowType } from './plan/node/step.ts'
export type { PartialPane, SetKey, UpsertPane } from './plan/panes.ts'
export { is } from './plan/predicates.ts'
export {
  derivedTable,
  type Failed,
  failedTable,
  paneOutput,
  paneTable,
  type Refused,
  type RunFacts,
  refusedOutput,
  rowOutput,
  table,
  upsertOutput,
  upsertTable,
} from './plan/sinks.ts'
export { difference, hashOf, windowEnd, windowStart } from './plan/table-builder.ts'
export { tableRows } from './plan/table-rows.ts'
export { calendarOf } from './plan/table-windows.ts'
export { calendar, fixed, hopping, session } from './plan/windows.ts'
export { createPlanGraph, type GraphState, type PlanGraph } from './runtime/operators/plan-graph.ts'
export {
  crash,
  end,
  epoch,
  processingTime,
  rescale,
  rows,
  type ScriptEvent,
  upgrade,
  watermark,
} from './runtime/testing/script.ts'
export { type PipelineTest, type TestPipelineOptions, testPipeline } from './runtime/testing/test-pipeline.ts'
