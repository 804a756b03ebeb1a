/**
 * A plan as operators over one partition: rows in, rows and panes out, nothing else. Every runner that needs all of the
 * language runs this one: tests, runs over a snapshot, streams of plans that keep windows. The stream runner's own compiler
 * (`../compile-plan.ts`) runs the part of the language that keeps no windows between epochs, faster.
 *
 * Pure and synchronous: event time, processing time and watermarks are arguments. A row passes all steps before any of it
 * counts; where a lambda or a value fails, the row goes to the refused output whole and has changed nothing but `dedupe`.
 */
import { StateLimitError } from '../../../core/errors.ts'
import type { EventTime } from '../../../core/event-time.ts'
import type { Position } from '../../../core/ids.ts'
import { Watermark } from '../../core/watermark.ts'
import { later } from '../../core/watermarks.ts'
import { expectStream } from '../../plan/check-bounded.ts'
import type { Pipeline } from '../../plan/draft.ts'
import type { PlanStep } from '../../plan/node/step.ts'
import type { FirstSeen } from '../compile-plan.ts'
import {
  type CompiledGraph,
  compileGraph,
  type GraphOutput,
  readOf,
  type SinkStep,
  takesRefused,
} from './compile-graph.ts'
import type { Next } from './row-code.ts'
import type { RowRun } from './row-run.ts'
import type { ChainState } from './window-chain-operator.ts'

export interface GraphOptions {
  readonly pipeline: Pipeline
  /** Side inputs by name. */
  readonly context: Readonly<Record<string, unknown>>
  /** By dedupe step. */
  readonly states: ReadonlyMap<string, FirstSeen>
  readonly output: GraphOutput
  /** `of rows`: the watermark follows the rows, as the plan says. `given`: by `advanceWatermark` only. */
  readonly watermarks?: 'of rows' | 'given'
  /** Overrides the plan's own limit of window state. */
  readonly stateMaxBytes?: number
}

/** Every row that was read is in exactly one of `kept`, `duplicates`, `refused` and `dropped`. */
export interface GraphCounts {
  /** Rows of which something reached a sink or a window. */
  readonly kept: number
  readonly duplicates: number
  readonly refused: number
  /** By the step that stopped it last. */
  readonly dropped: Readonly<Record<string, number>>
  /** By window: behind the watermark, counted. */
  readonly late: Readonly<Record<string, number>>
  /** By window: behind all windows' lateness; gone where no step reads them. */
  readonly tooLate: Readonly<Record<string, number>>
}

export interface GraphState {
  readonly watermark: number | null
  /** By window step. */
  readonly windows: Readonly<Record<string, ChainState>>
}

export interface PlanGraph {
  /**
   * One row through all steps. `position` orders rows of equal time.
   * @throws StateLimitError where `isFull`: the row is not taken; what the state of `dedupe` throws
   */
  process(row: unknown, position: Position, processingTime: number): void
  /** Closes windows that end by then; Infinity: nothing will come. Never goes back. */
  advanceWatermark(to: number): void
  advanceProcessingTime(to: number): void
  /** Gives the partial panes of what came since the last call: windows that emit every epoch. */
  endEpoch(): void
  readonly watermark: number | null
  readonly stateBytes: number
  readonly isFull: boolean
  readonly counts: GraphCounts
  /** To be called after `endEpoch`. `dedupe` is saved by who gave its states. */
  snapshot(): GraphState
  /**
   * What graphs of this plan, or of one before it, kept, of the partition keys that are this one's. Steps are found by name,
   * then by former names. Only into a graph that has seen nothing.
   */
  restore(states: readonly GraphState[], isOurs: (partitionKey: string) => boolean): void
}

/** @throws InvalidPlanError where code or side inputs of the plan are missing, or it reads a table */
export function createPlanGraph(options: GraphOptions): PlanGraph {
  expectStream(options.pipeline.plan)
  return new OperatorGraph(options)
}

/** Of what becomes of a row's parts, the highest is what became of it. */
const rank = { none: 0, duplicate: 1, refused: 2, kept: 3 } as const

/** Stands for a watermark of Infinity in what is kept, as in the state of windows. */
const endOfTime = Number.MAX_SAFE_INTEGER

class OperatorGraph implements PlanGraph {
  readonly #steps: readonly PlanStep[]
  readonly #compiled: CompiledGraph
  readonly #run: RowRun
  readonly #first: Next
  readonly #keepsWindows: boolean
  readonly #readName: string
  /** null: it is moved from outside. */
  readonly #ofRows: Watermark | null
  readonly #refusedSink: SinkStep | undefined
  readonly #stateMaxBytes: number
  readonly #counts = { kept: 0, duplicates: 0, refused: 0 }
  readonly #dropped: Record<string, number> = {}
  #given: number | null = null
  #processingTime = Number.NEGATIVE_INFINITY

