import fc from 'fast-check'
import { Temporal } from 'temporal-polyfill'
import { describe, expect, it } from 'vitest'
import { dayMs } from '../../core/event-time.ts'
import { testLength } from '../../core/test/length.ts'
import { createWorld, type SeriesReply, type ShopHit, shop } from './test/time-series-world.ts'

// The law: cold, warm and after any change, in any zone and unit, an answer equals a recount of the hits.
const now = '2026-04-05T06:07:08.009Z'
const all = 'hits,pageviews,visitors,orders,revenue'
const zones = [
  'America/New_York',
  'Asia/Kolkata',
  'Asia/Kathmandu',
  'Australia/Lord_Howe',
  'Europe/Berlin',
  'UTC',
  'America/St_Johns',
]
const units = ['hour', 'day', 'week', 'month'] as const
// Around the clock changes of Lord Howe (5 April 2026) and Berlin (29 March).
const earliest = Date.parse('2026-03-27T00:00:00Z')
const latest = Date.parse('2026-04-05T06:00:00Z')

describe('answers and a recount by Temporal', () => {
  it('are equal: cold, warm, and after each of several commits, for every merchant, zone, unit and range', async () => {
    const hits = fc.array(
      fc.record({
        time: fc.integer({ min: earliest, max: latest }),
        name: fc.constantFrom('page_view', 'purchase', 'view_item'),
        visitor: fc.bigInt({ min: 0n, max: 6n }),
        micros: fc.bigInt({ min: -(10n ** 17n), max: 10n ** 17n }),
        shop: fc.integer({ min: 0, max: 1 }),
      }),
      { minLength: 1, maxLength: 12 },
    )
    const questions = fc.array(
      fc.record({
        shop: fc.integer({ min: 0, max: 1 }),
        zone: fc.constantFrom(...zones),
        unit: fc.constantFrom(...units),
        from: fc.integer({ min: 0, max: 8 }),
        days: fc.integer({ min: 0, max: 9 }),
      }),
      { minLength: 1, maxLength: 6 },
    )
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...zones),
        fc.constantFrom(...zones),
        fc.array(hits, { minLength: 1, maxLength: 3 }),
        questions,
        async (zoneA, zoneB, epochs, asked) => {
          const world = await createWorld(now)
          const shops = [shop('a', zoneA), shop('b', zoneB)] as const
          for (const epoch of [[], ...epochs]) {
            world.append(...epoch.map((each) => ({ ...each, merchant: shops[each.shop as 0 | 1] })))
            await world.commit()
            await world.versions.refresh()
            for (const repeat of ['cold', 'warm']) {
              for (const { shop: which, zone, unit, from, days } of asked) {
                const merchant = shops[which as 0 | 1]
                const dates = [date(earliest + from * dayMs), date(earliest + (from + days) * dayMs)] as const
                const parameters = { metrics: all, from: dates[0], to: dates[1], interval: unit, timeZone: zone }
                const reply = await world.ask(merchant, parameters)
                expect(reply.buckets, `${repeat} ${merchant.timeZone} ${JSON.stringify(parameters)}`).toEqual(
                  recount(world.committed, merchant.id, unit, zone, dates),
                )
                expectTiles(reply)
                if (repeat === 'warm') expect(reply.meta.servedFrom.cache).toBe(reply.buckets.length)
              }
            }
          }
        },
      ),
      { numRuns: testLength('SERIES_TEST_RUNS', { short: 20, full: 200 }) },
    )
  })
})

function date(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}

function expectTiles({ buckets }: SeriesReply): void {
  for (const [i, bucket] of buckets.entries()) if (i > 0) expect(bucket.start).toBe(buckets[i - 1]?.end)
}

/** Bucket by bucket with Temporal's own arithmetic; nothing of ours but the form of the reply. */
function recount(
  hits: readonly ShopHit[],
  merchant: string,
  unit: (typeof units)[number],
  zone: string,
  [from, to]: readonly [string, string],
) {
  const begin = Temporal.PlainDate.from(from).toZonedDateTime(zone).epochMilliseconds
  const end = Temporal.PlainDate.from(to).add({ days: 1 }).toZonedDateTime(zone).epochMilliseconds
  let start = Temporal.PlainDate.from(from).toZonedDateTime(zone)
  if (unit === 'week') start = start.subtract({ days: start.dayOfWeek - 1 }).startOfDay()
  if (unit === 'month') start = start.with({ day: 1 }).startOfDay()
  const buckets: Record<string, unknown>[] = []
  for (let bucket = slowBucket(start, unit); bucket.first < end; bucket = slowBucket(bucket.next, unit)) {
    const inside = hits.filter(
      ({ merchant: of, time }) =>
        of.id === merchant && time >= Math.max(begin, bucket.first) && time < Math.min(end, bucket.last),
    )
    buckets.push({
      start: bucket.start,
      end: bucket.end,
      hits: inside.length,
      pageviews: inside.filter(({ name }) => name === 'page_view').length,
      visitors: new Set(inside.map(({ visitor }) => visitor)).size,
      orders: inside.filter(({ name }) => name === 'purchase').length,
      revenue: money(inside.reduce((sum, { micros }) => sum + micros, 0n)),
    })
  }
  return buckets
}

type SlowBucket = { first: number; last: number; start: string; end: string; next: Temporal.ZonedDateTime }
const slowBuckets = new Map<string, SlowBucket>()

/** The bucket that begins there. Remembered, because Temporal takes its time and the same ones come again and again. */
function slowBucket(start: Temporal.ZonedDateTime, unit: (typeof units)[number]): SlowBucket {
  const key = `${unit} ${start.timeZoneId} ${start.epochMilliseconds}`
  let bucket = slowBuckets.get(key)
  if (bucket === undefined) {
    const next = unit === 'hour' ? nextHour(start) : start.add({ [`${unit}s`]: 1 }).startOfDay()
    bucket = { first: start.epochMilliseconds, last: next.epochMilliseconds, start: text(start), end: text(next), next }
    slowBuckets.set(key, bucket)
  }
  return bucket
}

/** Minute by minute to where the clock reads a full hour, or jumps to another one. */
function nextHour(start: Temporal.ZonedDateTime): Temporal.ZonedDateTime {
  for (let at = start.add({ minutes: 1 }); ; at = at.add({ minutes: 1 })) {
    if (at.minute === 0) return at
    const before = at.subtract({ nanoseconds: 1 })
    if (before.offset !== at.offset && before.hour !== at.hour) return at
  }
}

function text(at: Temporal.ZonedDateTime): string {
  return at.toString({ timeZoneName: 'never', calendarName: 'never', smallestUnit: 'second' })
}

function money(micros: bigint): string {
  const [, sign, whole, fraction] =
    /^(-?)(\d+)(\d{6})$/.exec(String(micros).replace(/^(-?)(\d{1,6})$/, (_, s, d) => s + d.padStart(7, '0'))) ?? []
  return `${sign}${whole}.${fraction?.replace(/0{1,4}$/, '')}`
}
