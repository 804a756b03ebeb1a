import type { EventTime } from '../../../core/event-time.ts'
import {
  type CalendarBucket,
  type CalendarUnit,
  calendarBucket,
  localDate,
  startOfLocalDate,
} from '../../../core/time/calendar.ts'
import { dayNumber, dayText } from '../../../core/time/civil.ts'
import type { Window, WindowAssigner } from './assigner.ts'

export const weekdays = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] as const
export type Weekday = (typeof weekdays)[number]

/**
 * Local hours, days, weeks or months of the zone each row names, cut as queries cut them (core/time/calendar.ts): exact
 * over clock changes and odd offsets. `assign` throws RangeError for a zone that does not exist or a time outside
 * 1900–2199: that fails the row, not the job.
 */
export function calendar<R>(
  unit: CalendarUnit,
  zoneOf: (row: R) => string,
  weekStart: Weekday = 'monday',
): WindowAssigner<R> {
  const bucketOf = unit === 'week' && weekStart !== 'monday' ? weeksFrom(weekStart) : bucketsOf(unit)
  let bucket: CalendarBucket | null = null
  let last: readonly Window[] = []
  return {
    name: unit === 'week' ? `calendar(week from ${weekStart})` : `calendar(${unit})`,
    merging: false,
    assign(time, row) {
      const found = bucketOf(zoneOf(row), time)
      if (found === bucket) return last
      bucket = found
      last = [{ start: found.start as EventTime, end: found.end as EventTime }]
      return last
    },
  }
}

type BucketOf = (zone: string, time: EventTime) => CalendarBucket

const bucketsOf =
  (unit: CalendarUnit): BucketOf =>
  (zone, time) =>
    calendarBucket(unit, zone, time)

/** Weeks begin with the first local day from the weekday on. */
function weeksFrom(weekStart: Weekday): BucketOf {
  let lastZone = ''
  let week: CalendarBucket = { start: 0, end: 0 }
  return (zone, time) => {
    if (zone === lastZone && time >= week.start && time < week.end) return week
    // By the day's start: a local clock that falls back over midnight shows the date before for a while.
    const date = localDate(zone, calendarBucket('day', zone, time).start)
    const day = dayNumber(date) as number
    const first = day - ((((day + 3 - weekdays.indexOf(weekStart)) % 7) + 7) % 7) // 1970-01-01 was a Thursday
    week = { start: startOfLocalDate(zone, dayText(first)), end: startOfLocalDate(zone, dayText(first + 7)) }
    lastZone = zone
    return week
  }
}
