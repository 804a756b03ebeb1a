import { InvalidPlanError } from '../../../core/errors.ts'
import type { EventTime } from '../../../core/event-time.ts'
import { alignedStart, needLength, needOffset, type Window, type WindowAssigner } from './assigner.ts'

/** A row is added to each of its windows, and each has state: a day by minutes is the finest that is taken. */
export const windowsPerRowMax = 1_440

export interface HoppingOptions {
  readonly sizeMs: number
  /** A window starts every so often; at most the size. */
  readonly everyMs: number
  readonly offsetMs?: number
}

/**
 * Windows of one size that start every `everyMs` and overlap: a row is in every one that holds its time, rising by start.
 * @throws InvalidPlanError for windows that leave time between them (rows there would be counted nowhere), or too many
 */
export function hopping<R>({ sizeMs, everyMs, offsetMs = 0 }: HoppingOptions): WindowAssigner<R> {
  needLength(sizeMs, 'the size of a hopping window')
  needLength(everyMs, 'the hop of a hopping window')
  needOffset(offsetMs, everyMs, 'the offset of a hopping window')
  if (everyMs > sizeMs) {
    throw new InvalidPlanError(
      `windows of ${sizeMs} ms every ${everyMs} ms leave rows between them that nothing counts`,
    )
  }
  if (Math.ceil(sizeMs / everyMs) > windowsPerRowMax) {
    throw new InvalidPlanError(
      `windows of ${sizeMs} ms every ${everyMs} ms put a row into more than ${windowsPerRowMax}; choose a longer hop`,
    )
  }
  // Times from `from` to `until` are in the same windows.
  let [from, until] = [0, 0]
  let last: readonly Window[] = []
  const shape = `${sizeMs} every ${everyMs}`
  return {
    name: offsetMs === 0 ? `hopping(${shape})` : `hopping(${shape}, offset ${offsetMs})`,
    merging: false,
    assign(time) {
      if (time >= from && time < until) return last
      from = alignedStart(time, offsetMs, everyMs)
      const windows: Window[] = []
      for (let start = from; start > time - sizeMs; start -= everyMs) {
        windows.push({ start: start as EventTime, end: (start + sizeMs) as EventTime })
      }
      last = windows.reverse()
      const earliest = (last[0] as Window).end
      until = Math.min(from + everyMs, earliest)
      // Where the hop does not divide the size, a window may have ended since `from`.
      from = Math.max(from, earliest - everyMs)
      return last
    },
  }
}
