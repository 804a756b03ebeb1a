/**
 * Where what leaves a graph becomes rows of tables. Mappings of rows run while their hit may still fail; those of panes when
 * panes come, and what they throw is the job's.
 */
import { type EventTime, utcDay } from '../../core/event-time.ts'
import type { FeedHit } from '../../core/hit.ts'
import type { MerchantId } from '../../core/ids.ts'
import type { LakeRow } from '../../core/tables.ts'
import type { AnyPane } from '../core/pane.ts'
import type { Failed, FailedSink, PaneSink, Refused, RowSink, RunFacts, UpsertSink } from '../plan/sinks.ts'
import type { EpochOutput, SinkRows } from './epoch-output.ts'
import { failedRow } from './hit-outcome.ts'
import type { GraphOutput, SinkStep } from './operators/compile-graph.ts'
import type { RowPlace } from './operators/row-run.ts'
import type { AnyWindowPane, WindowChainOperator } from './operators/window-chain-operator.ts'
import type { PlanParts } from './plan-parts.ts'

/** A refused row as the failed sink has it, made before anything of its hit counts. */
class FailedRow {
  constructor(readonly row: LakeRow) {}
}

export interface GraphSinksParts {
  readonly parts: PlanParts
  readonly output: EpochOutput
  readonly facts: RunFacts
  /** The first row of a hit that is refused. */
  readonly onRefused: () => void
}

export class GraphSinks implements GraphOutput {
  /** Windows of the graph. */
  windows: readonly WindowChainOperator[] = []
  /** Set when a pane comes that some table of the job takes. */
  hasPanes = false
  /** Event time of the hit that runs, once it is in the table of what is stored. */
  storedAt: EventTime | null = null
  /** Whether a row of the hit that runs was refused. */
  hasRefused = false
  #hit: FeedHit | null = null
  #payload: Uint8Array = new Uint8Array()
  readonly #partitionKey: string
  readonly #failedSink: FailedSink<unknown>
  /** By write step; null: another job writes the table. */
  readonly #rows = new Map<string, SinkRows | null>()

  constructor(private readonly options: GraphSinksParts) {
    const { parts, output } = options
    this.#failedSink = parts.failedSink()
    this.#partitionKey = parts.read.partitionKey
    for (const step of parts.steps) {
      if (step.kind !== 'write') continue
      const { table } = parts.sink(step.name)
      this.#rows.set(step.name, parts.keeps(table.name) ? output.sink(table) : null)
    }
  }

  begin(hit: FeedHit, payload: Uint8Array): void {
    this.#hit = hit
    this.#payload = payload
    this.storedAt = null
    this.hasRefused = false
  }

  undecodable(failure: Failed<unknown>): void {
    this.#fail(failure, null)
  }

  keeps(windows: readonly WindowChainOperator[]): void {
    this.windows = windows
  }

  prepare({ name }: SinkStep, row: unknown): unknown {
    const { parts, facts } = this.options
    const sink = parts.sink(name)
    if (sink.kind !== 'failed') return (sink as RowSink<unknown>).toRow(row, facts)
    return new FailedRow(sink.toRow({ kind: 'refused', ...(row as Refused<unknown>) }, facts))
  }

  row(sink: SinkStep, row: unknown, { time }: RowPlace): void {
    this.#rows.get(sink.name)?.push(row as LakeRow)
    if (sink.kind === 'write' && sink.counts === 'stored') this.storedAt = time
  }

  refused({ name }: SinkStep, refused: Refused<unknown> | FailedRow): void {
    if (!this.hasRefused) this.options.onRefused()
    this.hasRefused = true
    if (refused instanceof FailedRow) this.#rows.get(name)?.push(refused.row)
    else this.#fail({ kind: 'refused', ...refused }, this.#hit)
  }

  pane({ name }: SinkStep, pane: AnyWindowPane | AnyPane): void {
    const rows = this.#rows.get(name) ?? null
    if (rows === null) return
    const { parts, facts, output } = this.options
    rows.push((parts.sink(name) as PaneSink<unknown> | UpsertSink<unknown>).toRow(pane, facts))
    output.touched.add(this.#merchantOf(pane), utcDay(pane.start as EventTime))
    this.hasPanes = true
  }

  #fail(failure: Failed<unknown>, hit: FeedHit | null): void {
    const { parts, output, facts } = this.options
    const sink = this.#failedSink
    if (!parts.keeps(sink.table.name)) return
    const row = hit === null ? sink.toRow(failure, facts) : failedRow(sink, failure, this.#payload, hit, facts)
    output.sink(sink.table).push(row)
  }

  #merchantOf({ key }: AnyWindowPane | AnyPane): MerchantId {
    if (typeof key === 'string') return key as MerchantId
    const columns = key as Readonly<Record<string, unknown>>
    // Keys of `groupBySets` have the partition key's value as `key`.
    return String(Object.hasOwn(columns, this.#partitionKey) ? columns[this.#partitionKey] : columns.key) as MerchantId
  }
}
