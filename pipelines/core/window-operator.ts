/**
 * Windows of a keyed stream: takes rows, says what each window holds as its rule of emission wants it, and forgets a window
 * when the watermark has passed its end by the lateness. Pure: event time, processing time and watermarks are arguments.
 * The rules, and where they differ from Beam, Flink and Kafka Streams, are in docs/reference/semantics.md.
 */
import { InvalidPlanError } from '../../core/errors.ts'
import type { EventTime } from '../../core/event-time.ts'
import type { WindowState } from '../../schemas/avro/graph-state.ts'
import { checkEmitRule } from './panes.ts'
import { isSessionAssigner } from './window/assigner.ts'
import { KeyedWindowOperator } from './window-operator-keyed.ts'
import type { WindowCounts, WindowOperatorOptions } from './window-operator-options.ts'

export interface WindowOperator<R, P> {
  /**
   * Takes a row; before it, early panes that are due by `processingTime` come.
   * @throws StateLimitError where `isFull`: the row is not taken, ask again when a window has gone
   */
  process(row: R, time: EventTime, processingTime: number): void
  /** Takes rows as one bundle: panes after so many rows are judged when all are in. @throws as `process`, for the first */
  processTogether(rows: readonly { readonly row: R; readonly time: EventTime }[], processingTime: number): void
  /** Closes windows that end by then. One that is not later than the last does nothing. Infinity: nothing will come. */
  advanceWatermark(to: number): void
  advanceProcessingTime(to: number): void
  /** The processing time of the next early pane. */
  nextTimer(): number | null
  /** null before the first. */
  readonly watermark: number | null
  /** Whether state has reached its limit, so that no row is taken. */
  readonly isFull: boolean
  readonly stateBytes: number
  /** Windows that are kept. */
  readonly windows: number
  readonly counts: WindowCounts
  snapshot(): WindowState<P>
  /**
   * What operators of the same step kept, of the keys that are this one's. The watermark is the least of theirs. Only into
   * an operator that has seen nothing. @throws RangeError where two of them kept the same key
   */
  restore(states: readonly WindowState<P>[], isOurs: (key: string) => boolean): void
}

/** @throws InvalidPlanError for a rule that would lose or double rows */
export function createWindowOperator<R, S, V, P>(options: WindowOperatorOptions<R, S, V, P>): WindowOperator<R, P> {
  const { assigner, emit, latenessMs, step } = options
  checkEmitRule(emit)
  if (latenessMs !== 'unbounded' && !(Number.isSafeInteger(latenessMs) && latenessMs >= 0)) {
    throw new InvalidPlanError(`the lateness of '${step}' is a whole number of milliseconds or 'unbounded'`)
  }
  if (latenessMs === 'unbounded' && emit.late === null) {
    throw new InvalidPlanError(`'${step}' takes rows however late and never says so: give it late panes`)
  }
  if (isSessionAssigner(assigner) && assigner.atMostMs !== Number.POSITIVE_INFINITY && emit.panes === 'discarding') {
    throw new InvalidPlanError(
      `'${step}' cuts session windows at a longest length; a row that comes before the first moves the cut, and a discarding pane cannot be taken back: use accumulating panes`,
    )
  }
  return new KeyedWindowOperator(options)
}
