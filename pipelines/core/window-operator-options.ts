/** What a window operator is made of, and what it gives. */
import type { EventTime } from '../../core/event-time.ts'
import type { EmitRule, TakePane } from './panes.ts'
import type { WindowAssigner } from './window/assigner.ts'

/**
 * `S` the state, `V` the result, `P` the state as plain data. Laws as of core/aggregates/aggregate.ts. Nothing here throws:
 * a row that an aggregate cannot take is refused before it comes to the operator.
 */
export interface WindowAggregate<R, S, V, P> {
  create(): S
  /** Owns `state`. */
  add(state: S, row: R): S
  /** Owns `a`, leaves `b` as it is. */
  merge(a: S, b: S): S
  result(state: S): V
  /** Bytes of memory, as the limit of state counts them. Asked once a row, so cheap. */
  size(state: S): number
  pack(state: S): P
  unpack(packed: P): S
}

export interface WindowOutput<R, V> {
  readonly pane: TakePane<string, V>
  /** All of the row's windows are too late; it is counted nowhere else. */
  tooLate(row: R, time: EventTime): void
}

export interface WindowOperatorOptions<R, S, V, P> {
  /** The step's name, for errors. */
  readonly step: string
  readonly assigner: WindowAssigner<R>
  /** How long behind its end a window still takes rows. */
  readonly latenessMs: number | 'unbounded'
  readonly emit: EmitRule
  keyOf(row: R): string
  readonly aggregate: WindowAggregate<R, S, V, P>
  readonly limits: WindowLimits
  readonly output: WindowOutput<R, V>
}

export interface WindowLimits {
  /** From here the operator takes no row before a window has gone. Nothing is evicted. */
  readonly stateMaxBytes: number
}

/** Since the operator was made; a restored one counts from 0. */
export interface WindowCounts {
  readonly rows: number
  /** Behind the watermark, counted in a window. */
  readonly late: number
  readonly tooLate: number
  /** Windows that were too late for a row which another window counted. */
  readonly missedWindows: number
}
