/**
 * A pipeline as the compiler asks for its parts: steps, lambdas, sinks and side inputs by name, each of which must be
 * there, and the tables that the job keeps.
 */
import { InvalidPlanError } from '../../core/errors.ts'
import type { TableName } from '../../core/tables.ts'
import { expectStream } from '../plan/check-bounded.ts'
import type { AnySink, Lambda, Pipeline } from '../plan/draft.ts'
import type { Plan, PlanStep, ReadStep, RowStep, SplitStep } from '../plan/node/step.ts'
import type { FailedSink } from '../plan/sinks.ts'

export class PlanParts {
  readonly steps: readonly PlanStep[]
  readonly read: ReadStep

  /**
   * `tables`: those that the job writes; undefined: all of the plan.
   * @throws InvalidPlanError where the plan does not write one of them, cannot run as a stream, or hands rows to outputs
   */
  constructor(
    readonly pipeline: Pipeline,
    private readonly given: Readonly<Record<string, unknown>>,
    private readonly tables: readonly TableName[] | undefined,
  ) {
    const { plan } = pipeline
    expectStream(plan)
    expectTables(plan)
    this.steps = plan.steps
    const read = plan.steps.find((step): step is ReadStep => step.kind === 'read')
    if (read === undefined) throw new InvalidPlanError(`'${plan.name}' reads nothing`)
    this.read = read
    for (const table of tables ?? []) {
      if (!plan.steps.some((step) => step.kind === 'write' && step.table === table)) {
        throw new InvalidPlanError(`a job is to keep '${table}', which '${plan.name}' does not write`)
      }
    }
  }

  keeps(table: TableName): boolean {
    return this.tables?.includes(table) ?? true
  }

  /** Whether the job keeps the table of what counts as stored. */
  keepsStored(): boolean {
    return this.steps.some((step) => step.kind === 'write' && step.counts === 'stored' && this.keeps(step.table))
  }

  readers(output: string): readonly PlanStep[] {
    return this.steps.filter((step) => step.after === output)
  }

  failedSink(): FailedSink<unknown> {
    const step = this.steps.find((each) => each.kind === 'write' && each.counts === 'failed')
    const sink = this.sink(step?.name ?? '')
    if (sink.kind !== 'failed') throw new InvalidPlanError(`'${step?.name}' is no failed sink`)
    return sink
  }

  sink(name: string): AnySink {
    const sink = this.pipeline.sinks.get(name)
    if (sink === undefined) throw new InvalidPlanError(`the pipeline brings no sink for '${name}'`)
    return sink
  }

  lambda(name: string): Lambda {
    const lambda = this.pipeline.lambdas.get(name)
    if (lambda === undefined) throw new InvalidPlanError(`the pipeline brings no code for '${name}'`)
    return lambda
  }

  /** The side inputs that a step names, and no others. */
  context(step: RowStep | SplitStep): Readonly<Record<string, unknown>> {
    const missing = step.uses.filter((name) => !Object.hasOwn(this.given, name))
    if (missing.length > 0)
      throw new InvalidPlanError(`'${step.name}' uses '${missing.join("', '")}', which nobody brings`)
    return Object.freeze(Object.fromEntries(step.uses.map((name) => [name, this.given[name]])))
  }
}

/** A server has nobody who takes what is handed out. @throws InvalidPlanError */
function expectTables(plan: Plan): void {
  const output = plan.steps.find((step) => step.kind === 'collect')
  if (output === undefined) return
  throw new InvalidPlanError(
    `'${output.name}' hands rows to whoever runs the plan, which a runner of feeds does not take; write a table`,
  )
}

/** Whether the plan keeps no windows between epochs, and has no step that needs the operators for anything else. */
export function isFast(plan: Plan): boolean {
  return plan.steps.every((step) => slowOnly(step) === undefined)
}

/** @throws InvalidPlanError naming a step that only operators can run */
export function expectFast(plan: Plan): void {
  for (const step of plan.steps) {
    const why = slowOnly(step)
    if (why !== undefined) throw new InvalidPlanError(`'${step.name}' ${why}, which takes operators to run`)
  }
}

function slowOnly(step: PlanStep): string | undefined {
  switch (step.kind) {
    case 'flatMap':
    case 'union':
    case 'groupBy':
    case 'collect':
      return `is a step of kind ${step.kind}`
    case 'window':
      if (step.assign.kind !== 'calendar') return `has windows of kind ${step.assign.kind}`
      if (step.assign.weekStart !== undefined) return `has weeks from ${step.assign.weekStart}`
      return step.lateness === 'unbounded' ? undefined : 'has a lateness that ends'
    case 'emit':
      return 'on' in step ? 'emits on close' : undefined
    case 'write':
      return step.takes === 'upserts' ? 'replaces rows' : undefined
    default:
      return undefined
  }
}
