/**
 * Runs a plan that keeps windows between epochs, or has any other step that needs operators, over one partition of a feed:
 * the graph of operators with books, failed hits and rows of tables around it.
 *
 * A hit passes all steps and all mappings of rows before any of it counts; one that fails is in the failed sink and nowhere
 * else. At the limit of window state no hit is taken: the hit that waits has moved the watermark by then, as it would have
 * once it was taken, so windows that end before it go first. Where that makes no room, the partition stops reading.
 */
import { StateLimitError } from '../../core/errors.ts'
import { utcDay } from '../../core/event-time.ts'
import type { FeedHit } from '../../core/hit.ts'
import { encodeGraphState } from '../../schemas/avro/graph-state.ts'
import type { Lambda } from '../plan/draft.ts'
import { parsePlan } from '../plan/node/parse-plan.ts'
import { type CompiledPlan, type CompileOptions, noMerchant } from './compile-plan.ts'
import { savedWindows } from './fit-windows.ts'
import { GraphBooks } from './graph-plan-books.ts'
import { GraphSinks } from './graph-plan-sinks.ts'
import { timesOf } from './graph-plan-time.ts'
import { restoreWindows, windowsOf } from './kept-state.ts'
import { createPlanGraph, type GraphState, type PlanGraph } from './operators/plan-graph.ts'
import { PlanParts } from './plan-parts.ts'
import type { PlanWindows, WindowStepFacts, WindowTimes } from './plan-windows.ts'

export interface GraphPlanOptions extends CompileOptions {
  readonly job: string
  /** Of this partition's windows, at most; the plan's own limit holds as well. */
  readonly stateMaxBytes: number
  /** What `PlanWindows` gave to be saved; null: nothing yet. */
  readonly saved: { readonly state: GraphState; readonly plan: Uint8Array | null } | null
}

/** @throws InvalidPlanError where lambdas, sinks or side inputs are missing, or saved state is not of the plan's windows */
export function graphPlan(options: GraphPlanOptions): CompiledPlan {
  return new GraphPlan(options)
}

const isDue = (at: number | null | undefined, nowMs: number) => at !== null && at !== undefined && at <= nowMs

class GraphPlan implements CompiledPlan, PlanWindows {
  readonly windows = this
  readonly plan: Uint8Array
  readonly #sinks: GraphSinks
  readonly #graph: PlanGraph
  readonly #books: GraphBooks
  readonly #eventTime: Lambda
  readonly #watermarkFrom: Lambda
  readonly #delayMs: number
  readonly #keepsStored: boolean
  /** Counts of windows at the last commit, by step. */
  #committed: ReadonlyMap<string, { readonly late: number; readonly tooLate: number }> = new Map()
  #nowMs = Number.NEGATIVE_INFINITY
  /** null: to be found anew. */
  #times: WindowTimes | null = null

  constructor(private readonly options: GraphPlanOptions) {
    const { pipeline, context, tables, states, watermark, output, facts } = options
    this.plan = Buffer.from(pipeline.text)
    const parts = new PlanParts(pipeline, context, tables)
    const { read } = parts
    this.#eventTime = parts.lambda(`${read.name}.eventTime`)
    this.#watermarkFrom = parts.lambda(`${read.name}.watermarkFrom`)
    this.#delayMs = read.watermarkDelayMs
    this.#keepsStored = parts.keepsStored()
    this.#sinks = new GraphSinks({ parts, output, facts, onRefused: () => this.#books.refusing() })
    const stateMaxBytes = Math.min(options.stateMaxBytes, pipeline.plan.stateMaxBytes ?? options.stateMaxBytes)
    this.#graph = createPlanGraph({ pipeline, context, states, output: this.#sinks, stateMaxBytes })
    const storesRows = parts.steps.some((step) => step.kind === 'write' && step.counts === 'stored')
    this.#books = new GraphBooks({ output, counts: () => this.#graph.counts, storesRows })
    if (options.saved !== null) this.#restore(options.saved)
    if (watermark.current !== null) this.#graph.advanceWatermark(watermark.current)
  }

