/**
 * Decides how a question is answered: over which buckets, and from which rows. The rollup answers where one stored
 * breakdown holds all dimensions that the question speaks of, and every boundary of its buckets is also a boundary of the
 * merchant's stored hours; else the hits themselves must be counted. Visits are always counted by instants.
 */
import { hourMs, utcDay } from '../../core/event-time.ts'
import {
  type Breakdown,
  type BucketRange,
  breakdowns,
  type Dimension,
  type Filter,
} from '../../core/ports/query-engine.ts'
import {
  bucketsBetween,
  type CalendarUnit,
  calendarBucket,
  isBucketStart,
  isoWithOffset,
} from '../../core/time/calendar.ts'
import { visitsReadDaysAfter, visitsReadDaysBefore } from '../../core/visits.ts'
import type { DateRange } from './date-range.ts'
import { ProblemError } from './problem.ts'
import type { HourZones } from './stored-hours.ts'

/** Most buckets of one answer. */
export const defaultMaxBuckets = 10_000

/**
 * Where numbers of hits come from. `zones`: those of the merchant by which its hours were found to hold; left out: whatever
 * they are. `unaligned`: the hits are counted only because hours do not line up; `formerly`: with those of a former zone.
 */
export type HitsSource =
  | { readonly from: 'rollup'; readonly breakdown: 'total' | Breakdown; readonly zones?: HourZones }
  | { readonly from: 'raw'; readonly unaligned: boolean; readonly formerly?: true }

/** Some buckets of a question, by number, rising, that one source answers. */
export interface PlannedHits {
  readonly source: HitsSource
  readonly places: readonly number[]
}

/**
 * Rising, touching, covering the range; empty only where the range holds dates that the zone skipped. Without a unit the
 * whole range is one bucket. The first and the last are cut where the range begins and ends inside them: their numbers are
 * of the range. Hours are not cut, since nothing smaller is stored: a range is widened to full hours of the zone.
 * One that ends now is not cut there: nothing is stored of the time to come, and its bucket keeps its cell.
 * @throws ProblemError 422 `too_many_buckets`
 */
export function planBuckets(question: {
  readonly unit: CalendarUnit | null
  readonly zone: string
  readonly range: Pick<DateRange, 'fromMs' | 'toMs'> & Partial<Pick<DateRange, 'endsNow'>>
  readonly maxBuckets?: number
}): readonly BucketRange[] {
  const { unit, zone, range, maxBuckets = defaultMaxBuckets } = question
  if (range.toMs <= range.fromMs) return []
  const { start } = calendarBucket('hour', zone, range.fromMs)
  const { end } = calendarBucket('hour', zone, range.toMs - 1)
  if (unit === null) return [{ start, end }]
  const buckets = bucketsBetween(unit, zone, range.fromMs, range.toMs, maxBuckets + 1)
  if (buckets.length > maxBuckets) {
    const detail = `the answer would have more than ${maxBuckets} buckets; ask a shorter range or a longer interval`
    throw new ProblemError(422, 'too_many_buckets', detail, { maxBuckets })
  }
  const last = buckets.length - 1
  return buckets.map((bucket, i) => ({
    start: i === 0 ? Math.max(bucket.start, start) : bucket.start,
    end: i === last && range.endsNow !== true ? Math.min(bucket.end, end) : bucket.end,
  }))
}

/** How a bucket is called: by the instant at which the whole of it begins, also where the range begins later. */
export function bucketName(unit: CalendarUnit, zone: string, { start }: BucketRange): string {
  return isoWithOffset(zone, calendarBucket(unit, zone, start).start)
}

export function planHits(question: {
  readonly buckets: readonly BucketRange[]
  readonly zone: string
  readonly merchantZone: string
  readonly dimensions: readonly Dimension[]
  readonly filter: Filter | null
}): HitsSource {
  const { buckets, zone, merchantZone } = question
  const breakdown = storedBreakdown(question)
  if (breakdown === undefined) return { from: 'raw', unaligned: false }
  if (zone === merchantZone || isAligned(buckets, merchantZone)) return { from: 'rollup', breakdown }
  return { from: 'raw', unaligned: true }
}

