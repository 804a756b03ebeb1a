import { describe, expect, it } from 'vitest'
import type { EventTime } from '../../../core/event-time.ts'
import { session } from './session.ts'

describe('session windows', () => {
  it('are, of one row, from its time to a gap later, or to the longest length', () => {
    expect(session({ gapMs: 30 }).assign(5 as EventTime, {})).toEqual([{ start: 5, end: 35 }])
    const own = session<number>({ gapMs: (gap) => gap, atMostMs: 20 })
    expect(own.assign(5 as EventTime, 7)).toEqual([{ start: 5, end: 12 }])
    expect(own.assign(5 as EventTime, 70)).toEqual([{ start: 5, end: 25 }])
  })

  it('say what they are', () => {
    expect(session({ gapMs: 30 }).name).toBe('session(30)')
    expect(session({ gapMs: 30, atMostMs: 90 }).name).toBe('session(30, at most 90)')
    expect(session({ gapMs: () => 1 }).name).toBe('session(by row)')
  })

  it('refuse a longest length below the gap, and take one that is the gap', () => {
    expect(session({ gapMs: 30, atMostMs: 30 }).atMostMs).toBe(30)
    expect(() => session({ gapMs: 30, atMostMs: 29 })).toThrowError('are cut before their gap of 30 ms')
    expect(() => session({ gapMs: 30, atMostMs: 0 })).toThrowError(expect.objectContaining({ code: 'PLAN_INVALID' }))
  })

  it.each([0, -1, 0.5])('fail a row whose gap is %d, not the plan', (gap) => {
    expect(() => session<number>({ gapMs: (row) => row }).reach(0 as EventTime, gap)).toThrowError(RangeError)
  })
})
