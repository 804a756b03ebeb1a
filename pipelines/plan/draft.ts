/** A plan while it is being written: what the builder's fluent steps add to, and what it becomes. */

import { InvalidPlanError } from '../../core/errors.ts'
import type { TableName } from '../../core/tables.ts'
import { canonicalJson, codeHash, deepFreeze, planHash, planVersion } from './canonical.ts'
import { checkPlan } from './check.ts'
import { type Plan, type PlanStep, planFormat } from './node/step.ts'
import type { FailedSink, OutputSink, PaneSink, RowSink, UpsertSink } from './sinks.ts'

/** A lambda with its types forgotten; the plan's steps say what it takes. */
export type Lambda = (row: unknown, context: unknown) => unknown

export type AnySink = RowSink<unknown> | FailedSink<unknown> | PaneSink<unknown> | UpsertSink<unknown>
export type AnyOutput = OutputSink<'rows' | 'refused' | 'partials' | 'upserts', unknown>

/**
 * How a runner and a pipeline speak with each other: the shape of a hit, of what lambdas and mappings are given, of sinks.
 * Raised where a pipeline built before would not run by what comes after; it is kept beside each built plan.
 */
export const pipelineFormat = 1

/** A plan with the code it names: what a runner runs. */
export interface Pipeline {
  readonly plan: Plan
  /** By step; `<step>.eventTime`, `<step>.watermarkFrom` of a read, `<step>.zone` of a window. */
  readonly lambdas: ReadonlyMap<string, Lambda>
  /** By write step. */
  readonly sinks: ReadonlyMap<string, AnySink>
  /** Canonical JSON of the plan. */
  readonly text: string
  /** Hash of the code that its steps call, by the build; left out where it runs from sources. */
  readonly code?: string
  /** Hash of version (`versionOf`) and data sets. */
  hash(dataSets: Readonly<Record<string, string>>): string
}

export interface PipelineOptions {
  /** Which tables are written together; left out where the plan writes none, or runs bounded. */
  readonly jobs?: Readonly<Record<string, readonly { readonly name: TableName }[]>>
  /** Limit of window state in a partition; needed where a step keeps any. */
  readonly state?: { readonly maxBytes: number }
}

export class Draft {
  readonly steps: PlanStep[] = []
  readonly lambdas = new Map<string, Lambda>()
  readonly sinks = new Map<string, AnySink>()

  add(step: PlanStep, lambdas: Readonly<Record<string, unknown>> = {}): void {
    this.steps.push(step)
    for (const [name, lambda] of Object.entries(lambdas)) this.lambdas.set(name, lambda as Lambda)
  }

  /** Checks and freezes. @throws InvalidPlanError */
  finish(name: string, options: PipelineOptions): Pipeline {
    const jobs = Object.fromEntries(
      Object.entries(options.jobs ?? {}).map(([job, sinks]) => [job, sinks.map((sink) => sink.name)]),
    )
    const state = options.state === undefined ? {} : { stateMaxBytes: options.state.maxBytes }
    const plan: Plan = deepFreeze({ format: planFormat, name, steps: this.steps, jobs, ...state })
    checkPlan(plan)
    const { lambdas, sinks } = this
    return pipelineOf({ plan, lambdas, sinks, text: canonicalJson(plan) })
  }
}

/** A pipeline of its parts; the hash follows from text and code. */
export function pipelineOf(parts: Omit<Pipeline, 'hash'>): Pipeline {
  const version = versionOf(parts)
  return { ...parts, hash: (dataSets) => planHash(version, dataSets) }
}

/** Of plan and code: the name of a pipeline in the repository of plans. */
export function versionOf({ text, code }: Pick<Pipeline, 'text' | 'code'>): string {
  return planVersion(text, code ?? '')
}

/**
 * Hash of a lambda of a step.
 * @throws InvalidPlanError for what is no function, runs later than now, or hides its source
 */
export function lambdaHash(step: string, lambda: unknown): string {
  if (typeof lambda !== 'function') throw new InvalidPlanError(`'${step}' is given no function`)
  if (lambda.constructor.name !== 'Function') {
    throw new InvalidPlanError(
      `'${step}' is given ${lambda.constructor.name.startsWith('Async') ? 'an asynchronous function' : 'a generator'}; steps are synchronous, and what they need from elsewhere they name in uses`,
    )
  }
  if (/\{\s*\[native code\]\s*\}$/.test(lambda.toString())) {
    throw new InvalidPlanError(
      `'${step}' is given a bound or built-in function, whose source is hidden: a change of it would go unseen; wrap it in a lambda`,
    )
  }
  return codeHash(lambda)
}

/** The part of a step that says what it was called before. */
export function formerNames(was: string | readonly string[] | undefined): { readonly was?: readonly string[] } {
  if (was === undefined) return {}
  return { was: typeof was === 'string' ? [was] : [...was] }
}