/**
 * Every bucket once. `holds`: whether stored hours that start in a bucket are its hits, whichever zone they are of
 * (`hoursHold`).
 */
export function planHitsByBucket(
  question: Omit<Parameters<typeof planHits>[0], 'merchantZone'> & {
    readonly zones: HourZones
    readonly holds: (bucket: BucketRange) => boolean
  },
): readonly PlannedHits[] {
  const { buckets, zones, holds } = question
  const source = planHits({ ...question, merchantZone: zones.timeZone })
  if (source.from === 'raw') return [{ source, places: buckets.map((_, place) => place) }]
  const [stored, counted]: [number[], number[]] = [[], []]
  buckets.forEach((bucket, place) => {
    ;(holds(bucket) ? stored : counted).push(place)
  })
  const planned: readonly PlannedHits[] = [
    { source: { ...source, zones }, places: stored },
    { source: { from: 'raw', unaligned: true, formerly: true }, places: counted },
  ]
  return planned.filter(({ places }) => places.length > 0)
}

/** The breakdown that holds all that the question speaks of; undefined where none does. */
export function storedBreakdown(question: Spoken): 'total' | Breakdown | undefined {
  const [first, ...others] = spokenOf(question)
  if (first === undefined) return 'total'
  return others.length === 0 && isBreakdown(first) ? first : undefined
}

/** Whether stored visits, which know the stored breakdowns only, know all that the question speaks of. */
export function visitsMayBeStored(question: Spoken): boolean {
  return [...spokenOf(question)].every(isBreakdown)
}

interface Spoken {
  readonly dimensions: readonly Dimension[]
  readonly filter: Filter | null
}

function spokenOf({ dimensions, filter }: Spoken): ReadonlySet<Dimension> {
  const spoken = new Set(dimensions)
  const visit = (each: Filter): void => {
    if ('dimension' in each) spoken.add(each.dimension)
    else if (each.op === 'not') visit(each.filter)
    else each.filters.forEach(visit)
  }
  if (filter !== null) visit(filter)
  return spoken
}

function isBreakdown(dimension: Dimension): dimension is Breakdown {
  return (breakdowns as readonly string[]).includes(dimension)
}

/** UTC days, both inclusive. */
export interface Days {
  readonly firstDay: number
  readonly lastDay: number
}

/**
 * The UTC days whose versions a bucket's number hangs on. Rows are versioned by the day their hour *begins*, and hits near
 * midnight may belong to an hour that began the day before; no hour is longer than two.
 */
export function daysOf(bucket: BucketRange, from: 'rollup' | 'raw' | 'visits'): Days {
  if (from === 'visits') {
    return {
      firstDay: utcDay(bucket.start) - visitsVersionDays.daysBefore,
      lastDay: utcDay(bucket.end - 1) + visitsVersionDays.daysAfter,
    }
  }
  const reachMs = from === 'raw' ? longestHourMs : 0
  return { firstDay: utcDay(bucket.start - reachMs), lastDay: utcDay(bucket.end - 1) }
}

const longestHourMs = 2 * hourMs

/**
 * How far around a UTC day versions can change the visits that start on it: the days whose hits decide them, and one
 * before, because a hit after midnight may be versioned by the day before, where its hour began.
 */
export const visitsVersionDays = { daysBefore: visitsReadDaysBefore + 1, daysAfter: visitsReadDaysAfter } as const

function isAligned(buckets: readonly BucketRange[], zone: string): boolean {
  const last = buckets.at(-1)
  if (last === undefined) return true
  return buckets.every(({ start }) => isBucketStart('hour', zone, start)) && isBucketStart('hour', zone, last.end)
}
