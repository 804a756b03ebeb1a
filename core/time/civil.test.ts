import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dayNumber, dayText, monthStartDay, nextMonthStartDay } from './civil.ts'

describe('dates without a zone', () => {
  it('counts days from 1970-01-01, before it too', () => {
    expect(dayNumber('1970-01-01')).toBe(0)
    expect(dayNumber('1969-12-31')).toBe(-1)
    expect(dayNumber('2000-03-01')).toBe(11_017)
  })

  it('refuses what no calendar has', () => {
    for (const text of [
      '2026-02-29',
      '2026-02-30',
      '2026-13-01',
      '2026-00-10',
      '2026-1-01',
      '26-01-01',
      '2026-01-01T00:00Z',
      ' 2026-01-01',
      '',
    ]) {
      expect(dayNumber(text), text).toBeUndefined()
    }
    expect(dayNumber('2024-02-29')).toBe(19_782)
  })

  it('reads back what it writes, and knows the month around it', () => {
    fc.assert(
      fc.property(fc.integer({ min: -40_000, max: 90_000 }), (day) => {
        expect(dayNumber(dayText(day))).toBe(day)
        expect(dayText(monthStartDay(day))).toBe(`${dayText(day).slice(0, 7)}-01`)
        const next = nextMonthStartDay(day)
        expect(dayText(next).slice(8)).toBe('01')
        expect(dayText(next - 1).slice(0, 7)).toBe(dayText(day).slice(0, 7))
      }),
    )
  })
})
