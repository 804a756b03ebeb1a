import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dayMs, hourMs } from '../../core/event-time.ts'
import { type CalendarUnit, calendarBucket } from '../../core/time/calendar.ts'
import { daysOf, defaultMaxBuckets, planBuckets, planHits } from './planner.ts'
import { ProblemError } from './problem.ts'

const plan = (unit: CalendarUnit, zone: string, merchantZone: string, from: string, to: string) => {
  const range = { fromMs: Date.parse(from), toMs: Date.parse(to) }
  const buckets = planBuckets({ unit, zone, range })
  return { buckets, source: planHits({ buckets, zone, merchantZone, dimensions: [], filter: null }).from }
}

describe('the plan of a time series', () => {
  it('cuts the first and the last bucket where the range begins and ends inside them, but not where it ends now', () => {
    const range = { fromMs: Date.parse('2026-02-10T00:00Z'), toMs: Date.parse('2026-04-05T00:00Z') }
    const months = (endsNow: boolean) =>
      planBuckets({ unit: 'month', zone: 'UTC', range: { ...range, endsNow } }).map(({ start, end }) =>
        [start, end].map((ms) => new Date(ms).toISOString().slice(0, 10)),
      )
    const middle = ['2026-03-01', '2026-04-01']
    expect(months(false)).toEqual([['2026-02-10', '2026-03-01'], middle, ['2026-04-01', '2026-04-05']])
    expect(months(true).at(-1)).toEqual(['2026-04-01', '2026-05-01'])
  })

  it('widens a range to full hours', () => {
    const { buckets } = plan('hour', 'UTC', 'UTC', '2026-03-01T09:59:59.999Z', '2026-03-01T11:00:00.001Z')
    expect(buckets[0]?.start).toBe(Date.parse('2026-03-01T09:00:00Z'))
    expect(buckets.at(-1)?.end).toBe(Date.parse('2026-03-01T12:00:00Z'))
  })

  it("reads the rollup where the boundaries are boundaries of the merchant's hours", () => {
    expect(plan('hour', 'Europe/Berlin', 'America/New_York', '2026-03-01T00:00Z', '2026-03-03T00:00Z').source).toBe(
      'rollup',
    )
    expect(plan('day', 'Asia/Kolkata', 'Asia/Colombo', '2026-03-01T00:00Z', '2026-03-03T00:00Z').source).toBe('rollup')
  })

  it('reads the hits where one of them is not', () => {
    expect(plan('hour', 'Asia/Kathmandu', 'America/New_York', '2026-03-01T00:00Z', '2026-03-03T00:00Z').source).toBe(
      'raw',
    )
    expect(plan('month', 'Asia/Kolkata', 'Asia/Kathmandu', '2026-03-01T00:00Z', '2026-03-03T00:00Z').source).toBe('raw')
    // Lord Howe's clock agrees with full hours of UTC in summer (+11), not in winter (+10:30).
    expect(plan('day', 'UTC', 'Australia/Lord_Howe', '2026-02-01T00:00Z', '2026-02-03T00:00Z').source).toBe('rollup')
    expect(plan('day', 'UTC', 'Australia/Lord_Howe', '2026-06-01T00:00Z', '2026-06-03T00:00Z').source).toBe('raw')
    // The last boundary alone is off: the clock changed on the 5th of April, at 15:00 of the 4th UTC.
    expect(plan('day', 'UTC', 'Australia/Lord_Howe', '2026-04-03T00:00Z', '2026-04-04T00:00Z').source).toBe('rollup')
    expect(plan('day', 'UTC', 'Australia/Lord_Howe', '2026-04-04T00:00Z', '2026-04-05T00:00Z').source).toBe('raw')
  })

  it('is refused beyond the limit of buckets, and not at it', () => {
    const end = new Date(defaultMaxBuckets * hourMs).toISOString()
    const beyond = new Date(defaultMaxBuckets * hourMs + 1).toISOString()
    expect(plan('hour', 'UTC', 'UTC', '1970-01-01T00:00Z', end).buckets).toHaveLength(10_000)
    expect(() => plan('hour', 'UTC', 'UTC', '1970-01-01T00:00Z', beyond)).toThrow(ProblemError)
    expect(() => plan('hour', 'UTC', 'UTC', '1970-01-01T00:00Z', beyond)).toThrow(/10000 buckets/)
  })

  it('of a date that the zone skipped has no bucket', () => {
    expect(plan('day', 'Pacific/Apia', 'UTC', '2011-12-30T10:00Z', '2011-12-30T10:00Z')).toEqual({
      buckets: [],
      source: 'rollup',
    })
  })
})

describe('the days whose versions a bucket hangs on', () => {
  it('hold the beginning of the hour of every hit the bucket counts', () => {
    const zones = ['Asia/Kathmandu', 'Australia/Lord_Howe', 'America/New_York', 'America/St_Johns', 'UTC']
    const times = fc.integer({ min: Date.UTC(2026, 0, 1), max: Date.UTC(2027, 0, 1) })
    // A raw bucket may begin anywhere against the merchant's hours, a few minutes after midnight too.
    const lengths = fc.integer({ min: 1, max: 40 * dayMs })
    fc.assert(
      fc.property(
        times,
        lengths,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.constantFrom(...zones),
        (start, length, part, zone) => {
          const bucket = { start, end: start + length }
          const hitAt = start + Math.floor((length - 1) * part)
          const touched = Math.floor(calendarBucket('hour', zone, hitAt).start / dayMs)
          const { firstDay, lastDay } = daysOf(bucket, 'raw')
          expect(firstDay <= touched && touched <= lastDay).toBe(true)
        },
      ),
      { numRuns: 2_000, examples: [[Date.UTC(2026, 3, 4, 0, 5), 1, 0, 'Asia/Kathmandu']] },
    )
  })

  it("are only the bucket's own where stored hours do not cross its boundaries", () => {
    expect(daysOf({ start: 0, end: dayMs }, 'rollup')).toEqual({ firstDay: 0, lastDay: 0 })
    expect(daysOf({ start: dayMs - 1, end: dayMs + 1 }, 'rollup')).toEqual({ firstDay: 0, lastDay: 1 })
  })
})
