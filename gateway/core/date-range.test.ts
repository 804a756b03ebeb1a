import { describe, expect, it } from 'vitest'
import { isoWithOffset } from '../../core/time/calendar.ts'
import { parseDateRange } from './date-range.ts'
import type { Fault } from './problem.ts'

const nowMs = Date.parse('2026-03-29T10:20:30Z')

function read(
  given: { from?: string; to?: string },
  zone = 'Europe/Berlin',
  unit: 'hour' | 'day' | 'week' | 'month' = 'hour',
) {
  const faults: Fault[] = []
  const range = parseDateRange(given, { unit, zone, nowMs }, faults)
  if (range === undefined) return faults.map(({ pointer }) => pointer)
  expect(faults).toEqual([])
  return [isoWithOffset(zone, range.fromMs), isoWithOffset(zone, range.toMs), range.endsNow]
}

describe('a range of time', () => {
  it('of two dates includes both, in the zone', () => {
    expect(read({ from: '2026-03-28', to: '2026-03-29' })).toEqual([
      '2026-03-28T00:00:00+01:00',
      '2026-03-30T00:00:00+02:00',
      false,
    ])
    expect(read({ from: '2026-03-29', to: '2026-03-29' }, 'Asia/Kathmandu')).toEqual([
      '2026-03-29T00:00:00+05:45',
      '2026-03-30T00:00:00+05:45',
      false,
    ])
  })

  it('of two instants is half-open, and takes bucket names as they stand in answers', () => {
    expect(read({ from: '2026-03-29T03:00:00+02:00', to: '2026-03-29T04:00:00+02:00' })).toEqual([
      '2026-03-29T03:00:00+02:00',
      '2026-03-29T04:00:00+02:00',
      false,
    ])
    // the `+` of a query string that nobody encoded
    expect(read({ from: '2026-03-29T03:00:00 02:00', to: '2026-03-29T02:00Z' })).toEqual([
      '2026-03-29T03:00:00+02:00',
      '2026-03-29T04:00:00+02:00',
      false,
    ])
  })

  it('without an end goes up to now; the instant now is in it', () => {
    expect(read({ from: '2026-03-29' })).toEqual(['2026-03-29T00:00:00+01:00', '2026-03-29T12:20:30.001+02:00', true])
    expect(read({ from: '2026-03-29T10:20:30Z' })).toEqual([
      '2026-03-29T12:20:30+02:00',
      '2026-03-29T12:20:30.001+02:00',
      true,
    ])
  })

  it('left out is the current bucket and those before it', () => {
    expect(read({})).toEqual(['2026-03-28T12:00:00+01:00', '2026-03-29T13:00:00+02:00', true])
    expect(read({}, 'Europe/Berlin', 'day')).toEqual(['2026-02-28T00:00:00+01:00', '2026-03-30T00:00:00+02:00', true])
    expect(read({}, 'Europe/Berlin', 'week')).toEqual(['2026-01-05T00:00:00+01:00', '2026-03-30T00:00:00+02:00', true])
    expect(read({}, 'Europe/Berlin', 'month')).toEqual(['2025-04-01T00:00:00+02:00', '2026-04-01T00:00:00+02:00', true])
  })

  it('names a date that the zone skipped without a fault: it holds nothing', () => {
    const [from, to] = read({ from: '2011-12-30', to: '2011-12-30' }, 'Pacific/Apia')
    expect(from).toBe(to)
  })

  it('that cannot be read is refused, pointing at what to mend', () => {
    expect(read({ to: '2026-03-29' })).toEqual(['/from'])
    expect(read({ from: 'yesterday', to: '2026-02-30' })).toEqual(['/from', '/to'])
    expect(read({ from: '2026-03-28', to: '2026-03-29T00:00:00Z' })).toEqual(['/to'])
    expect(read({ from: '2026-03-28T00:00:00', to: '2026-03-29T00:00:00' })).toEqual(['/from', '/to'])
    expect(read({ from: '2026-02-30T00:00:00Z' })).toEqual(['/from'])
    expect(read({ from: '2026-03-28T25:00:00Z' })).toEqual(['/from'])
    expect(read({ from: '2026-03-29', to: '2026-03-28' })).toEqual(['/to'])
    expect(read({ from: '2026-03-28T00:00:00Z', to: '2026-03-28T00:00:00Z' })).toEqual(['/to'])
    expect(read({ from: '2027-01-01' })).toEqual(['/to'])
    expect(read({ from: '1800-01-01', to: '2300-01-01' })).toEqual(['/from', '/to'])
    expect(read({ from: '1899-12-31', to: '2200-01-01' })).toEqual(['/from', '/to'])
  })
})
