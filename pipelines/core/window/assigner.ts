/** Windows: half-open stretches of event time, `[start, end)`, and what says which of them a row belongs to. */
import { InvalidPlanError } from '../../../core/errors.ts'
import type { EventTime } from '../../../core/event-time.ts'

/** Start in, end out. Two windows are the same where both bounds are. */
export interface Window {
  readonly start: EventTime
  readonly end: EventTime
}

export interface WindowAssigner<R> {
  /** As `explain` shows it: `fixed(2m)` in milliseconds. */
  readonly name: string
  /** Whether windows of one key that overlap become one. */
  readonly merging: boolean
  /** The windows that hold the row, rising; never none. The array may be shared with other rows: it is only read. */
  assign(time: EventTime, row: R): readonly Window[]
}

/** Session windows: a row's own window is `[time, reach)`. */
export interface SessionAssigner<R> extends WindowAssigner<R> {
  readonly merging: true
  /** No window is longer; Infinity for none. */
  readonly atMostMs: number
  /** Where the row's own window ends. Above `time`. */
  reach(time: EventTime, row: R): number
}

export function isSessionAssigner<R>(assigner: WindowAssigner<R>): assigner is SessionAssigner<R> {
  return assigner.merging
}

/** @throws InvalidPlanError where `ms` is not a whole number of milliseconds above 0 */
export function needLength(ms: number, what: string): void {
  if (Number.isSafeInteger(ms) && ms > 0) return
  throw new InvalidPlanError(`${what} must be a whole number of milliseconds above 0, not ${ms}`)
}

/** @throws InvalidPlanError where the offset is not a whole number of milliseconds smaller than `lengthMs`, either sign */
export function needOffset(offsetMs: number, lengthMs: number, what: string): void {
  if (Number.isSafeInteger(offsetMs) && Math.abs(offsetMs) < lengthMs) return
  throw new InvalidPlanError(`${what} must be a whole number of milliseconds smaller than ${lengthMs}, not ${offsetMs}`)
}

/**
 * The start of the stretch of `lengthMs` that holds the time, where one starts at `offsetMs`. Right before 1970 too, where
 * the remainder is negative.
 */
export function alignedStart(time: number, offsetMs: number, lengthMs: number): number {
  const rest = (time - offsetMs) % lengthMs
  return rest < 0 ? time - rest - lengthMs : time - rest
}
