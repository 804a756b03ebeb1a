/**
 * Which windows hold a time, as public suites have it (all Apache-2.0; the file and test are in each docstring or name).
 * Facts only, in our words. Windows there and here are half-open.
 */
import { describe, expect, it } from 'vitest'
import { type EventTime, eventTime } from '../../../core/event-time.ts'
import type { WindowAssigner } from '../../core/window/assigner.ts'
import { calendar } from '../../core/window/calendar.ts'
import { fixed } from '../../core/window/fixed.ts'
import { hopping } from '../../core/window/hopping.ts'
import { session } from '../../core/window/session.ts'
import { WindowScript } from './window-script.ts'

const row = {}

function bounds(assigner: WindowAssigner<object>, time: number): readonly (readonly [number, number])[] {
  return assigner.assign(time as EventTime, row).map(({ start, end }) => [start, end] as const)
}

/** By window, the times it holds, as Beam's `runWindowFn` gives them. */
function grouped(assigner: WindowAssigner<object>, times: readonly number[]): Record<string, readonly number[]> {
  const groups: Record<string, number[]> = {}
  for (const time of times) {
    for (const [start, end] of bounds(assigner, time)) {
      const name = `[${start},${end})`
      groups[name] = [...(groups[name] ?? []), time]
    }
  }
  return groups
}

/** apache/flink, flink-streaming-java, …/runtime/operators/windowing/TimeWindowTest.java. */
describe('the start of a fixed window with an offset (Flink, TimeWindowTest)', () => {
  it.each([
    [0, 1, 0],
    [0, 6, 0],
    [0, 7, 7],
    [3, 1, -4],
    [3, 2, -4],
    [3, 3, 3],
    [3, 9, 3],
    [3, 10, 10],
    [-2, 1, -2],
    [-2, -2, -2],
    [-2, 3, -2],
    [-2, 4, -2],
    [-2, 7, 5],
    [-2, 12, 12],
  ])('with the offset %i, %i is in the window of seven that starts at %i', (offset, time, start) => {
    expect(bounds(fixed(7, offset), time)).toEqual([[start, start + 7]])
  })

  it('a day with an offset of minus eight hours is the day in Shanghai', () => {
    expect(bounds(fixed(86_400_000, -8 * 3_600_000), 1_470_902_048_450)[0]?.[0]).toBe(1_470_844_800_000)
  })
})

/** apache/flink, …/windowing/TumblingEventTimeWindowsTest.java and SlidingEventTimeWindowsTest.java. */
describe('fixed and hopping windows of Flink', () => {
  it('of a size of 5,000 hold 0 and 4,999 in the first and 5,000 in the next', () => {
    const assigner = fixed(5_000)
    expect([0, 4_999, 5_000].map((time) => bounds(assigner, time))).toEqual([
      [[0, 5_000]],
      [[0, 5_000]],
      [[5_000, 10_000]],
    ])
  })

  it('with an offset of 100 hold 100 and 5,099 in the first and 5,100 in the next', () => {
    const assigner = fixed(5_000, 100)
    expect([100, 5_099, 5_100].map((time) => bounds(assigner, time)[0]?.[0])).toEqual([100, 100, 5_100])
  })

  it('with an offset of −100 hold 0 and 4,899 in the one from −100, 4,900 in the next', () => {
    const assigner = fixed(5_000, -100)
    expect([0, 4_899, 4_900].map((time) => bounds(assigner, time)[0]?.[0])).toEqual([-100, -100, 4_900])
  })

  it('of a size of 5,000 every 1,000 hold each time five times', () => {
    const assigner = hopping<object>({ sizeMs: 5_000, everyMs: 1_000 })
    expect(bounds(assigner, 0).map(([start]) => start)).toEqual([-4_000, -3_000, -2_000, -1_000, 0])
    expect(bounds(assigner, 4_999).map(([start]) => start)).toEqual([0, 1_000, 2_000, 3_000, 4_000])
    expect(bounds(assigner, 5_000).map(([start]) => start)).toEqual([1_000, 2_000, 3_000, 4_000, 5_000])
  })

  it('of a size of 5,000 every 1,000 with an offset of 100 start at 100, 1,100 and so on', () => {
    const assigner = hopping<object>({ sizeMs: 5_000, everyMs: 1_000, offsetMs: 100 })
    expect(bounds(assigner, 100).map(([start]) => start)).toEqual([-3_900, -2_900, -1_900, -900, 100])
    expect(bounds(assigner, 5_099).map(([start]) => start)).toEqual(
      [1_100, 2_100, 3_100, 4_100, 5_100].map((at) => at - 1_000),
    )
    expect(bounds(assigner, 5_100).map(([start]) => start)).toEqual([1_100, 2_100, 3_100, 4_100, 5_100])
  })

  it.each([
    ['a size of -1', () => fixed(-1)],
    ['an offset as large as the size', () => fixed(10_000, 20_000)],
    ['an offset as small as minus the size', () => fixed(10_000, -11_000)],
    ['a hop of -1', () => hopping({ sizeMs: 2_000, everyMs: -1 })],
    ['a hopping size of -2', () => hopping({ sizeMs: -2, everyMs: 1 })],
    ['a hopping offset above the hop', () => hopping({ sizeMs: 20_000, everyMs: 10_000, offsetMs: 11_000 })],
    ['a gap of -1', () => session({ gapMs: -1 })],
    ['a gap of 0', () => session({ gapMs: 0 })],
  ])('are refused with %s (…WindowsTest.testInvalidParameters)', (_, make) => {
    expect(make).toThrowError(expect.objectContaining({ code: 'PLAN_INVALID' }))
  })
})

