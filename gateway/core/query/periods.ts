/**
 * `dateRange` and `compare` as `POST /v1/query` takes them. Words end now: with the day (of `24h` the hour) that holds now,
 * whole, since nothing is stored of the time to come. So the answer of a day keeps its cells all day.
 */
import {
  calendarBucket,
  calendarEarliestMs,
  calendarLatestMs,
  isoWithOffset,
  localDate,
  startOfLocalDate,
} from '../../../core/time/calendar.ts'
import { dayNumber, dayText } from '../../../core/time/civil.ts'
import { type DateRange, lastBuckets, marginMs, parseDateRange } from '../date-range.ts'
import { bad, type QueryFault } from './faults.ts'

export const periodWords = ['24h', '7d', '28d', '30d', '90d', 'day', 'month', 'year', 'all'] as const

interface By {
  readonly zone: string
  readonly nowMs: number
}

/** `all` has to be looked up: it begins with the first month that has anything. */
export function parsePeriod(value: unknown, by: By, faults: QueryFault[]): DateRange | 'all' | undefined {
  if (typeof value === 'string') {
    const word = periodWords.find((each) => each === value)
    if (word === 'all') return word
    if (word !== undefined) return rangeOfWord(word, by)
  }
  const range = parseTwo(value, by, '/dateRange', faults)
  if (range === null) {
    faults.push(
      bad('/dateRange', `dateRange is one of ${periodWords.join(', ')}, or [from, to]: two dates or two instants`),
    )
  }
  return range ?? undefined
}

function rangeOfWord(word: Exclude<(typeof periodWords)[number], 'all'>, { zone, nowMs }: By): DateRange {
  const today = calendarBucket('day', zone, nowMs)
  const since = (fromMs: number): DateRange => ({ fromMs, toMs: today.end, endsNow: true })
  switch (word) {
    case '24h':
      return lastBuckets('hour', 24, zone, nowMs)
    case 'day':
      return since(today.start)
    case 'month':
      return since(calendarBucket('month', zone, nowMs).start)
    case 'year':
      return since(startOfLocalDate(zone, `${localDate(zone, nowMs).slice(0, 4)}-01-01`))
    default:
      return lastBuckets('day', Number.parseInt(word, 10), zone, nowMs)
  }
}

export type Comparison = 'previous_period' | 'previous_year' | DateRange

export function parseComparison(value: unknown, by: By, faults: QueryFault[]): Comparison | undefined {
  if (value === 'previous_period' || value === 'previous_year') return value
  const range = parseTwo(value, by, '/compare', faults)
  if (range === null) {
    faults.push(bad('/compare', 'compare is previous_period, previous_year or [from, to]'))
  }
  return range ?? undefined
}

/** Null where it is no pair of texts; undefined where the pair has faults. */
function parseTwo(value: unknown, by: By, pointer: string, faults: QueryFault[]): DateRange | undefined | null {
  if (!Array.isArray(value) || value.length !== 2) return null
  const [from, to] = value
  if (typeof from !== 'string' || typeof to !== 'string') return null
  const pointers = { from: `${pointer}/0`, to: `${pointer}/1` }
  return parseDateRange({ from, to }, { unit: 'day', ...by }, faults, pointers)
}

/**
 * The time compared with. `previous_period`: as many local days, or as long a time where the range is not of whole days,
 * right before it. `previous_year`: the same local dates and times a year earlier (28 February for the 29th).
 * Undefined where the calendar does not go back that far.
 */
export function comparedRange(range: DateRange, comparison: Comparison, zone: string): DateRange | undefined {
  if (typeof comparison !== 'string') return comparison
  const { fromMs, toMs } = range
  if (fromMs - (toMs - fromMs) < calendarEarliestMs + yearMs) return undefined
  if (comparison === 'previous_year') {
    return { fromMs: yearEarlier(zone, fromMs), toMs: yearEarlier(zone, toMs), endsNow: false }
  }
  if (!beginsDay(zone, fromMs) || !beginsDay(zone, toMs)) {
    return { fromMs: fromMs - (toMs - fromMs), toMs: fromMs, endsNow: false }
  }
  const [first, end] = [dayOf(zone, fromMs), dayOf(zone, toMs)]
  return { fromMs: startOfLocalDate(zone, dayText(first - (end - first))), toMs: fromMs, endsNow: false }
}

const yearMs = 367 * 86_400_000

function yearEarlier(zone: string, atMs: number): number {
  const date = localDate(zone, atMs)
  const year = String(Number(date.slice(0, 4)) - 1).padStart(4, '0')
  const earlier = date.endsWith('-02-29') ? `${year}-02-28` : year + date.slice(4)
  const intoDay = atMs - startOfLocalDate(zone, date)
  return startOfLocalDate(zone, earlier) + intoDay
}

function beginsDay(zone: string, atMs: number): boolean {
  return startOfLocalDate(zone, localDate(zone, atMs)) === atMs
}

function dayOf(zone: string, atMs: number): number {
  return dayNumber(localDate(zone, atMs)) ?? 0
}

/** Whether buckets of the range can be cut: the calendar has ends. */
export function isInCalendar({ fromMs, toMs }: Pick<DateRange, 'fromMs' | 'toMs'>): boolean {
  return fromMs >= calendarEarliestMs + marginMs && toMs <= calendarLatestMs - marginMs && fromMs <= toMs
}

export function rangeText(
  zone: string,
  { fromMs, toMs }: Pick<DateRange, 'fromMs' | 'toMs'>,
): readonly [string, string] {
  return [isoWithOffset(zone, fromMs), isoWithOffset(zone, toMs)]
}
