/** Which rows decide the windows that a question asks for, and which local windows there are. */
import type { BucketRange } from '../../../core/ports/query-engine.ts'
import {
  bucketsBetween,
  calendarEarliestMs,
  calendarLatestMs,
  isZone,
  localDate,
  startOfLocalDate,
} from '../../../core/time/calendar.ts'
import { dayNumber, dayText } from '../../../core/time/civil.ts'
import { visitsStretchMs } from '../../../core/visits.ts'
import type { CalendarWindow, SessionWindow, TablePlan } from './table-plan.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
/** Longer than any local hour, day, week or month: zones have moved by a day at most, over the date line. */
const longestMs = { hour: 2 * hourMs, day: 2 * dayMs, week: 9 * dayMs, month: 33 * dayMs } as const

/** Local windows of one query, of all zones: literals of one join. */
export const tablePlanMaxBuckets = 20_000

/**
 * Where the rows lie of windows that start in the range: all that decide them, and maybe others. Sessions are decided by the
 * two stretches of their longest length before theirs and the one behind (core/visits.ts).
 */
export function tablePlanReadRange({ window }: Pick<TablePlan, 'window'>, range: BucketRange): BucketRange {
  switch (window.kind) {
    case 'fixed':
    case 'hopping':
      return { start: range.start, end: range.end + window.sizeMs }
    case 'calendar':
      return { start: range.start, end: range.end + longestMs[window.unit] }
    case 'session': {
      const cell = cellMs(window)
      const of = (time: number) => Math.floor(time / cell)
      return { start: (of(range.start) - 2) * cell, end: (of(range.end - 1) + 2) * cell }
    }
  }
}

/** The stretches, counted from 1970, by which a line that never pauses is cut. */
export function cellMs({ gapMs, named, atMostMs }: SessionWindow): number {
  return visitsStretchMs({ gapMs, namedGapMs: named?.gapMs ?? gapMs, atMostMs })
}

export interface ZonedBucket extends BucketRange {
  readonly zone: string
}

/**
 * The windows of all zones that start in the range. Texts that are no zone have none.
 * @throws RangeError where they are more than `tablePlanMaxBuckets`
 */
export function zonedBuckets(
  window: CalendarWindow,
  zones: readonly string[],
  range: BucketRange,
): readonly ZonedBucket[] {
  const start = Math.max(range.start, calendarEarliestMs)
  const end = Math.min(range.end, calendarLatestMs)
  const found: ZonedBucket[] = []
  for (const zone of zones.filter(isZone)) {
    for (const bucket of bucketsOf(window, zone, start, end)) {
      if (bucket.start < range.start || bucket.start >= range.end) continue
      found.push({ zone, ...bucket })
      if (found.length > tablePlanMaxBuckets) {
        throw new RangeError(
          `a plan is asked for at most ${tablePlanMaxBuckets} local windows; ask for a shorter range`,
        )
      }
    }
  }
  return found
}

function bucketsOf(
  { unit, weekStart }: CalendarWindow,
  zone: string,
  start: number,
  end: number,
): readonly BucketRange[] {
  if (start >= end) return []
  if (unit !== 'week' || weekStart === undefined) return bucketsBetween(unit, zone, start, end, tablePlanMaxBuckets + 1)
  const weeks: BucketRange[] = []
  for (let at = start; at < end && weeks.length <= tablePlanMaxBuckets; ) {
    const week = weekFrom(weekdays.indexOf(weekStart), zone, at)
    weeks.push(week)
    at = week.end
  }
  return weeks
}

const weekdays: readonly string[] = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday']

/** As windows have it (pipelines/core/window/calendar.ts): from the first local day at or behind the weekday. */
function weekFrom(weekday: number, zone: string, at: number): BucketRange {
  const [day = { start: at }] = bucketsBetween('day', zone, at, at + 1)
  const number = dayNumber(localDate(zone, day.start)) ?? 0
  const first = number - ((((number + 3 - weekday) % 7) + 7) % 7) // 1970-01-01 was a Thursday
  return { start: startOfLocalDate(zone, dayText(first)), end: startOfLocalDate(zone, dayText(first + 7)) }
}