/** apache/beam, sdks/java/core/src/test/java/org/apache/beam/sdk/transforms/windowing/SlidingWindowsTest.java. */
describe('hopping windows of Beam (SlidingWindowsTest)', () => {
  it('testSimple: ten every five', () => {
    expect(grouped(hopping({ sizeMs: 10, everyMs: 5 }), [1, 2, 5, 9, 10, 11])).toEqual({
      '[-5,5)': [1, 2],
      '[0,10)': [1, 2, 5, 9],
      '[5,15)': [5, 9, 10, 11],
      '[10,20)': [10, 11],
    })
  })

  it('testSlightlyOverlapping: seven every five', () => {
    expect(grouped(hopping({ sizeMs: 7, everyMs: 5 }), [1, 2, 5, 9, 10, 11])).toEqual({
      '[-5,2)': [1],
      '[0,7)': [1, 2, 5],
      '[5,12)': [5, 9, 10, 11],
      '[10,17)': [10, 11],
    })
  })

  it('testOffset: ten every five from two', () => {
    expect(grouped(hopping({ sizeMs: 10, everyMs: 5, offsetMs: 2 }), [1, 2, 5, 9, 10, 11])).toEqual({
      '[-8,2)': [1],
      '[-3,7)': [1, 2, 5],
      '[2,12)': [2, 5, 9, 10, 11],
      '[7,17)': [9, 10, 11],
    })
  })

  it('testTimeUnit: ten seconds every five', () => {
    expect(grouped(hopping({ sizeMs: 10_000, everyMs: 5_000 }), [1, 2, 1_000, 5_000, 5_001, 10_000])).toEqual({
      '[-5000,5000)': [1, 2, 1_000],
      '[0,10000)': [1, 2, 1_000, 5_000, 5_001],
      '[5000,15000)': [5_000, 5_001, 10_000],
      '[10000,20000)': [10_000],
    })
  })

  it('testElidings differs: windows with rows between them that nothing counts are refused', () => {
    expect(() => hopping({ sizeMs: 3, everyMs: 10 })).toThrowError(/nothing counts/)
  })
})

/** apache/kafka, streams/src/test/java/org/apache/kafka/streams/kstream/TimeWindowsTest.java. */
describe('time windows of Kafka Streams (TimeWindowsTest)', () => {
  it('of twelve every five hold 21 in those from 10, 15 and 20', () => {
    expect(bounds(hopping({ sizeMs: 12, everyMs: 5 }), 21)).toEqual([
      [10, 22],
      [15, 27],
      [20, 32],
    ])
  })

  it('of six every five hold 7 in one, although they overlap', () => {
    expect(bounds(hopping({ sizeMs: 6, everyMs: 5 }), 7)).toEqual([[5, 11]])
  })

  it('of twelve hold 21 in the one from 12', () => {
    expect(bounds(fixed(12), 21)).toEqual([[12, 24]])
  })

  it.each([0, -1, 124])('are refused with a hop of %i where the size is 123', (everyMs) => {
    expect(() => hopping({ sizeMs: 123, everyMs })).toThrowError(expect.objectContaining({ code: 'PLAN_INVALID' }))
  })
})

