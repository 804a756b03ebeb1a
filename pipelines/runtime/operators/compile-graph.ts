/**
 * Compiles the steps of a plan to functions over one run of a row: per row there is no lookup by name and no promise. Steps
 * that follow each other are one function (`row-code.ts`); windows and sinks are closures that it calls.
 */
import { InvalidPlanError } from '../../../core/errors.ts'
import { calendarBucket } from '../../../core/time/calendar.ts'
import type { AnyPane } from '../../core/pane.ts'
import { Partials, type Window } from '../../core/partials.ts'
import type { Row } from '../../core/partials-columns.ts'
import type { Lambda, Pipeline } from '../../plan/draft.ts'
import {
  type CollectStep,
  type DedupeStep,
  inputsOf,
  type PlanStep,
  type ReadStep,
  type RowStep,
  type SplitStep,
  type ValidateStep,
  type WindowStep,
  type WriteStep,
} from '../../plan/node/step.ts'
import type { Refused } from '../../plan/sinks.ts'
import { keepsState, type WindowChain, windowChain } from '../../plan/window-chain.ts'
import type { FirstSeen } from '../compile-plan.ts'
import type { PlacedRow } from './row-aggregates.ts'
import {
  callOf,
  dedupeCode,
  filterCode,
  flatMapCode,
  forkCode,
  mapCode,
  type Next,
  type RowCode,
  readCode,
  type StepCode,
  splitCode,
  stage,
} from './row-code.ts'
import { type RowEffect, type RowPlace, RowRun } from './row-run.ts'
import { type AnyWindowPane, type WindowChainOperator, windowChainOperator } from './window-chain-operator.ts'

export type SinkStep = WriteStep | CollectStep

/** Takes what leaves the plan, in the order in which it leaves. */
export interface GraphOutput {
  /** Is told once, before anything comes, which windows the plan keeps: their state and counts can be asked at any time. */
  keeps?(windows: readonly WindowChainOperator[]): void
  /**
   * What is to be handed on instead of a row, or of a refused one, made while the row may still fail: what it throws
   * refuses the row, of which nothing has counted yet. Left out: the row itself.
   */
  prepare?(sink: SinkStep, row: unknown): unknown
  row(sink: SinkStep, row: unknown, place: RowPlace): void
  refused(sink: SinkStep, refused: Refused<unknown>, place: RowPlace): void
  pane(sink: SinkStep, pane: AnyWindowPane | AnyPane): void
}

export interface CompileGraphOptions {
  readonly pipeline: Pipeline
  /** Side inputs by name. */
  readonly context: Readonly<Record<string, unknown>>
  /** By dedupe step. */
  readonly states: ReadonlyMap<string, FirstSeen>
  readonly output: GraphOutput
  readonly processingTime: () => number
}

export interface CompiledGraph {
  readonly run: RowRun
  readonly first: (row: unknown) => void
  readonly windows: readonly WindowChainOperator[]
  /** Give what came since the last epoch. */
  readonly epochs: readonly (() => void)[]
}

export function readOf({ plan }: Pipeline): ReadStep {
  const read = plan.steps.find((step): step is ReadStep => step.kind === 'read')
  if (read === undefined) throw new InvalidPlanError(`'${plan.name}' reads nothing`)
  return read
}

export function lambdaOf(pipeline: Pipeline, name: string): Lambda {
  const lambda = pipeline.lambdas.get(name)
  if (lambda === undefined) throw new InvalidPlanError(`the pipeline brings no code for '${name}'`)
  return lambda
}

/** Whether refused rows, and what fails, end here. */
export function takesRefused(step: PlanStep): step is SinkStep {
  return step.kind === 'write' ? step.counts === 'failed' : step.kind === 'collect' && step.takes === 'refused'
}

/** @throws InvalidPlanError where code or side inputs of the plan are missing */
export function compileGraph(options: CompileGraphOptions): CompiledGraph {
  return new GraphCompiler(options).compile()
}

class GraphCompiler {
  readonly #run = new RowRun()
  readonly #steps: readonly PlanStep[]
  readonly #read: ReadStep
  readonly #windows: WindowChainOperator[] = []
  readonly #epochs: (() => void)[] = []
  /** Read by several: one function for the steps behind each, with one state. */
  readonly #unions = new Map<string, Next>()

  constructor(private readonly options: CompileGraphOptions) {
    this.#steps = options.pipeline.plan.steps
    this.#read = readOf(options.pipeline)
  }

