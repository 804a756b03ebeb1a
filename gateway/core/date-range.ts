/**
 * Ranges of time as callers write them: two dates, both inclusive, in the zone; or two instants, half-open; or nothing,
 * which means up to now. Numbers are of the range alone; one that begins or ends inside an hour is widened to it, because
 * stored hours cannot be divided.
 */
import {
  type CalendarUnit,
  calendarBucket,
  calendarEarliestMs,
  calendarLatestMs,
  startOfLocalDate,
} from '../../core/time/calendar.ts'
import { dayNumber, dayText } from '../../core/time/civil.ts'
import type { Fault } from './problem.ts'

/** Half-open, ms since 1970. `endsNow`: the end is the clock's, so the range moves on with it. */
export interface DateRange {
  readonly fromMs: number
  readonly toMs: number
  readonly endsNow: boolean
}

/** Buckets answered when no range is given: the one that holds now, and those before it. */
export const defaultBuckets: Readonly<Record<CalendarUnit, number>> = { hour: 24, day: 30, week: 12, month: 12 }

// A `+` that was not encoded arrives as a space, and bucket names, which have one, are what callers paste here.
const instantPattern = /^(\d{4}-\d{2}-\d{2})T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+ -]\d{2}:\d{2})$/

/** Where faults of a range stand in the request. */
export interface RangePointers {
  readonly from: string
  readonly to: string
}

/** Reads `from` and `to`; adds to `faults` and returns undefined where they are not as they should be. */
export function parseDateRange(
  given: { readonly from?: string; readonly to?: string },
  by: { readonly unit: CalendarUnit; readonly zone: string; readonly nowMs: number },
  faults: Fault[],
  pointers: RangePointers = { from: '/from', to: '/to' },
): DateRange | undefined {
  const { unit, zone, nowMs } = by
  if (given.from === undefined) {
    if (given.to === undefined) return lastBuckets(unit, defaultBuckets[unit], zone, nowMs)
    faults.push(fault(pointers.from, 'to needs a from; without both the answer ends now'))
    return undefined
  }
  const from = parseBound(given.from, pointers.from, faults)
  const to = given.to === undefined ? undefined : parseBound(given.to, pointers.to, faults)
  if (from === undefined || (to === undefined && given.to !== undefined)) return undefined
  if (to !== undefined && from.kind !== to.kind) {
    faults.push(fault(pointers.to, 'from and to are two dates or two instants, not one of each'))
    return undefined
  }
  const fromMs = from.kind === 'instant' ? from.ms : startOfLocalDate(zone, from.date)
  // `nowMs + 1`: the bucket that holds now is in, also at the instant it begins.
  const toMs = to === undefined ? nowMs + 1 : to.kind === 'instant' ? to.ms : startOfLocalDate(zone, dayAfter(to.date))
  const backwards = to?.kind === 'date' && from.kind === 'date' ? to.date < from.date : toMs <= fromMs
  if (backwards) {
    faults.push(
      fault(pointers.to, to === undefined ? 'from lies in the future' : 'to lies before from, or the range is empty'),
    )
    return undefined
  }
  return { fromMs, toMs, endsNow: to === undefined }
}

/** The bucket that holds now and those before it, `count` in all. */
export function lastBuckets(unit: CalendarUnit, count: number, zone: string, nowMs: number): DateRange {
  const current = calendarBucket(unit, zone, nowMs)
  let first = current
  for (let n = 1; n < count; n++) first = calendarBucket(unit, zone, first.start - 1)
  return { fromMs: first.start, toMs: current.end, endsNow: true }
}

type Bound = { readonly kind: 'date'; readonly date: string } | { readonly kind: 'instant'; readonly ms: number }

function parseBound(text: string, pointer: string, faults: Fault[]): Bound | undefined {
  const bound = readBound(text)
  if (bound === undefined) {
    faults.push(fault(pointer, 'send a date (2026-03-29) or an instant with its zone (2026-03-29T01:00:00Z)'))
    return undefined
  }
  const ms = bound.kind === 'instant' ? bound.ms : (dayNumber(bound.date) ?? 0) * 86_400_000
  // Two days of margin, since the date is the zone's.
  if (ms < calendarEarliestMs + marginMs || ms > calendarLatestMs - marginMs) {
    faults.push(fault(pointer, 'the calendar goes from 1900 to 2199'))
    return undefined
  }
  return bound
}

/** How near to the ends of the calendar a range may come. */
export const marginMs = 2 * 86_400_000

function readBound(text: string): Bound | undefined {
  if (dayNumber(text) !== undefined) return { kind: 'date', date: text }
  const [, date] = instantPattern.exec(text) ?? []
  if (date === undefined || dayNumber(date) === undefined) return undefined
  const ms = Date.parse(text.replace(' ', '+'))
  return Number.isNaN(ms) ? undefined : { kind: 'instant', ms }
}

function dayAfter(date: string): string {
  return dayText((dayNumber(date) ?? 0) + 1)
}

function fault(pointer: string, message: string): Fault {
  return { pointer, code: 'bad_query', message }
}
