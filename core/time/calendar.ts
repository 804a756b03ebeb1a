/**
 * Buckets of local time: the hours, days, Monday weeks and months of a zone, as half-open ranges of instants that tile time
 * without gap or overlap. Used by windows (one call a hit) and by the query planner, so both cut alike.
 *
 * - An **hour** is cut where the local clock reads a full hour, and where a clock change makes the hour number jump. So New
 *   York's autumn night has two hours 01:00 (−04 and −05), Lord Howe's, where 02:00 becomes 01:30, one of 90 minutes.
 * - A **day** begins at the first instant of its local date: at 01:00 where midnight is skipped, and for good: where the
 *   clock falls back over midnight, the minutes read twice belong to the day that has begun. A date that a zone skipped
 *   (Apia, 2011-12-30) has no bucket.
 * - A **week** begins with the first day from Monday on, a **month** with the first day from the 1st on.
 * So hours nest in days, days in weeks and in months.
 */
import { dayMs, hourMs } from '../event-time.ts'
import { dayNumber, dayText, monthStartDay, nextMonthStartDay } from './civil.ts'
import { type ZoneTable, zoneTable } from './zone-table.ts'

export { calendarEarliestMs, calendarLatestMs, canonicalZone, isZone } from './zone-table.ts'

export type CalendarUnit = 'hour' | 'day' | 'week' | 'month'
export const calendarUnits: readonly CalendarUnit[] = ['hour', 'day', 'week', 'month']

/** Half-open, ms since 1970. */
export interface CalendarBucket {
  readonly start: number
  readonly end: number
}

/** No hour of any zone is longer: Lord Howe's autumn night has one of 90 minutes. */
export const longestHourMs = 2 * hourMs

// No zone is further from UTC than 15:14 (Metlakatla before 1867).
const farthestOffsetMs = 16 * hourMs

/** The bucket of each unit that was asked for last: hits come nearly in order, so most calls end here, without garbage. */
const lastBuckets: Readonly<Record<CalendarUnit, WeakMap<ZoneTable, CalendarBucket>>> = {
  hour: new WeakMap(),
  day: new WeakMap(),
  week: new WeakMap(),
  month: new WeakMap(),
}

/** The bucket that holds the instant. @throws RangeError for an unknown zone or an instant outside 1900–2199 */
export function calendarBucket(unit: CalendarUnit, zone: string, atMs: number): CalendarBucket {
  const table = zoneTable(zone)
  const last = lastBuckets[unit].get(table)
  if (last !== undefined && atMs >= last.start && atMs < last.end) return last
  const bucket = cut(unit, table, atMs)
  lastBuckets[unit].set(table, bucket)
  return bucket
}

/**
 * The buckets that share an instant with [fromMs, toMs), rising; at most `limit` of them (a caller that refuses more than
 * n asks for n + 1). @throws RangeError as `calendarBucket`
 */
export function bucketsBetween(
  unit: CalendarUnit,
  zone: string,
  fromMs: number,
  toMs: number,
  limit = Number.POSITIVE_INFINITY,
): readonly CalendarBucket[] {
  const table = zoneTable(zone)
  const buckets: CalendarBucket[] = []
  for (let at = fromMs; at < toMs && buckets.length < limit; ) {
    const bucket = cut(unit, table, at)
    buckets.push(bucket)
    at = bucket.end
  }
  return buckets
}

/** Whether a bucket of the unit begins exactly at the instant. */
export function isBucketStart(unit: CalendarUnit, zone: string, atMs: number): boolean {
  return cut(unit, zoneTable(zone), atMs).start === atMs
}

/** The date that local clocks show, `2026-03-29`. */
export function localDate(zone: string, atMs: number): string {
  return dayText(Math.floor((atMs + zoneTable(zone).offsetAt(atMs)) / dayMs))
}

/**
 * The first instant of a local date; of a date that the zone skipped, the first instant after it.
 * @throws RangeError where the text is no date (`2026-02-30`) or outside 1900–2199
 */
export function startOfLocalDate(zone: string, date: string): number {
  const day = dayNumber(date)
  if (day === undefined) throw new RangeError(`not a date: ${date.slice(0, 32)}`)
  return startOfDay(zoneTable(zone), day)
}

