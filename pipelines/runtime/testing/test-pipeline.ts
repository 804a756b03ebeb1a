/**
 * Runs a pipeline by a script, with a clock and watermarks moved by hand: the same operators that run it as a stream, over as
 * many partitions as one likes. What leaves it is kept by the name of its output (or table), in order, panes with timing and
 * number. State is saved and restored through the bytes of checkpoints.
 */

import { InvalidPlanError } from '../../../core/errors.ts'
import type { MerchantId, Offset } from '../../../core/ids.ts'
import { partitionOf } from '../../../core/partition-of.ts'
import { decodeGraphState, encodeGraphState } from '../../../schemas/avro/graph-state.ts'
import type { Pipeline } from '../../plan/draft.ts'
import type { DedupeStep } from '../../plan/node/step.ts'
import type { Refused } from '../../plan/sinks.ts'
import { savedWindows } from '../fit-windows.ts'
import { heirsOf, restoreWindows, windowsOf } from '../kept-state.ts'
import { readOf, type SinkStep } from '../operators/compile-graph.ts'
import { MemoryFirstSeen, type SavedFirstSeen } from '../operators/memory-first-seen.ts'
import { createPlanGraph, type GraphCounts, type GraphState, type PlanGraph } from '../operators/plan-graph.ts'
import type { AnyWindowPane } from '../operators/window-chain-operator.ts'
import type { ScriptEvent } from './script.ts'

export interface TestPipelineOptions {
  /** Default: 1. */
  readonly partitions?: number
  /** Side inputs, by name. */
  readonly context?: Readonly<Record<string, unknown>>
  /** Whether watermarks follow the rows, as in a stream, or are moved by the script only (the default). */
  readonly watermarks?: 'of rows' | 'given'
  readonly stateMaxBytes?: number
}

export interface PipelineTest {
  /** What happens next. Gives the test, for more. */
  play(...script: readonly ScriptEvent[]): PipelineTest
  /** Rows of an output or table so far, in order. @throws InvalidPlanError naming the outputs there are */
  rows<R = unknown>(output: string): readonly R[]
  /** Panes of an output or table so far, in order; their type is what the output declares. */
  panes<A = AnyWindowPane>(output: string): readonly A[]
  refused<R = unknown>(output: string): readonly Refused<R>[]
  /** Of all partitions together, since the last crash or rescale. */
  readonly counts: readonly GraphCounts[]
  /** By partition. */
  readonly watermarks: readonly (number | null)[]
  readonly stateBytes: number
}

/** @throws InvalidPlanError where the plan reads a table, or side inputs are missing */
export function testPipeline(pipeline: Pipeline, options: TestPipelineOptions = {}): PipelineTest {
  return new ScriptedPipeline(pipeline, options)
}

interface Partition {
  readonly graph: PlanGraph
  readonly seen: ReadonlyMap<string, MemoryFirstSeen>
}

interface Saved {
  readonly graph: Buffer
  readonly seen: ReadonlyMap<string, readonly SavedFirstSeen[]>
}

interface Given {
  readonly output: string
  readonly value: unknown
}

class ScriptedPipeline implements PipelineTest {
  #partitions: readonly Partition[]
  #saved: readonly Saved[] = []
  /** The version that saved it. */
  #savedBy: Pipeline
  /** What happened since the last epoch. */
  #since: ScriptEvent[] = []
  #committed: readonly Given[] = []
  #given: Given[] = []
  #now = 0
  /** Numbers rows as they come, whatever their partition: rows of equal time are in this order. */
  #offset = 0
  #savedOffset = 0
  /** Of all versions. */
  readonly #outputs: Set<string>
  #pipeline: Pipeline

  constructor(
    pipeline: Pipeline,
    private readonly options: TestPipelineOptions,
  ) {
    this.#pipeline = pipeline
    this.#savedBy = pipeline
    this.#outputs = new Set(outputsOf(pipeline))
    this.#partitions = this.#open(pipeline, options.partitions ?? 1)
  }

  get counts(): readonly GraphCounts[] {
    return this.#partitions.map(({ graph }) => graph.counts)
  }

  get watermarks(): readonly (number | null)[] {
    return this.#partitions.map(({ graph }) => graph.watermark)
  }

  get stateBytes(): number {
    return this.#partitions.reduce((bytes, { graph }) => bytes + graph.stateBytes, 0)
  }

  play(...script: readonly ScriptEvent[]): PipelineTest {
    for (const event of script) this.#happen(event)
    return this
  }

  rows<R>(output: string): readonly R[] {
    return this.#of(output) as readonly R[]
  }

  panes<A>(output: string): readonly A[] {
    return this.#of(output) as readonly A[]
  }

  refused<R>(output: string): readonly Refused<R>[] {
    return this.#of(output) as readonly Refused<R>[]
  }