  constructor(private readonly options: GraphOptions) {
    const { pipeline, watermarks = 'of rows' } = options
    const { plan } = pipeline
    const read = readOf(pipeline)
    this.#steps = plan.steps
    this.#readName = read.name
    this.#ofRows = watermarks === 'of rows' ? new Watermark(read.watermarkDelayMs, null) : null
    this.#stateMaxBytes = options.stateMaxBytes ?? plan.stateMaxBytes ?? Number.MAX_SAFE_INTEGER
    this.#refusedSink = plan.steps.find(takesRefused)
    this.#compiled = compileGraph({
      ...options,
      processingTime: () => this.#processingTime,
    })
    this.#run = this.#compiled.run
    this.#first = this.#compiled.first
    this.#keepsWindows = this.#compiled.windows.length > 0
  }

  get watermark(): number | null {
    return later(this.#ofRows?.current ?? null, this.#given)
  }

  get stateBytes(): number {
    let bytes = 0
    for (const window of this.#compiled.windows) bytes += window.stateBytes
    return bytes
  }

  get isFull(): boolean {
    return this.#compiled.windows.length > 0 && this.stateBytes >= this.#stateMaxBytes
  }

  get counts(): GraphCounts {
    const by = (of: 'late' | 'tooLate') =>
      Object.fromEntries(this.#compiled.windows.map((window) => [window.name, window.counts[of]]))
    return { ...this.#counts, dropped: { ...this.#dropped }, late: by('late'), tooLate: by('tooLate') }
  }

  process(row: unknown, position: Position, processingTime: number): void {
    if (this.#keepsWindows) this.#beforeWindows(processingTime)
    const run = this.#run
    run.start(this.#readName, position)
    const passed = this.#pass(row, this.#first)
    if (run.hasLate) this.#passLate()
    else this.#count(run.end, run.droppedBy)
    if (!passed || this.#ofRows === null) return
    this.#ofRows.see(run.receivedMs)
    if (this.#keepsWindows) this.#advanceWindows()
  }

  advanceWatermark(to: number): void {
    if (Number.isNaN(to)) throw new RangeError('a watermark is a time')
    this.#given = later(this.#given, to)
    this.#advanceWindows()
  }

  advanceProcessingTime(to: number): void {
    if (to <= this.#processingTime) return
    this.#processingTime = to
    for (const window of this.#compiled.windows) window.advanceProcessingTime(to)
  }

  endEpoch(): void {
    for (const emit of this.#compiled.epochs) emit()
  }

  snapshot(): GraphState {
    const windows = Object.fromEntries(this.#compiled.windows.map((window) => [window.name, window.snapshot()]))
    const { watermark } = this
    // Not every encoding has an Infinity.
    return { watermark: watermark === null ? null : Math.min(watermark, endOfTime), windows }
  }

  restore(states: readonly GraphState[], isOurs: (partitionKey: string) => boolean): void {
    for (const window of this.#compiled.windows) {
      const names = [window.name, ...(this.#steps.find(({ name }) => name === window.name)?.was ?? [])]
      const kept = states.flatMap((state): readonly ChainState[] => {
        const found = names.find((name) => Object.hasOwn(state.windows, name))
        return found === undefined ? [] : [state.windows[found] as ChainState]
      })
      window.restore(kept, isOurs)
    }
    const reached = states.map(({ watermark }) => watermark)
    if (reached.length === 0 || reached.includes(null)) return
    const least = Math.min(...(reached as number[]))
    this.#given = least === endOfTime ? Number.POSITIVE_INFINITY : least
  }

  /** @throws StateLimitError */
  #beforeWindows(processingTime: number): void {
    if (this.isFull) {
      throw new StateLimitError(this.options.pipeline.plan.name, this.stateBytes, this.#stateMaxBytes)
    }
    this.advanceProcessingTime(processingTime)
  }

  /** A row's parts that were too late go on, each by itself; what became of it is the highest of all. */
  #passLate(): void {
    const run = this.#run
    let { end, droppedBy } = run
    for (let late = run.nextLate(); late !== undefined; late = run.nextLate()) {
      run.startLate(late)
      this.#pass(late.row, late.next)
      if (rank[run.end] < rank[end]) continue
      end = run.end
      droppedBy = run.droppedBy
    }
    this.#count(end, droppedBy)
  }

  #advanceWindows(): void {
    const { watermark } = this
    if (watermark === null) return
    for (const window of this.#compiled.windows) window.advanceWatermark(watermark)
  }

  /** False where a step failed. */
  #pass(row: unknown, next: (row: unknown) => void): boolean {
    const run = this.#run
    try {
      next(row)
    } catch (error) {
      if (run.inState) throw error
      run.end = 'refused'
      this.#refuse(run.step, row, run)
      return false
    }
    run.takeEffect()
    return true
  }

  #count(end: RowRun['end'], droppedBy: string | null): void {
    if (end === 'none') this.#drop(droppedBy ?? 'unwritten')
    else if (end === 'kept') this.#counts.kept += 1
    else if (end === 'refused') this.#counts.refused += 1
    else this.#counts.duplicates += 1
  }

  #drop(rule: string): void {
    this.#dropped[rule] = (this.#dropped[rule] ?? 0) + 1
  }

  #refuse(step: string, row: unknown, place: { readonly time: EventTime; readonly position: Position }): void {
    if (this.#refusedSink === undefined) return
    this.options.output.refused(this.#refusedSink, { step, reason: 'step_error', row }, place)
  }
}
