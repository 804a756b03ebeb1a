/**
 * Compiles a plan that keeps no windows between epochs (others run by graph-plan.ts) to one chain of closures for one partition, built once at start: per hit there is no lookup by name, no
 * promise and no list made. Errors of a lambda are the hit's (`step_error`), errors of state are the job's.
 *
 * A job that keeps only some of the plan's tables still takes every hit through every step and every mapping, and drops
 * the rows it does not keep: any of them may refuse the hit, and then it is in no table, whichever job writes that. So
 * jobs beside each other make together exactly what one job makes. What it spares is folding, staging and memory.
 */
import { InvalidPlanError } from '../../core/errors.ts'
import { type EventTime, utcDay } from '../../core/event-time.ts'
import type { FeedHit } from '../../core/hit.ts'
import type { MerchantId } from '../../core/ids.ts'
import type { LakeRow, TableName } from '../../core/tables.ts'
import type { Row } from '../core/partials.ts'
import type { Watermark } from '../core/watermark.ts'
import type { Pipeline } from '../plan/draft.ts'
import type {
  DedupeStep,
  PlanStep,
  RowStep,
  SplitStep,
  ValidateStep,
  WindowStep,
  WriteStep,
} from '../plan/node/step.ts'
import type { Failed, RowSink, RunFacts } from '../plan/sinks.ts'
import { compileWindow } from './compile-window.ts'
import type { EpochOutput, SinkRows } from './epoch-output.ts'
import { bookHit, failedRow } from './hit-outcome.ts'
import { type Effect, HitRun } from './hit-run.ts'
import { expectFast, PlanParts } from './plan-parts.ts'
import type { PlanWindows } from './plan-windows.ts'

/** What a dedupe step asks: whether this is the first of its key within its time. */
export interface FirstSeen {
  firstSeen(merchant: string, id: string, receivedMs: number): boolean
}

export interface CompileOptions {
  readonly pipeline: Pipeline
  readonly facts: RunFacts
  /** All side inputs by name; each step is given those it names. */
  readonly context: Readonly<Record<string, unknown>>
  /** By dedupe step. */
  readonly states: ReadonlyMap<string, FirstSeen>
  readonly watermark: Watermark
  readonly output: EpochOutput
  /** Tables that the job writes. Default: all of the plan. */
  readonly tables?: readonly TableName[]
}

export interface CompiledPlan {
  /** One hit through all steps. `payload` is its whole batch. @throws only what state throws */
  process(hit: FeedHit, payload: Uint8Array): void
  /** A batch that no decoder understands: to the failed sink, whole, as the hit at `index` of its record. */
  processUndecodable(payload: Uint8Array, offset: number, index: number, receivedMs: number): void
  /** Turns what the epoch aggregated into rows of its sinks. */
  emitPanes(): void
  /** What it keeps between epochs; null where it keeps no windows. */
  readonly windows: PlanWindows | null
}

type Next = (row: unknown) => void

/** Merchant under which a batch is booked that names none. */
export const noMerchant = '' as MerchantId

const into = (rows: SinkRows): Effect => ({ take: (row) => rows.push(row as LakeRow) })
const dropped: Effect = { take: () => {} }

/** @throws InvalidPlanError where lambdas, sinks or side inputs of the plan are missing */
export function compilePlan(options: CompileOptions): CompiledPlan {
  return new PlanCompiler(options).compile()
}

class PlanCompiler {
  readonly #run = new HitRun()
  readonly #emits: (() => void)[] = []
  readonly #parts: PlanParts

  constructor(private readonly options: CompileOptions) {
    expectFast(options.pipeline.plan)
    this.#parts = new PlanParts(options.pipeline, options.context, options.tables)
  }

