import fc from 'fast-check'
import { Temporal } from 'temporal-polyfill'
import { describe, expect, it } from 'vitest'
import { dayMs, hourMs, minuteMs } from '../event-time.ts'
import {
  bucketsBetween,
  type CalendarUnit,
  calendarBucket,
  calendarEarliestMs,
  calendarLatestMs,
  calendarUnits,
  canonicalZone,
  isBucketStart,
  isoWithOffset,
  isZone,
  localDate,
  offsetText,
  startOfLocalDate,
} from './calendar.ts'
import { knownSpellings, zoneSpellingsMax } from './zone-table.ts'

/** `start/end` of the bucket that holds the instant, in local time. */
function named(unit: CalendarUnit, zone: string, at: string): string {
  const bucket = calendarBucket(unit, zone, Date.parse(at))
  return `${isoWithOffset(zone, bucket.start)}/${isoWithOffset(zone, bucket.end)}`
}

describe('local hours', () => {
  it('cuts where the local clock reads a full hour, in zones of 30 and 45 minutes too', () => {
    expect(named('hour', 'Asia/Kolkata', '2026-03-01T00:29:59.999Z')).toBe(
      '2026-03-01T05:00:00+05:30/2026-03-01T06:00:00+05:30',
    )
    expect(named('hour', 'Asia/Kathmandu', '2026-03-01T00:15:00Z')).toBe(
      '2026-03-01T06:00:00+05:45/2026-03-01T07:00:00+05:45',
    )
    expect(named('hour', 'Pacific/Chatham', '2026-03-01T00:15:00Z')).toBe(
      '2026-03-01T14:00:00+13:45/2026-03-01T15:00:00+13:45',
    )
  })

  // New York, 2026-11-01: 01:00−04 … 01:59−04, 01:00−05 … 01:59−05
  it('gives the hour that is lived twice two buckets', () => {
    expect(named('hour', 'America/New_York', '2026-11-01T05:59:59.999Z')).toBe(
      '2026-11-01T01:00:00-04:00/2026-11-01T01:00:00-05:00',
    )
    expect(named('hour', 'America/New_York', '2026-11-01T06:00:00Z')).toBe(
      '2026-11-01T01:00:00-05:00/2026-11-01T02:00:00-05:00',
    )
  })

  it('ends the hour before a gap at the gap', () => {
    expect(named('hour', 'Europe/Berlin', '2026-03-29T00:59:59.999Z')).toBe(
      '2026-03-29T01:00:00+01:00/2026-03-29T03:00:00+02:00',
    )
  })

  // Lord Howe, 2026-04-05: 02:00+11 becomes 01:30+10:30; the local hour number stays 1.
  it('makes one hour of 90 minutes where the clock falls back half an hour', () => {
    expect(named('hour', 'Australia/Lord_Howe', '2026-04-04T15:00:00Z')).toBe(
      '2026-04-05T01:00:00+11:00/2026-04-05T02:00:00+10:30',
    )
    expect(named('hour', 'Australia/Lord_Howe', '2026-04-04T15:29:59.999Z')).toBe(
      '2026-04-05T01:00:00+11:00/2026-04-05T02:00:00+10:30',
    )
  })

  it('makes an hour of 30 minutes, named by the change, where the clock springs half an hour', () => {
    expect(named('hour', 'Australia/Lord_Howe', '2026-10-03T15:30:00Z')).toBe(
      '2026-10-04T02:30:00+11:00/2026-10-04T03:00:00+11:00',
    )
    expect(named('hour', 'Australia/Lord_Howe', '2026-10-03T15:29:59.999Z')).toBe(
      '2026-10-04T01:00:00+10:30/2026-10-04T02:30:00+11:00',
    )
  })
})

