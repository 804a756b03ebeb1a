import type { EventTime } from '../../../core/event-time.ts'
import { alignedStart, needLength, needOffset, type Window, type WindowAssigner } from './assigner.ts'

/**
 * Windows of one size that tile time: a row is in exactly one. One starts at `offsetMs` after 1970-01-01T00:00Z, so a
 * size of a day is the UTC day; local days are `calendar('day', …)`.
 * @throws InvalidPlanError for a size that is no length, an offset that is not smaller than it
 */
export function fixed<R>(sizeMs: number, offsetMs = 0): WindowAssigner<R> {
  needLength(sizeMs, 'the size of a fixed window')
  needOffset(offsetMs, sizeMs, 'the offset of a fixed window')
  // Rows come nearly in order, so most are in the window of the one before and cost no garbage.
  let [start, end] = [0, 0]
  let last: readonly Window[] = []
  return {
    name: offsetMs === 0 ? `fixed(${sizeMs})` : `fixed(${sizeMs}, offset ${offsetMs})`,
    merging: false,
    assign(time) {
      if (time >= start && time < end) return last
      start = alignedStart(time, offsetMs, sizeMs)
      end = start + sizeMs
      last = [{ start: start as EventTime, end: end as EventTime }]
      return last
    },
  }
}
