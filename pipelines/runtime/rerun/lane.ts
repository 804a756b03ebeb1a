/**
 * Hits of a split whose rows go to the same tables, through the plan: as the stream runner would have taken them, each the
 * first of its key, for the lake has no repeats. Plans are compiled per
 * source, partition and data sets, which their rows carry.
 */
import type { FeedHit } from '../../../core/hit.ts'
import type { TableName } from '../../../core/tables.ts'
import { Watermark } from '../../core/watermark.ts'
import type { Pipeline } from '../../plan/draft.ts'
import type { RunFacts } from '../../plan/sinks.ts'
import { type CompiledPlan, compilePlan, type FirstSeen } from '../compile-plan.ts'
import { EpochOutput } from '../epoch-output.ts'
import type { MadeBy } from './recorded-data.ts'

export interface LaneOptions {
  readonly pipeline: Pipeline
  readonly context: Readonly<Record<string, unknown>>
  readonly generation: number
  readonly tables: readonly TableName[]
}

/** Stands for the record that brought the hit, which the lake does not have. */
const noPayload = new Uint8Array()

export class Lane {
  readonly output = new EpochOutput()
  readonly #plans = new Map<string, CompiledPlan>()
  readonly #states: ReadonlyMap<string, FirstSeen>
  #last: {
    readonly source: string
    readonly partition: number
    readonly made: MadeBy
    readonly plan: CompiledPlan
  } | null = null

  constructor(private readonly options: LaneOptions) {
    const steps = options.pipeline.plan.steps.filter(({ kind }) => kind === 'dedupe')
    this.#states = new Map(steps.map(({ name }) => [name, { firstSeen: () => true }]))
  }

  process(hit: FeedHit, made: MadeBy): void {
    const { source } = hit
    const { partition } = hit.position
    let last = this.#last
    if (last?.source !== source || last.partition !== partition || last.made !== made) {
      last = { source, partition, made, plan: this.#open(source, partition, made) }
      this.#last = last
    }
    last.plan.process(hit, noPayload)
  }

  emitPanes(): void {
    for (const plan of this.#plans.values()) plan.emitPanes()
  }

  #open(source: string, partition: number, made: MadeBy): CompiledPlan {
    const key = `${partition} ${made.plan} ${source}`
    let plan = this.#plans.get(key)
    if (plan === undefined) {
      const { pipeline, context, generation, tables } = this.options
      const facts: RunFacts = { ...made, source, partition, generation }
      const given = { pipeline, context, facts, states: this.#states, output: this.output, tables }
      plan = compilePlan({ ...given, watermark: new Watermark(0, null) })
      this.#plans.set(key, plan)
    }
    return plan
  }
}
