import { InvalidPlanError } from '../../../core/errors.ts'
import type { EventTime } from '../../../core/event-time.ts'
import { needLength, type SessionAssigner } from './assigner.ts'

export interface SessionOptions<R> {
  /** The pause that ends a session; of the row where it differs from row to row. */
  readonly gapMs: number | ((row: R) => number)
  /** No window is longer. Left out: as long as it may get. */
  readonly atMostMs?: number
}

/**
 * Windows of rows without a pause: a row's own is `[time, time + gap)`, and windows of a key that overlap become one. A row
 * exactly a gap after the last begins a new one, as bounds are half-open. A row that is `atMostMs` or more behind the first
 * of its window begins a new one too: `[first, first + atMost)` is the most a window spans.
 * @throws InvalidPlanError for lengths that are none, or a longest length below the gap
 */
export function session<R>({ gapMs, atMostMs }: SessionOptions<R>): SessionAssigner<R> {
  const fixedGap = typeof gapMs === 'number' ? gapMs : null
  if (fixedGap !== null) needLength(fixedGap, 'the gap of a session window')
  if (atMostMs !== undefined) {
    needLength(atMostMs, 'the longest length of a session window')
    if (fixedGap !== null && atMostMs < fixedGap) {
      throw new InvalidPlanError(`session windows of at most ${atMostMs} ms are cut before their gap of ${fixedGap} ms`)
    }
  }
  const gapOf = typeof gapMs === 'number' ? () => gapMs : gapMs
  const reach = (time: EventTime, row: R) => {
    const gap = gapOf(row)
    if (fixedGap === null) needGap(gap)
    return time + gap
  }
  const longest = atMostMs ?? Number.POSITIVE_INFINITY
  return {
    name: `session(${fixedGap ?? 'by row'}${atMostMs === undefined ? '' : `, at most ${atMostMs}`})`,
    merging: true,
    atMostMs: longest,
    reach,
    assign: (time, row) => [{ start: time, end: Math.min(reach(time, row), time + longest) as EventTime }],
  }
}

// Of the row, not of the plan: it fails the row.
function needGap(gapMs: number): void {
  if (!Number.isSafeInteger(gapMs) || gapMs <= 0) throw new RangeError(`a session's gap is above 0 ms, not ${gapMs}`)
}