  #of(output: string): readonly unknown[] {
    if (!this.#outputs.has(output)) {
      const names = [...this.#outputs].join(', ')
      throw new InvalidPlanError(`'${this.#pipeline.plan.name}' has no output '${output}'; there are ${names}`)
    }
    return [...this.#committed, ...this.#given].flatMap((given) => (given.output === output ? [given.value] : []))
  }

  #happen(event: ScriptEvent): void {
    switch (event.kind) {
      case 'epoch':
        this.#commit()
        break
      case 'crash':
        this.#crash()
        break
      case 'rescale':
        this.#commit()
        this.#partitions = this.#open(this.#pipeline, event.partitions)
        break
      case 'upgrade':
        this.#upgrade(event.pipeline)
        break
      case 'end':
        this.#apply({ kind: 'watermark', to: Number.POSITIVE_INFINITY })
        this.#commit()
        break
      default:
        this.#since.push(event)
        this.#apply(event)
    }
  }

  #apply(event: ScriptEvent): void {
    switch (event.kind) {
      case 'rows':
        for (const row of event.rows) this.#process(row)
        break
      case 'watermark':
        for (const { graph } of this.#partitions) graph.advanceWatermark(event.to)
        break
      case 'processingTime':
        this.#now = Math.max(this.#now, event.to)
        for (const { graph } of this.#partitions) graph.advanceProcessingTime(this.#now)
        break
      default:
        break
    }
  }

  #process(row: unknown): void {
    const key = String((row as Readonly<Record<string, unknown>>)[readOf(this.#pipeline).partitionKey])
    const number = partitionOf(key as MerchantId, this.#partitions.length)
    const position = { partition: number, offset: this.#offset as Offset, index: 0 }
    this.#offset += 1
    this.#partitions[number]?.graph.process(row, position, this.#now)
  }

  #commit(): void {
    for (const { graph } of this.#partitions) graph.endEpoch()
    this.#saved = this.#partitions.map(({ graph, seen }) => ({
      graph: encodeGraphState(savedWindows(graph.snapshot(), this.#pipeline.plan)),
      seen: new Map([...seen].map(([step, state]) => [step, state.snapshot()])),
    }))
    this.#savedBy = this.#pipeline
    this.#committed = [...this.#committed, ...this.#given]
    this.#given = []
    this.#since = []
    this.#savedOffset = this.#offset
  }

  #crash(): void {
    this.#given = []
    this.#offset = this.#savedOffset
    this.#partitions = this.#open(this.#pipeline, this.#partitions.length)
    for (const event of this.#since) this.#apply(event)
  }

  #upgrade(pipeline: Pipeline): void {
    this.#commit()
    this.#partitions = this.#open(pipeline, this.#partitions.length)
    this.#pipeline = pipeline
    for (const output of outputsOf(pipeline)) this.#outputs.add(output)
  }

  /** Partitions that go on from what was saved, however many that were. @throws InvalidPlanError */
  #open(pipeline: Pipeline, count: number): readonly Partition[] {
    const { plan } = pipeline
    const where = `'${this.#pipeline.plan.name}'`
    const saved = this.#saved.map(({ graph }) => decodeGraphState(graph) as GraphState)
    const windows = windowsOf(plan, saved, { where, from: this.#savedBy.plan })
    const dedupes = dedupesOf(pipeline)
    const savedNames = this.#saved.flatMap(({ seen }) => [...seen.keys()])
    const heirs = heirsOf(dedupes, [...new Set(savedNames)], where)
    return Array.from({ length: count }, (_, number) => {
      const isOurs = (key: string) => partitionOf(key as MerchantId, count) === number
      const partition = this.#create(pipeline)
      restoreWindows(partition.graph, plan, windows, isOurs)
      for (const [step, state] of partition.seen) {
        const name = heirs.get(step) ?? step
        for (const { seen } of this.#saved) state.restore(seen.get(name) ?? [], isOurs)
      }
      return partition
    })
  }

  #create(pipeline: Pipeline): Partition {
    const { context = {}, watermarks = 'given', stateMaxBytes } = this.options
    const seen = new Map(dedupesOf(pipeline).map((step) => [step.name, new MemoryFirstSeen(step.withinMs)]))
    const give = (sink: SinkStep, value: unknown) => this.#given.push({ output: nameOf(sink), value })
    const graph = createPlanGraph({
      ...{ pipeline, context, states: seen, watermarks },
      ...(stateMaxBytes !== undefined && { stateMaxBytes }),
      output: { row: give, refused: give, pane: give },
    })
    return { graph, seen }
  }
}

function dedupesOf({ plan }: Pipeline): readonly DedupeStep[] {
  return plan.steps.filter((step): step is DedupeStep => step.kind === 'dedupe')
}

function outputsOf({ plan }: Pipeline): readonly string[] {
  return plan.steps.flatMap((step) => (isSink(step) ? [nameOf(step)] : []))
}

function isSink(step: { readonly kind: string }): step is SinkStep {
  return step.kind === 'write' || step.kind === 'collect'
}

const nameOf = (sink: SinkStep) => (sink.kind === 'collect' ? sink.output : sink.table)
