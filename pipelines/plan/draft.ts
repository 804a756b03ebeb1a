/** A plan while it is being written: what the builder's fluent steps add to, and what it becomes. */
import type { TableName } from '../../core/tables.ts'
import { canonicalJson, deepFreeze, planHash } from './canonical.ts'
import { checkPlan } from './check.ts'
import { type Plan, type PlanStep, planFormat } from './node/step.ts'
import type { FailedSink, PaneSink, RowSink } from './sinks.ts'

/** A lambda with its types forgotten; the plan's steps say what it takes. */
export type Lambda = (row: unknown, context: unknown) => unknown

export type AnySink = RowSink<unknown> | FailedSink<unknown> | PaneSink<unknown>

/** A plan with the code it names: what a runner runs. */
export interface Pipeline {
  readonly plan: Plan
  /** By step; `<step>.eventTime`, `<step>.watermarkFrom` of a read, `<step>.zone` of a window. */
  readonly lambdas: ReadonlyMap<string, Lambda>
  /** By write step. */
  readonly sinks: ReadonlyMap<string, AnySink>
  /** Canonical JSON of the plan. */
  readonly text: string
  /** Hash of plan and data sets. */
  hash(dataSets: Readonly<Record<string, string>>): string
}

export interface PipelineOptions {
  readonly jobs: Readonly<Record<string, readonly { readonly name: TableName }[]>>
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
      Object.entries(options.jobs).map(([job, sinks]) => [job, sinks.map((sink) => sink.name)]),
    )
    const plan: Plan = deepFreeze({ format: planFormat, name, steps: this.steps, jobs })
    checkPlan(plan)
    return {
      plan,
      lambdas: this.lambdas,
      sinks: this.sinks,
      text: canonicalJson(plan),
      hash: (dataSets) => planHash(plan, dataSets),
    }
  }
}
