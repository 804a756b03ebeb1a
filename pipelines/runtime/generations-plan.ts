/**
 * The plans of several generations as one: each hit goes through the base plan and then through every other, whose rows
 * are of their own generation. Books and counts are the base plan's; repeats are decided once, for all. A hit that one plan
 * refuses is refused in its generation and in no other.
 */
import { generationSinks, generationTime, isInPlace } from '../../core/generations.ts'
import type { RerunBarrier, WrittenGeneration } from '../../core/ports/rerun-store.ts'
import type { TableName } from '../../core/tables.ts'
import { Watermark } from '../core/watermark.ts'
import type { Pipeline } from '../plan/draft.ts'
import { type CompiledPlan, type CompileOptions, compilePlan, type FirstSeen } from './compile-plan.ts'
import { EpochOutput } from './epoch-output.ts'
import { sharedFirstSeen } from './shared-first-seen.ts'

/** A generation that is written beside the base, with its plan. */
export interface BesideGeneration {
  readonly written: WrittenGeneration
  readonly pipeline: Pipeline
  /** Hash of plan and data sets. */
  readonly plan: string
}

export interface GenerationsOptions extends CompileOptions {
  readonly job: string
  readonly beside: readonly BesideGeneration[]
  /** Sinks that the base writes still, for others were released to another generation; null: all of its plan. */
  readonly baseSinks: WrittenGeneration['sinks'] | null
  /** Of the base plan, which may keep windows; the others may not. */
  readonly compile: (options: CompileOptions) => CompiledPlan
}

/** Tables that a rerun of these sinks writes. Hits that a step refuses go with those it lets pass. */
export function tablesOf(sinks: WrittenGeneration['sinks']): readonly TableName[] {
  return sinks.flatMap((sink): readonly TableName[] => (sink === 'hits' ? ['hits', 'failed_hits'] : [sink]))
}

/** @throws InvalidPlanError as `compilePlan` */
export function compileGenerations(given: GenerationsOptions): CompiledPlan {
  const tables = baseTables(given)
  const options = tables === undefined ? given : { ...given, tables }
  const writing = given.beside.filter(({ written }) => tablesWritten(written, given.tables).length > 0)
  if (writing.length === 0) return options.compile(options)
  const shared = sharedFirstSeen(options.states)
  const base = options.compile({ ...options, states: shared.asking })
  const others = writing.map((each) => compileBeside(given, each, shared.told))
  return {
    process(hit, payload) {
      shared.begin()
      base.process(hit, payload)
      for (const { from, plan } of others) if (hit.position.offset >= from) plan.process(hit, payload)
    },
    processUndecodable(payload, offset, index, received) {
      base.processUndecodable(payload, offset, index, received)
      for (const { from, plan } of others) {
        if (offset >= from) plan.processUndecodable(payload, offset, index, received)
      }
    },
    emitPanes() {
      base.emitPanes()
      for (const { plan, handOver } of others) {
        plan.emitPanes()
        handOver()
      }
    },
    windows: base.windows,
  }
}

function compileBeside(
  options: GenerationsOptions,
  { written, pipeline, plan: hash }: BesideGeneration,
  states: ReadonlyMap<string, FirstSeen>,
) {
  const { facts, context, output, job } = options
  const { generation, places, barriers } = written
  // Its own: what it counts and books is known already, and its rows are looked at before they are the epoch's.
  const own = new EpochOutput()
  const watermark = new Watermark(0, null)
  const tables = tablesWritten(written, options.tables)
  const compiled = { pipeline, context, states, watermark, output: own, tables }
  const plan = compilePlan({ ...compiled, facts: { ...facts, plan: hash, generation } })

  function handOver(): void {
    for (const { table, rows } of own.filled()) {
      const into = output.sink(table)
      for (const row of rows) {
        const at = generationTime(table.name, row)
        if (places.some((place) => isInPlace(place, String(row.merchant), at))) into.push(row)
      }
    }
    for (const { merchant, day } of own.touched.list()) output.touched.add(merchant, day)
    own.clear()
  }
  return { from: firstOffset(barriers, { ...facts, job }), plan, handOver }
}

/** Undefined: all that the job keeps, as it was asked. */
function baseTables({ baseSinks, tables, pipeline }: GenerationsOptions): readonly TableName[] | undefined {
  if (baseSinks === null || generationSinks.every((sink) => baseSinks.includes(sink))) return undefined
  const left = new Set(tablesOf(generationSinks.filter((sink) => !baseSinks.includes(sink))))
  const kept =
    tables ?? pipeline.plan.steps.flatMap((step) => (step.kind === 'write' && 'table' in step ? [step.table] : []))
  return kept.filter((table) => !left.has(table))
}

function tablesWritten(written: WrittenGeneration, kept: readonly TableName[] | undefined): readonly TableName[] {
  return tablesOf(written.sinks).filter((table) => kept === undefined || kept.includes(table))
}

/** What lies before was taken from the lake. A partition or feed that came later has no barrier: all of it is the job's. */
function firstOffset(
  barriers: readonly RerunBarrier[],
  at: { readonly job: string; readonly source: string; readonly partition: number },
): number {
  const barrier = barriers.find(
    ({ job, source, partition }) => job === at.job && source === at.source && partition === at.partition,
  )
  return barrier?.next ?? 0
}