describe('local days, weeks and months', () => {
  it('has days of 23 and 25 hours', () => {
    const day = (at: string) => {
      const { start, end } = calendarBucket('day', 'America/New_York', Date.parse(at))
      return bucketsBetween('hour', 'America/New_York', start, end).length
    }
    expect(day('2026-03-08T12:00:00Z')).toBe(23)
    expect(day('2026-11-01T12:00:00Z')).toBe(25)
    expect(day('2026-11-02T12:00:00Z')).toBe(24)
  })

  it('begins a day at 01:00 where midnight is skipped', () => {
    expect(named('day', 'America/Sao_Paulo', '2018-11-04T03:00:00Z')).toBe(
      '2018-11-04T01:00:00-02:00/2018-11-05T00:00:00-02:00',
    )
    expect(named('day', 'Asia/Beirut', '2022-03-27T00:00:00Z')).toBe(
      '2022-03-27T01:00:00+03:00/2022-03-28T00:00:00+03:00',
    )
  })

  it('has no bucket for a date that the zone skipped', () => {
    expect(named('day', 'Pacific/Apia', '2011-12-30T09:59:59.999Z')).toBe(
      '2011-12-29T00:00:00-10:00/2011-12-31T00:00:00+14:00',
    )
    expect(startOfLocalDate('Pacific/Apia', '2011-12-30')).toBe(startOfLocalDate('Pacific/Apia', '2011-12-31'))
  })

  // St John's, 2008-11-02: 00:00 … 00:00:59, then 23:01 of the 1st again, then 00:00 of the 2nd again.
  it('keeps minutes that are read twice over midnight in the day that has begun', () => {
    expect(named('day', 'America/St_Johns', '2008-11-02T02:45:00Z')).toBe(
      '2008-11-02T00:00:00-02:30/2008-11-03T00:00:00-03:30',
    )
    expect(named('hour', 'America/St_Johns', '2008-11-02T02:45:00Z')).toBe(
      '2008-11-01T23:01:00-03:30/2008-11-02T00:00:00-03:30',
    )
  })

  it('begins weeks on Monday and months on the 1st', () => {
    expect(named('week', 'Europe/Berlin', '2026-03-29T21:59:59Z')).toBe(
      '2026-03-23T00:00:00+01:00/2026-03-30T00:00:00+02:00',
    )
    expect(named('week', 'UTC', '1970-01-01T00:00:00Z')).toBe('1969-12-29T00:00:00+00:00/1970-01-05T00:00:00+00:00')
    expect(named('month', 'America/Sao_Paulo', '2018-11-30T12:00:00Z')).toBe(
      '2018-11-01T00:00:00-03:00/2018-12-01T00:00:00-02:00',
    )
    expect(named('month', 'UTC', '2024-02-29T12:00:00Z')).toBe('2024-02-01T00:00:00+00:00/2024-03-01T00:00:00+00:00')
  })
})

describe('names', () => {
  it('knows zones in any case and writes them as the database does', () => {
    expect(canonicalZone('europe/berlin')).toBe('Europe/Berlin')
    expect(canonicalZone('Asia/Kolkata')).toBe('Asia/Kolkata')
    expect(canonicalZone('utc')).toBe('UTC')
    expect(calendarBucket('day', 'europe/berlin', 0)).toEqual(calendarBucket('day', 'Europe/Berlin', 0))
  })

  it('takes no offset, no injection and no nonsense for a zone', () => {
    for (const text of [
      '+05:30',
      '',
      'Mars/Olympus',
      "UTC'--",
      'Europe/Berlin ',
      '2020-01-01T00:00[UTC]',
      '__proto__',
      'x'.repeat(1000),
    ]) {
      expect(isZone(text), text).toBe(false)
      expect(() => calendarBucket('hour', text, 0), text).toThrow(RangeError)
    }
  })

  it('forgets spellings beyond its limit without forgetting zones', () => {
    const text = 'america/argentina/comodrivadavia'
    // 2^13 spellings of one zone
    for (let n = 0; n < 8_192; n++) {
      let i = 0
      const spelling = text.replace(/[a-z]/g, (letter) => ((n >> i++) & 1 ? letter.toUpperCase() : letter))
      expect(isZone(spelling)).toBe(true)
      expect(knownSpellings()).toBeLessThanOrEqual(zoneSpellingsMax)
    }
    expect(localDate(text, 0)).toBe('1969-12-31')
  })

  it('writes instants with offset, and milliseconds only where there are some', () => {
    expect(isoWithOffset('Europe/Berlin', Date.parse('2026-03-29T01:00:00Z'))).toBe('2026-03-29T03:00:00+02:00')
    expect(isoWithOffset('America/St_Johns', Date.parse('2026-01-01T00:00:00.007Z'))).toBe(
      '2025-12-31T20:30:00.007-03:30',
    )
    expect(offsetText('Asia/Kathmandu', 0)).toBe('+05:30')
    expect(offsetText('Asia/Kathmandu', Date.parse('2026-01-01T00:00:00Z'))).toBe('+05:45')
  })

  it('names the exact instant even where the offset has seconds', () => {
    // Monrovia until 1972: −00:44:30
    expect(Date.parse(isoWithOffset('Africa/Monrovia', 0))).toBe(0)
    expect(offsetText('Africa/Monrovia', 0)).toBe('-00:44')
  })

  it('knows the date a local clock shows and the instant it began', () => {
    expect(localDate('Pacific/Kiritimati', Date.parse('2026-01-01T10:00:00Z'))).toBe('2026-01-02')
    expect(startOfLocalDate('Pacific/Kiritimati', '2026-01-02')).toBe(Date.parse('2026-01-01T10:00:00Z'))
    expect(() => startOfLocalDate('UTC', '2026-02-30')).toThrow(RangeError)
  })
})