/** apache/beam, …/transforms/windowing/SessionsTest.java: rows in the order given, all windows at the end. */
describe('session windows of Beam (SessionsTest)', () => {
  const all = (gapMs: number, times: readonly number[]) => {
    const script = new WindowScript(session({ gapMs }))
    for (const time of times) script.take(time)
    return script.watermark(Number.POSITIVE_INFINITY).values()
  }

  it('testSimple: a row exactly a gap behind the last begins another', () => {
    expect(all(10, [0, 10, 101])).toEqual(['[0,10) 0', '[10,20) 10', '[101,111) 101'])
  })

  it('testConsecutive: rows less than a gap apart are one', () => {
    expect(all(10, [1, 2, 5, 9, 100, 101])).toEqual(['[1,19) 1,2,5,9', '[100,111) 100,101'])
  })

  it('testMerging: also where the row that joins two comes last', () => {
    expect(all(10, [1, 15, 30, 100, 101, 95, 22, 10])).toEqual(['[1,40) 1,10,15,22,30', '[95,111) 95,100,101'])
  })

  it('testTimeUnit: a gap of a second', () => {
    expect(all(1_000, [1, 2, 1_000, 5_000, 5_001, 10_000])).toEqual([
      '[1,2000) 1,2,1000',
      '[5000,6001) 5000,5001',
      '[10000,11000) 10000',
    ])
  })
})

/** apache/beam, …/transforms/windowing/CalendarWindowsTest.java. */
describe('calendar windows of Beam (CalendarWindowsTest)', () => {
  const named = (assigner: WindowAssigner<object>, instants: readonly string[]) =>
    instants.map((instant) => {
      const [window] = assigner.assign(eventTime(instant), row)
      return [window?.start, window?.end].map((at) => new Date(at ?? Number.NaN).toISOString().slice(0, 16)).join(' ')
    })
  const utc = () => 'UTC'

  it('testDays', () => {
    const days = named(calendar('day', utc), [
      '2014-01-01T00:00Z',
      '2014-01-01T23:59Z',
      '2014-01-02T00:00Z',
      '2015-01-01T05:05Z',
    ])
    expect(days).toEqual([
      '2014-01-01T00:00 2014-01-02T00:00',
      '2014-01-01T00:00 2014-01-02T00:00',
      '2014-01-02T00:00 2014-01-03T00:00',
      '2015-01-01T00:00 2015-01-02T00:00',
    ])
  })

  it('testWeeks: from Wednesday', () => {
    const instants = [
      '2014-01-01T00:00Z',
      '2014-01-05T05:05Z',
      '2014-01-08T00:00Z',
      '2014-01-12T05:05Z',
      '2015-01-01T00:00Z',
      '2015-01-06T05:05Z',
    ]
    expect(named(calendar('week', utc, 'wednesday'), instants)).toEqual([
      '2014-01-01T00:00 2014-01-08T00:00',
      '2014-01-01T00:00 2014-01-08T00:00',
      '2014-01-08T00:00 2014-01-15T00:00',
      '2014-01-08T00:00 2014-01-15T00:00',
      '2014-12-31T00:00 2015-01-07T00:00',
      '2014-12-31T00:00 2015-01-07T00:00',
    ])
  })

  it('testMonths', () => {
    const instants = [
      '2014-01-01T00:00Z',
      '2014-01-31T05:05Z',
      '2014-02-01T00:00Z',
      '2014-02-15T05:05Z',
      '2015-01-31T05:05Z',
    ]
    expect(named(calendar('month', utc), instants)).toEqual([
      '2014-01-01T00:00 2014-02-01T00:00',
      '2014-01-01T00:00 2014-02-01T00:00',
      '2014-02-01T00:00 2014-03-01T00:00',
      '2014-02-01T00:00 2014-03-01T00:00',
      '2015-01-01T00:00 2015-02-01T00:00',
    ])
  })

  it('testTimeZone: days in Los Angeles begin at eight in the morning UTC in winter', () => {
    const instants = ['2014-01-01T08:00Z', '2014-01-02T07:59Z', '2014-01-02T08:00Z', '2014-01-03T07:59Z']
    expect(
      named(
        calendar('day', () => 'America/Los_Angeles'),
        instants,
      ),
    ).toEqual([
      '2014-01-01T08:00 2014-01-02T08:00',
      '2014-01-01T08:00 2014-01-02T08:00',
      '2014-01-02T08:00 2014-01-03T08:00',
      '2014-01-02T08:00 2014-01-03T08:00',
    ])
  })
})
