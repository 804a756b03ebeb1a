import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dayMs, type EventTime, eventTime, hourMs } from '../../../core/event-time.ts'
import { calendarBucket, localDate } from '../../../core/time/calendar.ts'
import { calendar, weekdays } from './calendar.ts'

const inZone = (zone: string) => zone
const at = (text: string) => eventTime(text)

function bounds(unit: 'hour' | 'day' | 'week' | 'month', zone: string, instant: string): readonly string[] {
  const [window] = calendar(unit, inZone).assign(at(instant), zone)
  return [window?.start, window?.end].map((ms) => new Date(ms ?? Number.NaN).toISOString().slice(0, 16))
}

describe('calendar windows', () => {
  it('are days of 23 and of 25 hours where clocks change', () => {
    expect(bounds('day', 'Europe/Berlin', '2026-03-29T12:00Z')).toEqual(['2026-03-28T23:00', '2026-03-29T22:00'])
    expect(bounds('day', 'Europe/Berlin', '2026-10-25T12:00Z')).toEqual(['2026-10-24T22:00', '2026-10-25T23:00'])
  })

  it.each([
    ['Asia/Kolkata', '2026-01-01T18:30', '2026-01-02T18:30'],
    ['Asia/Kathmandu', '2026-01-01T18:15', '2026-01-02T18:15'],
    // 13:45 in summer.
    ['Pacific/Chatham', '2026-01-01T10:15', '2026-01-02T10:15'],
    ['America/Los_Angeles', '2026-01-02T08:00', '2026-01-03T08:00'],
  ])('are exact where the offset is no whole hour: days in %s', (zone, start, end) => {
    expect(bounds('day', zone, `${start}Z`)).toEqual([start, end])
    expect(bounds('day', zone, new Date(at(`${end}Z`) - 1).toISOString())).toEqual([start, end])
  })

  it('are hours as the local clock shows them: a shop in Nepal has its own', () => {
    expect(bounds('hour', 'Asia/Kathmandu', '2026-01-01T18:14Z')).toEqual(['2026-01-01T17:15', '2026-01-01T18:15'])
  })

  it('follow the zone of each row, row by row', () => {
    const days = calendar('day', inZone)
    const noon = at('2026-01-01T12:00Z')
    const starts = ['UTC', 'Asia/Tokyo', 'UTC', 'Asia/Tokyo'].map((zone) => days.assign(noon, zone)[0]?.start)
    const [utc, tokyo] = [at('2026-01-01T00:00Z'), at('2025-12-31T15:00Z')]
    expect(starts).toEqual([utc, tokyo, utc, tokyo])
  })

  it('fail a row whose zone does not exist', () => {
    expect(() => calendar('day', inZone).assign(0 as EventTime, 'Mars/Olympus')).toThrowError(RangeError)
  })

  it('are weeks that begin with the weekday asked for, Monday where none is', () => {
    const zones = fc.constantFrom('UTC', 'Europe/Berlin', 'Asia/Kathmandu', 'Pacific/Apia', 'America/Havana')
    const instants = fc.integer({ min: at('2005-01-01T00:00Z'), max: at('2035-01-01T00:00Z') })
    fc.assert(
      fc.property(zones, fc.array(instants), fc.constantFrom(...weekdays), (zone, times, weekday) => {
        const weeks = calendar('week', inZone, weekday)
        for (const time of times) {
          const [window] = weeks.assign(time as EventTime, zone)
          const { start, end } = window ?? { start: 0, end: 0 }
          expect([start <= time, time < end]).toEqual([true, true])
          // Bounds are days' bounds; the day that begins is of the weekday, unless the zone skipped its date.
          expect(calendarBucket('day', zone, start).start).toBe(start)
          expect(calendarBucket('day', zone, end).start).toBe(end)
          expect(Math.abs(end - start - 7 * dayMs)).toBeLessThanOrEqual(dayMs)
          const shown = new Date(`${localDate(zone, start)}T00:00Z`).getUTCDay()
          if (zone !== 'Pacific/Apia') expect(weekdays[(shown + 6) % 7]).toBe(weekday)
          if (weekday === 'monday') expect(window).toEqual(calendarBucket('week', zone, time))
        }
      }),
    )
  })

  it('are weeks of an hour less where clocks go forward', () => {
    const [window] = calendar('week', inZone, 'sunday').assign(at('2026-03-31T12:00Z'), 'Europe/Berlin')
    expect([window?.start, (window?.end ?? 0) - (window?.start ?? 0)]).toEqual([
      at('2026-03-28T23:00Z'),
      7 * dayMs - hourMs,
    ])
  })
})