describe('the range of the calendar', () => {
  it('answers for its first and last instants, not beyond', () => {
    for (const unit of calendarUnits) {
      for (const zone of ['Europe/Berlin', 'Pacific/Apia']) {
        expect(calendarBucket(unit, zone, calendarEarliestMs).end).toBeGreaterThan(calendarEarliestMs)
        const last = calendarBucket(unit, zone, calendarLatestMs - 1)
        expect(last.end).toBeGreaterThan(last.start)
      }
    }
    for (const at of [calendarLatestMs * 2, calendarEarliestMs * 2, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => calendarBucket('hour', 'Europe/Vienna', at)).toThrow(RangeError)
    }
  })

  it('is the same whichever instant is asked first', () => {
    const ask = (order: readonly number[]) => {
      const answers = new Map(order.map((at) => [at, calendarBucket('hour', 'Europe/Paris', at)]))
      return [...answers].sort(([a], [b]) => a - b)
    }
    const instants = [2026, 1971, 2090, 1999, 2012].map((year) => Date.UTC(year, 6, 1, 12, 34))
    expect(ask(instants)).toEqual(ask([...instants].reverse()))
    expect(calendarBucket('hour', 'Europe/Paris', Date.UTC(1971, 6, 1, 12, 34)).start).toBe(Date.UTC(1971, 6, 1, 12))
  })

  it('lists at most as many buckets as asked', () => {
    expect(bucketsBetween('hour', 'UTC', 0, 10 * hourMs, 3)).toHaveLength(3)
    expect(bucketsBetween('hour', 'UTC', 0, 10 * hourMs)).toHaveLength(10)
    expect(bucketsBetween('hour', 'UTC', 1, 10 * hourMs + 1)).toHaveLength(11)
    expect(bucketsBetween('hour', 'UTC', 5, 5)).toHaveLength(0)
  })

  it('tells a start of a bucket from the instants inside', () => {
    expect(isBucketStart('hour', 'Asia/Kolkata', Date.parse('2026-01-01T00:30:00Z'))).toBe(true)
    expect(isBucketStart('hour', 'Asia/Kolkata', Date.parse('2026-01-01T00:00:00Z'))).toBe(false)
  })
})

// Every continent, every kind of offset, every rule that changed between 2005 and 2030 that we know to be odd.
const zones = [
  ...['UTC', 'Europe/Berlin', 'Europe/London', 'Europe/Dublin', 'Europe/Moscow', 'Europe/Istanbul', 'Europe/Chisinau'],
  ...['Europe/Volgograd', 'Atlantic/Azores', 'America/New_York', 'America/Los_Angeles', 'America/St_Johns'],
  ...['America/Havana', 'America/Sao_Paulo', 'America/Caracas', 'America/Asuncion', 'America/Santiago'],
  ...[
    'America/Nuuk',
    'America/Scoresbysund',
    'America/Mexico_City',
    'America/Port-au-Prince',
    'America/Argentina/San_Luis',
  ],
  ...['Africa/Casablanca', 'Africa/El_Aaiun', 'Africa/Cairo', 'Africa/Juba', 'Africa/Sao_Tome', 'Africa/Tripoli'],
  ...['Asia/Kolkata', 'Asia/Kathmandu', 'Asia/Tehran', 'Asia/Beirut', 'Asia/Amman', 'Asia/Gaza', 'Asia/Damascus'],
  ...['Asia/Pyongyang', 'Asia/Colombo', 'Asia/Almaty', 'Asia/Hovd', 'Asia/Shanghai', 'Asia/Baku', 'Asia/Dhaka'],
  ...[
    'Australia/Lord_Howe',
    'Australia/Adelaide',
    'Australia/Eucla',
    'Pacific/Apia',
    'Pacific/Chatham',
    'Pacific/Fakaofo',
  ],
  ...[
    'Pacific/Norfolk',
    'Pacific/Fiji',
    'Pacific/Tongatapu',
    'Pacific/Bougainville',
    'Antarctica/Troll',
    'Antarctica/Casey',
  ],
]
const first = Date.UTC(2005, 0, 1)
const last = Date.UTC(2031, 0, 1)