/** The offset of local clocks at the instant: `+02:00`, rounded to the minute. */
export function offsetText(zone: string, atMs: number): string {
  return offsetMinutesText(Math.round(zoneTable(zone).offsetAt(atMs) / 60_000))
}

/**
 * The instant in local time with its offset: `2026-03-29T03:00:00+02:00`, with `.123` where it has milliseconds. The text
 * always names exactly the instant: where an offset has seconds (Monrovia until 1972) the local time shown is that of the
 * offset shown, which RFC 3339 can only write to the minute.
 */
export function isoWithOffset(zone: string, atMs: number): string {
  const minutes = Math.round(zoneTable(zone).offsetAt(atMs) / 60_000)
  const local = new Date(atMs + minutes * 60_000).toISOString()
  return (atMs % 1000 === 0 ? local.slice(0, 19) : local.slice(0, 23)) + offsetMinutesText(minutes)
}

function offsetMinutesText(minutes: number): string {
  const size = Math.abs(minutes)
  const text = `${String(Math.floor(size / 60)).padStart(2, '0')}:${String(size % 60).padStart(2, '0')}`
  return (minutes < 0 ? '-' : '+') + text
}

function cut(unit: CalendarUnit, table: ZoneTable, atMs: number): CalendarBucket {
  if (unit === 'hour') return { start: hourStart(table, atMs), end: hourEnd(table, atMs) }
  const day = dayOf(table, atMs)
  if (unit === 'day') return { start: startOfDay(table, day), end: startOfDay(table, day + 1) }
  if (unit === 'month') {
    return { start: startOfDay(table, monthStartDay(day)), end: startOfDay(table, nextMonthStartDay(day)) }
  }
  const monday = day - mod(day + 3, 7) // 1970-01-01 was a Thursday
  return { start: startOfDay(table, monday), end: startOfDay(table, monday + 7) }
}

function hourStart(table: ZoneTable, atMs: number): number {
  let segment = table.segmentAt(atMs)
  for (let at = atMs; ; ) {
    const offset = table.segmentOffset(segment)
    const fullHour = Math.floor((at + offset) / hourMs) * hourMs - offset
    const changed = table.segmentStart(segment)
    if (fullHour >= changed) return fullHour
    if (isHourCut(table, segment)) return changed
    // The clock changed inside this hour: it began before the change.
    at = changed - 1
    segment -= 1
  }
}

function hourEnd(table: ZoneTable, atMs: number): number {
  let segment = table.segmentAt(atMs)
  for (let at = atMs; ; ) {
    const offset = table.segmentOffset(segment)
    const nextFullHour = (Math.floor((at + offset) / hourMs) + 1) * hourMs - offset
    const changes = table.segmentEnd(segment)
    if (nextFullHour < changes) return nextFullHour
    segment += 1
    if (isHourCut(table, segment)) return changes
    at = changes
  }
}

/** Whether an hour is cut at the clock change that begins the segment. */
function isHourCut(table: ZoneTable, segment: number): boolean {
  const changed = table.segmentStart(segment)
  const after = changed + table.segmentOffset(segment)
  const before = changed - 1 + table.segmentOffset(segment - 1)
  return mod(after, hourMs) === 0 || Math.floor(after / hourMs) !== Math.floor(before / hourMs)
}

/** Day number of the bucket that holds the instant: of the latest local date that has begun by then. */
function dayOf(table: ZoneTable, atMs: number): number {
  let day = Math.floor((atMs + table.offsetAt(atMs)) / dayMs)
  while (startOfDay(table, day + 1) <= atMs) day += 1
  return day
}

/** The first instant at which local clocks show this date or a later one. */
function startOfDay(table: ZoneTable, day: number): number {
  const midnight = day * dayMs
  let segment = table.segmentAt(midnight - farthestOffsetMs)
  for (;;) {
    const reached = Math.max(table.segmentStart(segment), midnight - table.segmentOffset(segment))
    if (reached < table.segmentEnd(segment)) return reached
    segment += 1
  }
}

function mod(value: number, size: number): number {
  return value - Math.floor(value / size) * size
}
