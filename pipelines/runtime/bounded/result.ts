/** What leaves a plan that runs over a finite input, as values: they cross threads, and go to a sink in batches. */
import type { EventTime } from '../../../core/event-time.ts'
import type { Position } from '../../../core/ids.ts'
import type { AnyPane } from '../../core/pane.ts'
import type { Refused } from '../../plan/sinks.ts'
import type { GraphOutput, SinkStep } from '../operators/compile-graph.ts'
import type { RowPlace } from '../operators/row-run.ts'
import type { AnyWindowPane } from '../operators/window-chain-operator.ts'

interface ResultBase {
  /** The table or output that takes it. */
  readonly sink: string
}

export type BoundedResult = ResultBase &
  (
    | { readonly kind: 'row'; readonly row: unknown; readonly time: EventTime; readonly position: Position }
    | {
        readonly kind: 'refused'
        readonly refused: Refused<unknown>
        readonly time: EventTime
        readonly position: Position
      }
    | { readonly kind: 'pane'; readonly pane: AnyWindowPane | AnyPane }
  )

/** Takes results in batches; the run goes on when the promise is kept, and fails where it is broken. */
export type TakeResults = (results: readonly BoundedResult[]) => void | Promise<void>

/** Results in a batch, at most. */
export const resultBatchRows = 1_000

/** Keeps results of steps, which cannot wait, until they are handed on in batches. */
export class ResultBuffer implements GraphOutput {
  #results: BoundedResult[] = []

  constructor(private readonly take: TakeResults) {}

  row(sink: SinkStep, row: unknown, { time, position }: RowPlace): void {
    this.#results.push({ kind: 'row', sink: nameOf(sink), row, time, position })
  }

  refused(sink: SinkStep, refused: Refused<unknown>, { time, position }: RowPlace): void {
    this.#results.push({ kind: 'refused', sink: nameOf(sink), refused, time, position })
  }

  pane(sink: SinkStep, pane: AnyWindowPane | AnyPane): void {
    this.#results.push({ kind: 'pane', sink: nameOf(sink), pane })
  }

  /** Hands on all full batches. */
  async handOnFull(): Promise<void> {
    if (this.#results.length < resultBatchRows) return
    const results = this.#results
    const full = results.length - (results.length % resultBatchRows)
    this.#results = results.slice(full)
    for (let from = 0; from < full; from += resultBatchRows)
      await this.take(results.slice(from, from + resultBatchRows))
  }

  /** Hands on what is left, too. */
  async handOnAll(): Promise<void> {
    await this.handOnFull()
    const results = this.#results
    this.#results = []
    if (results.length > 0) await this.take(results)
  }
}

const nameOf = (sink: SinkStep) => (sink.kind === 'collect' ? sink.output : sink.table)