describe('buckets and a slow model made of Temporal alone', () => {
  it.each(zones)('agree around every clock change of %s, 2005 to 2030, and tile time', (zone) => {
    for (const change of clockChanges(zone)) {
      for (const near of [-dayMs, -hourMs, -30 * minuteMs, -1, 0, 1, 29 * minuteMs, hourMs, 2 * hourMs, dayMs]) {
        const at = change + near
        expect(localDate(zone, at)).toBe(at0(zone, at).toPlainDate().toString())
        for (const unit of calendarUnits) {
          const bucket = calendarBucket(unit, zone, at)
          const where = `${unit} ${zone} ${new Date(at).toISOString()}`
          expect(bucket.start, where).toBe(modelStart(unit, zone, at))
          expect(at >= bucket.start && at < bucket.end, where).toBe(true)
          expect(calendarBucket(unit, zone, bucket.end).start, where).toBe(bucket.end)
          expect(calendarBucket(unit, zone, bucket.end - 1), where).toEqual(bucket)
        }
      }
    }
  })

  it('agree anywhere, and smaller units nest in larger ones', () => {
    fc.assert(
      fc.property(fc.constantFrom(...zones), fc.integer({ min: first, max: last }), (zone, at) => {
        for (const unit of calendarUnits) {
          const bucket = calendarBucket(unit, zone, at)
          expect(bucket.start).toBe(modelStart(unit, zone, at))
          expect(calendarBucket(unit, zone, bucket.end).start).toBe(bucket.end)
        }
        for (const [small, large] of [
          ['hour', 'day'],
          ['day', 'week'],
          ['day', 'month'],
        ] as const) {
          const inner = calendarBucket(small, zone, at)
          const outer = calendarBucket(large, zone, at)
          expect(outer.start <= inner.start && inner.end <= outer.end).toBe(true)
        }
        expect(Date.parse(isoWithOffset(zone, at))).toBe(at)
        const date = localDate(zone, at)
        expect(startOfLocalDate(zone, date)).toBe(startOfDate(Temporal.PlainDate.from(date), zone))
      }),
      { numRuns: 600 },
    )
  })
})

function at0(zone: string, at: number): Temporal.ZonedDateTime {
  return Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(zone)
}

/** Found by looking at the offset of every other day and halving: not by the search that the table relies on. */
function clockChanges(zone: string): number[] {
  const changes: number[] = []
  const offset = (at: number) => at0(zone, at).offsetNanoseconds
  let before = offset(first)
  for (let at = first; at < last; at += 2 * dayMs) {
    const after = offset(at + 2 * dayMs)
    if (after === before) continue
    let low = at
    let high = at + 2 * dayMs
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2)
      if (offset(middle) === before) low = middle
      else high = middle
    }
    changes.push(high)
    before = after
  }
  return changes
}

function modelStart(unit: CalendarUnit, zone: string, at: number): number {
  if (unit === 'hour') return modelHourStart(zone, at)
  // The latest date that has begun: at most one after the date the clock shows.
  let date = at0(zone, at).toPlainDate()
  while (startOfDate(date.add({ days: 1 }), zone) <= at) date = date.add({ days: 1 })
  if (unit === 'week') date = date.subtract({ days: date.dayOfWeek - 1 })
  if (unit === 'month') date = date.with({ day: 1 })
  return startOfDate(date, zone)
}

function startOfDate(date: Temporal.PlainDate, zone: string): number {
  return date.toZonedDateTime(zone).epochMilliseconds
}

/** The rule word by word, a minute at a time: all clocks of 2005 to 2030 change on full minutes. */
function modelHourStart(zone: string, at: number): number {
  for (let start = Math.floor(at / minuteMs) * minuteMs; ; start -= minuteMs) {
    const now = at0(zone, start).toPlainDateTime()
    const before = at0(zone, start - 1).toPlainDateTime()
    if (now.minute === 0 && now.second === 0) return start
    const inARow = now.since(before).total('milliseconds') === 1
    if (!inARow && (now.hour !== before.hour || !now.toPlainDate().equals(before.toPlainDate()))) return start
  }
}
