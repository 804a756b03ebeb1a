/** Whether a plan can be run again over what the lake holds, and how each of its sinks is made. */
import { InvalidPlanError, PlatformError } from '../../../core/errors.ts'
import type { RerunRequest } from '../../../core/ports/rerun-store.ts'
import type { SplitWork } from '../../../core/ports/rerun-work.ts'
import { Watermark } from '../../core/watermark.ts'
import { canonicalJson } from '../../plan/canonical.ts'
import { type Pipeline, versionOf } from '../../plan/draft.ts'
import { compilePlan } from '../compile-plan.ts'
import { EpochOutput } from '../epoch-output.ts'
import { rollupSqlRefusal } from './rollup-sql-refusal.ts'

export interface MethodQuestion {
  readonly request: Pick<RerunRequest, 'sinks' | 'via'>
  /** The plan to be run. */
  readonly pipeline: Pipeline
  /** The plans that made the hits which answer; null: one of them is not known. */
  readonly answering: readonly (Pipeline | null)[]
  /** Side inputs that its steps may use. */
  readonly context: Readonly<Record<string, unknown>>
  readonly lake: 'computes hours' | 'computes none'
}

/** In words; null: the plan can be run again. */
export function rerunRefusal(question: MethodQuestion): string | null {
  const { request, pipeline } = question
  return (
    compileRefusal(question) ??
    dedupeRefusal(question) ??
    (request.via === 'sql' && request.sinks.includes('hourly') ? sqlRefusal(question) : null) ??
    (request.via === 'sql' && !request.sinks.includes('hourly')
      ? `SQL makes no rows of ${request.sinks.join()}`
      : null) ??
    sinkRefusal(request, pipeline)
  )
}

/** Hours by SQL where that is wanted, or nobody said and it makes the same rows. */
export function rerunMethods(question: MethodQuestion): SplitWork['methods'] {
  const { sinks, via } = question.request
  const hourly = via !== 'stream' && sqlRefusal(question) === null ? 'sql' : 'operators'
  return {
    ...(sinks.includes('hits') && { hits: 'operators' as const }),
    ...(sinks.includes('hourly') && { hourly: hourly as 'sql' | 'operators' }),
  }
}

/** Why SQL over the hits that answer does not make the plan's hours; null: it does. */
export function sqlRefusal({ request, pipeline, answering, lake }: MethodQuestion): string | null {
  if (lake === 'computes none') return 'this lake computes no hours'
  if (request.sinks.includes('hits')) return 'hits are made anew by the plan, and their hours in the same pass'
  const own = versionOf(pipeline)
  const other = answering.find((each) => each === null || versionOf(each) !== own)
  if (other !== undefined) {
    const which = other === null ? 'a plan that is not known' : `plan ${versionOf(other)}`
    return `the hits that answer were made by ${which}, and this one may make something else of them`
  }
  return rollupSqlRefusal(pipeline)
}

/** Whether it is a plan that the compiler of feeds takes, over the feed of hits. */
function compileRefusal({ pipeline, context }: MethodQuestion): string | null {
  const read = pipeline.plan.steps.find((step) => step.kind === 'read')
  if (read?.kind !== 'read' || read.feed !== 'hits') return `'${pipeline.plan.name}' does not read the feed hits`
  const states = new Map(pipeline.plan.steps.map(({ name }) => [name, { firstSeen: () => true }]))
  const facts = { plan: '', dataSets: '{}', source: '', partition: 0, generation: 0 }
  const output = new EpochOutput()
  try {
    compilePlan({ pipeline, facts, context, states, output, watermark: new Watermark(0, null) })
    return null
  } catch (error) {
    if (error instanceof InvalidPlanError || (error instanceof PlatformError && error.retry === 'never'))
      return error.message
    throw error
  }
}

/** What a plan with another dedupe step would have accepted is not in the lake. */
function dedupeRefusal({ pipeline, answering }: MethodQuestion): string | null {
  const own = dedupeOf(pipeline)
  const other = answering.find((each) => each !== null && dedupeOf(each) !== own)
  return other === undefined
    ? null
    : 'its dedupe step is another than the one that took the hits in: what it would accept is not in the lake'
}

function dedupeOf({ plan }: Pipeline): string {
  return canonicalJson(
    plan.steps.flatMap((step) => (step.kind === 'dedupe' ? [{ key: [...step.key], withinMs: step.withinMs }] : [])),
  )
}

function sinkRefusal({ sinks }: Pick<RerunRequest, 'sinks'>, { plan }: Pipeline): string | null {
  const tables = new Set(plan.steps.flatMap((step) => (step.kind === 'write' && 'table' in step ? [step.table] : [])))
  const needed = sinks.flatMap((sink) => (sink === 'hits' ? (['hits', 'failed_hits'] as const) : [sink]))
  const missing = needed.find((table) => !tables.has(table))
  return missing === undefined ? null : `'${plan.name}' does not write ${missing}`
}
