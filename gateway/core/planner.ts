/**
 * Decides how a time series is answered: which buckets, and from which rows. The rollup answers where every boundary of
 * the asked buckets is also a boundary of the merchant's stored hours; else the hits themselves must be counted.
 */
import { utcDay } from '../../core/event-time.ts'
import type { BucketRange } from '../../core/ports/query-engine.ts'
import { bucketsBetween, type CalendarUnit, isBucketStart } from '../../core/time/calendar.ts'
import type { DateRange } from './date-range.ts'
import { ProblemError } from './problem.ts'

/** Most buckets of one answer. */
export const defaultMaxBuckets = 10_000

export type SeriesSource = 'rollup' | 'raw'

export interface SeriesPlan {
  readonly source: SeriesSource
  /** Rising, touching, covering the range; empty only where the range holds dates that the zone skipped. */
  readonly buckets: readonly BucketRange[]
}

/** @throws ProblemError 422 `too_many_buckets` */
export function planSeries(question: {
  readonly unit: CalendarUnit
  readonly zone: string
  readonly range: DateRange
  readonly merchantZone: string
  readonly maxBuckets?: number
}): SeriesPlan {
  const { unit, zone, range, merchantZone, maxBuckets = defaultMaxBuckets } = question
  const buckets = bucketsBetween(unit, zone, range.fromMs, range.toMs, maxBuckets + 1)
  if (buckets.length > maxBuckets) {
    const detail = `the answer would have more than ${maxBuckets} buckets; ask a shorter range or a longer interval`
    throw new ProblemError(422, 'too_many_buckets', detail, { maxBuckets })
  }
  return { buckets, source: zone === merchantZone || isAligned(buckets, merchantZone) ? 'rollup' : 'raw' }
}

/**
 * The UTC days whose versions a bucket's number hangs on. Rows are versioned by the day their hour *begins*, and hits near
 * midnight may belong to an hour that began the day before; no hour is longer than two.
 */
export function daysOf(
  bucket: BucketRange,
  source: SeriesSource,
): { readonly firstDay: number; readonly lastDay: number } {
  const reachMs = source === 'raw' ? longestHourMs : 0
  return { firstDay: utcDay(bucket.start - reachMs), lastDay: utcDay(bucket.end - 1) }
}

const longestHourMs = 2 * 3_600_000

function isAligned(buckets: readonly BucketRange[], zone: string): boolean {
  const last = buckets.at(-1)
  if (last === undefined) return true
  return buckets.every(({ start }) => isBucketStart('hour', zone, start)) && isBucketStart('hour', zone, last.end)
}