  compile(): CompiledPlan {
    const { output, watermark, facts } = this.options
    const run = this.#run
    const parts = this.#parts
    const { read } = parts
    const eventTime = parts.lambda(`${read.name}.eventTime`)
    const receivedOf = parts.lambda(`${read.name}.watermarkFrom`)
    const first = this.#after(read.name)
    const sink = parts.failedSink()
    /** null: another job writes it. */
    const failed = parts.keeps(sink.table.name) ? { sink, rows: output.sink(sink.table) } : null
    const keepsStored = parts.keepsStored()

    const fail = (failure: Failed<unknown>, payload: Uint8Array) => {
      output.counts.failed += 1
      if (failed !== null) failed.rows.push(failedRow(failed.sink, failure, payload, run.hit, facts))
    }
    return {
      process: (hit, payload) => {
        run.begin(hit, read.name)
        let at = hit.time
        try {
          at = eventTime(hit, null) as EventTime
          run.receivedMs = receivedOf(hit, null) as number
          first(hit)
        } catch (error) {
          if (run.inState) throw error
          output.books.count(hit.merchant, hit.received, 'failed')
          return fail({ kind: 'refused', step: run.step, reason: 'step_error', row: hit }, payload)
        }
        if (watermark.isLate(at)) output.counts.late += 1
        watermark.see(run.receivedMs)
        run.takeEffect()
        bookHit(run, output, hit)
        if (keepsStored && run.stored) output.touched.add(hit.merchant, utcDay(at))
      },
      processUndecodable: (payload, offset, index, received) => {
        output.counts.poison += 1
        output.books.count(noMerchant, received, 'failed')
        const reason = 'poison_record'
        fail({ kind: 'undecodable', step: 'decode', reason, payload, received, offset, index }, payload)
      },
      emitPanes: () => {
        for (const emit of this.#emits) emit()
      },
      windows: null,
    }
  }

  /** All steps that read an output, as one. */
  #after(name: string): Next {
    const readers = this.#parts.readers(name).map((step) => this.#step(step))
    const [only] = readers
    if (only === undefined) return () => {}
    if (readers.length === 1) return only
    return (row) => {
      for (const next of readers) next(row)
    }
  }

  #step(step: PlanStep): Next {
    switch (step.kind) {
      case 'dedupe':
        return this.#dedupe(step)
      case 'map':
      case 'filter':
        return this.#rowStep(step)
      case 'split':
      case 'validate':
        return this.#split(step)
      case 'write':
        return this.#write(step)
      case 'window':
        return this.#window(step)
      default:
        throw new InvalidPlanError(`'${step.name}' (${step.kind}) cannot stand after '${step.after}'`)
    }
  }

  #dedupe(step: DedupeStep): Next {
    const run = this.#run
    const state = this.options.states.get(step.name)
    if (state === undefined) throw new InvalidPlanError(`'${step.name}' has no state`)
    const [merchant = '', id = ''] = step.key
    const next = this.#after(step.name)
    return (row) => {
      run.step = step.name
      const columns = row as Row
      run.inState = true
      const first = state.firstSeen(columns[merchant] as string, columns[id] as string, run.receivedMs)
      run.inState = false
      if (first) next(row)
      else run.duplicate = true
    }
  }

  #rowStep(step: RowStep): Next {
    const run = this.#run
    const lambda = this.#parts.lambda(step.name)
    const context = this.#parts.context(step)
    const next = this.#after(step.name)
    if (step.kind === 'map') {
      return (row) => {
        run.step = step.name
        next(lambda(row, context))
      }
    }
    return (row) => {
      run.step = step.name
      if (lambda(row, context)) next(row)
      else run.droppedBy = step.name
    }
  }

  #split(step: SplitStep | ValidateStep): Next {
    const run = this.#run
    const lambda = this.#parts.lambda(step.name)
    const context = step.kind === 'split' ? this.#parts.context(step) : null
    const branches = new Map(step.to.map((branch) => [branch, this.#after(`${step.name}.${branch}`)]))
    return (row) => {
      run.step = step.name
      const outcome = lambda(row, context) as { readonly to: string; readonly row: unknown; readonly reason?: string }
      const next = branches.get(outcome.to)
      if (next === undefined) throw new RangeError(`'${step.name}' has no branch '${outcome.to}'`)
      if (outcome.reason === undefined) next(outcome.row)
      else next({ step: step.name, reason: outcome.reason, row: outcome.row })
    }
  }

  #write(step: WriteStep): Next {
    const run = this.#run
    const { facts, output } = this.options
    const sink = this.#parts.sink(step.name)
    if (sink.kind === 'panes' || sink.kind === 'upserts') {
      throw new InvalidPlanError(`'${step.name}' takes panes, not rows`)
    }
    const effect = this.#parts.keeps(sink.table.name) ? into(output.sink(sink.table)) : dropped
    if (sink.kind === 'failed') {
      return (row) => {
        run.step = step.name
        run.failed = true
        run.note(effect, sink.toRow({ kind: 'refused', ...(row as object) } as Failed<unknown>, facts), null)
      }
    }
    const stores = step.counts === 'stored'
    return (row) => {
      run.step = step.name
      run.note(effect, (sink as RowSink<unknown>).toRow(row, facts), null)
      if (stores) run.stored = true
    }
  }

  #window(step: WindowStep): Next {
    const { output, facts } = this.options
    const { take, emit } = compileWindow(step, this.#parts, { run: this.#run, output, facts })
    if (emit !== null) this.#emits.push(emit)
    return take
  }
}
