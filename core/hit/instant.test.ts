import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { instantMs, isInstant } from './instant.ts'

describe('an instant', () => {
  it.each([
    ['2026-03-01T09:00:00.000Z', '2026-03-01T09:00:00.000Z'],
    ['2026-03-01T09:00Z', '2026-03-01T09:00:00.000Z'],
    ['2026-03-01T09:00:00+05:45', '2026-03-01T03:15:00.000Z'],
    ['2026-03-01T09:00:00-0330', '2026-03-01T12:30:00.000Z'],
    ['2026-03-01T00:00:00+14', '2026-02-28T10:00:00.000Z'],
    ['2024-02-29T23:59:59.123456789Z', '2024-02-29T23:59:59.123Z'],
    ['2026-03-01T09:00:00,5Z', '2026-03-01T09:00:00.500Z'],
    ['2000-02-29T00:00:00.000Z', '2000-02-29T00:00:00.000Z'],
    ['1969-12-31T23:59:59.999Z', '1969-12-31T23:59:59.999Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
  ])('in the text %s is %s', (text, expected) => {
    expect(new Date(instantMs(text)).toISOString()).toBe(expected)
  })

  it.each([
    ['2026-02-29T00:00:00.000Z', 'a day its year has not'],
    ['1900-02-29T00:00:00.000Z', 'a leap day of a year that has none'],
    ['2026-04-31T00:00:00Z', 'a day its month has not'],
    ['2026-00-10T00:00:00.000Z', 'no month'],
    ['2026-13-10T00:00:00.000Z', 'a thirteenth month'],
    ['2026-01-00T00:00:00.000Z', 'no day'],
    ['2026-01-01T24:00:00.000Z', 'an hour 24'],
    ['2026-01-01T23:60:00.000Z', 'a minute 60'],
    ['2026-01-01T23:59:60.000Z', 'a second 60'],
    ['2026-01-01T00:00:00+24:00', 'an offset of a day'],
    ['2026-01-01T00:00:00+05:60', 'an offset of 60 minutes'],
    ['2026-01-01T00:00:00', 'no zone: local time of nobody knows whom'],
    ['2026-01-01', 'a date'],
    ['2026-01-01 00:00:00Z', 'a blank for the T'],
    ['2026-01-01t00:00:00z', 'small letters'],
    ['+002026-01-01T00:00:00Z', 'an expanded year'],
    ['2026-W01-1T00:00:00Z', 'a week date'],
    ['2026-01-01T00:00:00.Z', 'a fraction of no digits'],
    ['2026-01-01T00:00:00.0000000000Z', 'a fraction of ten digits'],
    [' 2026-01-01T00:00:00Z', 'a blank before it'],
    ['2026-01-01T00:00:00Z\n', 'a line end behind it'],
    ['٢٠٢٦-01-01T00:00:00.000Z', 'other digits'],
    ['Sun, 01 Mar 2026 09:00:00 GMT', 'prose'],
    ['1772355600000', 'a number as text'],
    ['', 'nothing'],
  ])('is not %s: %s', (text) => {
    expect(isInstant(text)).toBe(false)
  })

  it.each([
    [1_772_355_600_000, 1_772_355_600_000],
    [1_772_355_600_000.9, 1_772_355_600_000],
    [-0.5, -1],
    [8.64e15, 8.64e15],
  ])('in the number %d is that of milliseconds since 1970, rounded down', (value, expected) => {
    expect(instantMs(value)).toBe(expected)
  })

  it.each([8.64e15 + 1, -8.64e15 - 1, Number.POSITIVE_INFINITY, Number.NaN, null, undefined, true, [], {}, 5n])(
    'is not %s',
    (value) => {
      expect(isInstant(value)).toBe(false)
    },
  )

  it('is the same as Date makes of it, in every form of every time of the calendar', () => {
    const date = fc.date({ min: new Date('0000-01-01T00:00:00Z'), max: new Date('9999-12-31'), noInvalidDate: true })
    fc.assert(
      fc.property(date, fc.integer({ min: -1_439, max: 1_439 }), (when, offset) => {
        expect(instantMs(when.toISOString())).toBe(when.getTime())
        const two = (n: number) => String(n).padStart(2, '0')
        const zone = `${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`
        const local = `${when.toISOString().slice(0, -1)}${zone}`
        expect(instantMs(local)).toBe(when.getTime() - offset * 60_000)
      }),
      { numRuns: 3_000 },
    )
  })

  it('is of the real calendar: of 24 characters of digits, exactly those that Date writes back', () => {
    const digits = (count: number) =>
      fc.integer({ min: 0, max: 10 ** count - 1 }).map((n) => String(n).padStart(count, '0'))
    const near = (limit: number) => fc.integer({ min: 0, max: limit }).map((n) => String(n).padStart(2, '0'))
    const parts = fc.tuple(digits(4), near(13), near(32), near(25), near(61), near(61), digits(3))
    fc.assert(
      fc.property(parts, ([year, month, day, hour, minute, second, ms]) => {
        const text = `${year}-${month}-${day}T${hour}:${minute}:${second}.${ms}Z`
        const date = new Date(text)
        const real = !Number.isNaN(date.getTime()) && date.toISOString() === text
        expect(instantMs(text)).toBe(real ? date.getTime() : Number.NaN)
      }),
      { numRuns: 5_000 },
    )
  })
})