  compile(): CompiledGraph {
    const { pipeline } = this.options
    const { name } = this.#read
    const times = {
      eventTime: lambdaOf(pipeline, `${name}.eventTime`),
      receivedMs: lambdaOf(pipeline, `${name}.watermarkFrom`),
    }
    const first = this.#stage(name, readCode(times, this.#after(name)))
    this.options.output.keeps?.(this.#windows)
    return { run: this.#run, first, windows: this.#windows, epochs: this.#epochs }
  }

  #stage(output: string, code: RowCode): Next {
    return stage({ run: this.#run, name: `${this.options.pipeline.plan.name}/${output}`, code })
  }

  #readers(output: string): readonly PlanStep[] {
    return this.#steps.filter((step) => inputsOf(step).includes(output))
  }

  /** All steps that read an output, in the order of the plan. */
  #after(output: string): RowCode {
    return forkCode(
      `${this.options.pipeline.plan.name}/${output}`,
      this.#readers(output).map((step) => this.#compile(step)),
    )
  }

  #compile(step: PlanStep): RowCode {
    switch (step.kind) {
      case 'dedupe':
        return this.#dedupe(step)
      case 'map':
        return mapCode(this.#code(step, this.#context(step)), this.#after(step.name))
      case 'flatMap':
        return flatMapCode(this.#code(step, this.#context(step)), this.#after(step.name))
      case 'filter':
        return filterCode(this.#code(step, this.#context(step)), this.#after(step.name))
      case 'split':
        return this.#split(step, this.#context(step))
      case 'validate':
        return this.#split(step, null)
      case 'union': {
        const known = this.#unions.get(step.name) ?? this.#stage(step.name, this.#after(step.name))
        this.#unions.set(step.name, known)
        return callOf(known)
      }
      case 'write':
      case 'collect':
        return callOf(this.#sink(step))
      case 'groupBy':
        return this.#after(step.name)
      case 'window':
        return callOf(this.#window(step))
      default:
        throw new InvalidPlanError(`'${step.name}' (${step.kind}) cannot stand after '${step.after}'`)
    }
  }

  #dedupe(step: DedupeStep): RowCode {
    const state = this.options.states.get(step.name)
    if (state === undefined) throw new InvalidPlanError(`'${step.name}' has no state`)
    const [partitionKey = '', id = ''] = step.key
    return dedupeCode({ name: step.name, state, partitionKey, id }, this.#after(step.name))
  }

  #split(step: SplitStep | ValidateStep, context: StepCode['context']): RowCode {
    const branches = step.to.map((branch) => [branch as string, this.#after(`${step.name}.${branch}`)] as const)
    return splitCode(this.#code(step, context), branches)
  }

  #code({ name }: PlanStep, context: StepCode['context']): StepCode {
    return { name, lambda: lambdaOf(this.options.pipeline, name), context }
  }

  #sink(step: SinkStep): Next {
    const run = this.#run
    const { output } = this.options
    const refuses = takesRefused(step)
    const end = refuses ? 'refused' : 'kept'
    const effect: RowEffect = refuses
      ? { take: (row) => output.refused(step, row as Refused<unknown>, run) }
      : { take: (row) => output.row(step, row, run) }
    if (output.prepare === undefined) return (row) => run.note(effect, row, end)
    const prepare = output.prepare.bind(output)
    return (row) => {
      run.step = step.name
      run.note(effect, prepare(step, row), end)
    }
  }

  #window(step: WindowStep): Next {
    const { pipeline, output, processingTime } = this.options
    const run = this.#run
    const chain = windowChain(pipeline.plan, step)
    if (chain === undefined) throw new InvalidPlanError(`'${step.name}' has no group, aggregate, emit and sink`)
    const zone = step.code === null ? null : (lambdaOf(pipeline, `${step.name}.zone`) as (row: unknown) => string)
    if (!keepsState(chain)) return this.#epochWindow(step, chain, zone)
    const window = windowChainOperator({
      chain,
      partitionKey: this.#read.partitionKey,
      zone,
      onPane: (pane) => output.pane(chain.sink, pane),
      onTooLate: this.#tooLate(step),
    })
    this.#windows.push(window)
    const effect: RowEffect = { take: (placed) => window.take(placed as PlacedRow, processingTime()) }
    return (row) => {
      run.step = step.name
      const placed: PlacedRow = { row: row as Row, time: run.time, position: run.position }
      window.check(placed)
      run.note(effect, placed, 'kept')
    }
  }

  /**
   * What becomes of rows that no window counts: they go on by the branch, or are dropped. They have passed all steps above,
   * and what fails from here on is their own, so they begin anew once the row has had its other effects.
   */
  #tooLate(step: WindowStep): (placed: PlacedRow) => void {
    const run = this.#run
    const output = `${step.name}.tooLate`
    if (this.#readers(output).length === 0) return () => run.miss(null)
    const next = this.#stage(output, this.#after(output))
    return ({ row, time, position }) => run.miss({ step: step.name, row, time, position, next })
  }

  /** Windows that give what came since the last epoch: partial rows, and no state that outlives it. */
  #epochWindow(
    step: WindowStep,
    { group, aggregate, sink }: WindowChain,
    zone: ((row: unknown) => string) | null,
  ): Next {
    const run = this.#run
    const { output } = this.options
    const { assign } = step
    if (group.kind !== 'group' || assign.kind !== 'calendar' || zone === null) {
      throw new InvalidPlanError(`'${step.name}' emits every epoch: it needs calendar windows and groupBySets`)
    }
    const { unit } = assign
    const partials = new Partials(aggregate.aggregates, group.sets)
    const key = this.#read.partitionKey
    this.#epochs.push(() => {
      for (const pane of partials.panes()) output.pane(sink, pane)
      partials.clear()
    })
    const effect: RowEffect = {
      take(found) {
        const { row, window } = found as { readonly row: Row; readonly window: Window }
        partials.add(String(row[key]), window, row, run.position.offset)
      },
    }
    return (row) => {
      run.step = step.name
      const window = calendarBucket(unit, zone(row), run.time)
      partials.check(row as Row)
      run.note(effect, { row, window }, 'kept')
    }
  }

  /** The side inputs that a step names, and no others. */
  #context(step: RowStep | SplitStep): Readonly<Record<string, unknown>> {
    const { context } = this.options
    const missing = step.uses.filter((name) => !Object.hasOwn(context, name))
    if (missing.length > 0) {
      throw new InvalidPlanError(`'${step.name}' uses '${missing.join("', '")}', which nobody brings`)
    }
    return Object.freeze(Object.fromEntries(step.uses.map((name) => [name, context[name]])))
  }
}