  process(hit: FeedHit, payload: Uint8Array): void {
    const { output } = this.options
    this.#times = null
    this.#books.begin(hit)
    this.#sinks.begin(hit, payload)
    if (this.#isLate(hit)) output.counts.late += 1
    this.#take(hit)
    const { storedAt } = this.#sinks
    if (storedAt === null) return
    this.#books.stored(this.#sinks.hasRefused ? 'in part' : 'whole')
    if (this.#keepsStored) output.touched.add(hit.merchant, utcDay(storedAt))
  }

  processUndecodable(payload: Uint8Array, offset: number, index: number, received: number): void {
    const { counts, books } = this.options.output
    counts.poison += 1
    counts.failed += 1
    books.count(noMerchant, received, 'failed')
    const reason = 'poison_record'
    this.#sinks.undecodable({ kind: 'undecodable', step: 'decode', reason, payload, received, offset, index })
  }

  emitPanes(): void {
    this.#graph.endEpoch()
    this.#books.settle()
  }

  get watermark(): number | null {
    return this.#graph.watermark
  }

  get stateBytes(): number {
    return this.#graph.stateBytes
  }

  get hasPanes(): boolean {
    return this.#sinks.hasPanes
  }

  get steps(): readonly WindowStepFacts[] {
    const { watermark } = this
    return this.#sinks.windows.map(({ name, stateBytes, counts }) => {
      const { late, tooLate } = this.#committed.get(name) ?? { late: 0, tooLate: 0 }
      const since = { late: counts.late - late, tooLate: counts.tooLate - tooLate }
      return { step: name, stateBytes, watermark, windows: counts.openWindows, ...since }
    })
  }

  advanceTime(nowMs: number): void {
    if (nowMs <= this.#nowMs) return
    this.#nowMs = nowMs
    if (isDue(this.#times?.early, nowMs)) this.#times = null
    this.#graph.advanceProcessingTime(nowMs)
  }

  drained(nowMs: number): void {
    if (isDue(this.#times?.close, nowMs)) this.#times = null
    this.#graph.advanceWatermark(nowMs - this.#delayMs)
  }

  times(): WindowTimes {
    this.#times ??= this.#timesAfter(this.#graph.snapshot())
    return this.#times
  }

  save(): Uint8Array {
    const state = this.#graph.snapshot()
    this.#times = this.#timesAfter(state)
    return encodeGraphState(savedWindows(state, this.options.pipeline.plan))
  }

  committed(): void {
    this.#sinks.hasPanes = false
    this.#committed = new Map(this.#sinks.windows.map(({ name, counts }) => [name, counts]))
  }

  #timesAfter(state: GraphState): WindowTimes {
    return timesOf(this.options.pipeline.plan, state, this.#delayMs)
  }

  #isLate(hit: FeedHit): boolean {
    const { watermark } = this
    if (watermark === null) return false
    try {
      return (this.#eventTime(hit, null) as number) < watermark
    } catch {
      return false // The graph meets the same, and refuses the hit.
    }
  }

  #take(hit: FeedHit): void {
    try {
      this.#graph.process(hit, hit.position, this.#nowMs)
    } catch (error) {
      if (!(error instanceof StateLimitError) || !this.#graph.isFull) throw error
      this.#makeRoom(hit)
      this.#graph.process(hit, hit.position, this.#nowMs)
    }
  }

  /** Windows close and go that end before the hit that waits. */
  #makeRoom(hit: FeedHit): void {
    let from: unknown
    try {
      from = this.#watermarkFrom(hit, null)
    } catch {
      return
    }
    if (Number.isSafeInteger(from)) this.#graph.advanceWatermark((from as number) - this.#delayMs)
  }

  #restore({ state, plan }: NonNullable<GraphPlanOptions['saved']>): void {
    const { job, pipeline } = this.options
    const from = plan === null || Buffer.compare(plan, this.plan) === 0 ? null : parsePlan(Buffer.from(plan).toString())
    const kept = windowsOf(pipeline.plan, [state], { where: `job '${job}'`, from })
    restoreWindows(this.#graph, pipeline.plan, kept, () => true)
  }
}
