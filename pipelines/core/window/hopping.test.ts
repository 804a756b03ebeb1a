import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dayMs, type EventTime, minuteMs } from '../../../core/event-time.ts'
import { hopping, windowsPerRowMax } from './hopping.ts'

describe('hopping windows', () => {
  // 0    5    10   15   20
  // [---------)
  //      [---------)
  //           [---------)
  //       ^ 7
  it('hold a time in every one that spans it, rising by start', () => {
    expect(hopping({ sizeMs: 10, everyMs: 5 }).assign(7 as EventTime, {})).toEqual([
      { start: 0, end: 10 },
      { start: 5, end: 15 },
    ])
  })

  it('are those of a search over all starts, whatever was asked before', () => {
    const shape = fc.record({
      everyMs: fc.integer({ min: 1, max: 12 }),
      more: fc.integer({ min: 0, max: 40 }),
      offset: fc.integer({ min: -11, max: 11 }),
    })
    fc.assert(
      fc.property(shape, fc.array(fc.integer({ min: -60, max: 60 })), ({ everyMs, more, offset }, times) => {
        const [sizeMs, offsetMs] = [everyMs + more, offset % everyMs]
        const assigner = hopping({ sizeMs, everyMs, offsetMs })
        for (const time of times) {
          const expected: number[] = []
          for (let start = offsetMs - 100 * everyMs - 100 * sizeMs * everyMs; start <= time; start += everyMs) {
            if (time < start + sizeMs) expected.push(start)
          }
          const found = assigner.assign(time as EventTime, {})
          expect(found.map(({ start }) => start)).toEqual(expected)
          expect(found.every(({ start, end }) => end - start === sizeMs)).toBe(true)
        }
      }),
    )
  })

  it('put a row into no more windows than the limit, which a day by minutes just keeps', () => {
    expect(windowsPerRowMax).toBe(dayMs / minuteMs)
    const finest = hopping({ sizeMs: dayMs, everyMs: minuteMs })
    expect(finest.assign(0 as EventTime, {})).toHaveLength(windowsPerRowMax)
    expect(() => hopping({ sizeMs: dayMs + 1, everyMs: minuteMs })).toThrowError('choose a longer hop')
  })

  it('leave no time between them', () => {
    expect(hopping({ sizeMs: 10, everyMs: 10 }).assign(10 as EventTime, {})).toEqual([{ start: 10, end: 20 }])
    expect(() => hopping({ sizeMs: 10, everyMs: 11 })).toThrowError('leave rows between them that nothing counts')
  })
})
