import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type EventTime, eventTime, hourMs } from '../../../core/event-time.ts'
import { fixed } from './fixed.ts'

const times = fc.array(fc.integer({ min: -1_000, max: 1_000 }), { minLength: 1 })

describe('fixed windows', () => {
  // 09:00            10:00            11:00
  //   [------ A ------)[------ B ------)
  //        ^ 09:20      ^ 10:00:00.000
  it('give a row on the boundary to the window that starts there', () => {
    const hours = fixed(hourMs)
    const ten = eventTime('2026-03-01T10:00:00.000Z')
    expect(hours.assign((ten - 1) as EventTime, {})).toEqual([{ start: ten - hourMs, end: ten }])
    expect(hours.assign(ten, {})).toEqual([{ start: ten, end: ten + hourMs }])
  })

  it('hold a time in exactly one window, of their size, that starts at the offset or sizes from it', () => {
    fc.assert(
      fc.property(
        times,
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: -60, max: 60 }),
        (given, sizeMs, offset) => {
          const offsetMs = offset % sizeMs
          const assigner = fixed(sizeMs, offsetMs)
          for (const time of given) {
            const [window, ...others] = assigner.assign(time as EventTime, {})
            const { start, end } = window ?? { start: Number.NaN, end: Number.NaN }
            expect(others).toEqual([])
            expect([start <= time, time < end, end - start]).toEqual([true, true, sizeMs])
            expect(Math.abs((start - offsetMs) % sizeMs)).toBe(0)
          }
        },
      ),
    )
  })

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('refuse the size %d', (sizeMs) => {
    expect(() => fixed(sizeMs)).toThrowError(expect.objectContaining({ code: 'PLAN_INVALID' }))
  })

  it('take an offset smaller than their size, of either sign, and refuse one that is not', () => {
    expect(fixed(10, -9).name).toBe('fixed(10, offset -9)')
    for (const offsetMs of [10, -10, 0.5]) {
      expect(() => fixed(10, offsetMs)).toThrowError(`smaller than 10, not ${offsetMs}`)
    }
  })
})
