/**
 * A hit's event time: the client's own word, made as true as the collector can make it. Where a batch says when it was
 * sent, the client's clock is known to be wrong by (received − sentAt), and every time in it by the same.
 */
import { type EventTime, minuteMs, type ReceivedTime } from '../event-time.ts'

/** A clock that shows less than this was never set: its `sentAt` says nothing. 2000-01-01T00:00Z. */
export const saneSentAtMs = 946_684_800_000
/** A hit that claims to be this much later than its batch was sent shows that `sentAt` is of another clock. */
export const sentAtToleranceMs = minuteMs

/** Whether `sentAt` can correct `timeMs`; NaN can correct nothing. */
export function correctsSkew(sentAtMs: number, timeMs: number): boolean {
  return sentAtMs > saneSentAtMs && timeMs <= sentAtMs + sentAtToleranceMs
}

/** The event time of a hit that gives one: skew removed where `sentAtMs` can, never later than `received`. */
export function decideTime(timeMs: number, sentAtMs: number, received: ReceivedTime): EventTime {
  const corrected = correctsSkew(sentAtMs, timeMs) ? timeMs + (received - sentAtMs) : timeMs
  return Math.min(corrected, received) as EventTime
}
