import { describe, expect, it } from 'vitest'
import { dayMs } from './event-time.ts'
import { firstDayOfVisits, firstKeptDay } from './retention.ts'
import { visitsReadDaysBefore } from './visits.ts'

const midnight = Date.parse('2026-03-10T00:00:00Z')
const day = (text: string) => Date.parse(text) / dayMs

describe('the first day that is kept', () => {
  it('is so many UTC days before the present one, and goes on at midnight', () => {
    expect(firstKeptDay({ retentionDays: 1 }, midnight)).toBe(day('2026-03-09'))
    expect(firstKeptDay({ retentionDays: 1 }, midnight - 1)).toBe(day('2026-03-08'))
    expect(firstKeptDay({ retentionDays: 3_650 }, midnight)).toBe(day('2016-03-12'))
  })

  it('is none where all are kept', () => {
    expect(firstKeptDay({ retentionDays: null }, midnight)).toBeNull()
    expect(firstDayOfVisits({ retentionDays: null }, midnight)).toBeNull()
  })

  it('is later for visits, by the days that decide them', () => {
    expect(firstDayOfVisits({ retentionDays: 7 }, midnight)).toBe(day('2026-03-03') + visitsReadDaysBefore)
  })
})
