/**
 * Source: apache/kafka, streams/src/test/java/org/apache/kafka/streams/kstream/internals/ SuppressScenarioTest.java,
 * KStreamWindowAggregateTest.java and KStreamSessionWindowAggregateProcessorTest.java (Apache-2.0); the name of each test
 * there is in the test. Stream time is the largest time seen; a window there closes at its end plus the grace. Sessions
 * there include a row exactly a gap away, so theirs of a gap g are ours of g + 1. Facts only, in our words.
 */
import { describe, expect, it } from 'vitest'
import type { WindowAssigner } from '../../core/window/assigner.ts'
import { fixed } from '../../core/window/fixed.ts'
import { hopping } from '../../core/window/hopping.ts'
import { session } from '../../core/window/session.ts'
import { type Row, type ScriptOptions, WindowScript } from './window-script.ts'

const minutes = 60_000
const gapMs = 5 * minutes

/** Rows whose watermark is the largest time so far, less the delay. */
function stream(assigner: WindowAssigner<Row>, delayMs: number, options: ScriptOptions = {}) {
  const script = new WindowScript(assigner, options)
  let largest = Number.NEGATIVE_INFINITY
  const take = (...times: readonly number[]) => {
    for (const time of times) {
      largest = Math.max(largest, time)
      // Stream time is there before the row is looked at.
      script.watermark(largest - delayMs).take(time, 1)
    }
    return counts(script)
  }
  return { script, take }
}

function counts(script: WindowScript): readonly string[] {
  return script.panes
    .splice(0)
    .map(({ window, kind, rows }) => `[${window.start},${window.end}) ${kind === 'retract' ? 'gone' : rows}`)
}

describe('results at the close, with grace (SuppressScenarioTest)', () => {
  it('shouldSupportFinalResultsForTimeWindows: grace is a watermark that much later', () => {
    const { script, take } = stream(fixed(2), 1)
    expect(take(0, 1, 2, 1, 0, 5, 0)).toEqual(['[0,2) 4', '[2,4) 1'])
    expect(script.tooLate.map(({ time }) => time)).toEqual([0])
    expect(script.operator.windows).toBe(1)
  })

  it('shouldSupportFinalResultsForTimeWindowsWithLargeJump', () => {
    const { script, take } = stream(fixed(2), 2)
    expect(take(0, 1, 2, 0, 3, 0, 4, 0, 30)).toEqual(['[0,2) 4', '[2,4) 2', '[4,6) 1'])
    expect(script.tooLate).toHaveLength(1)
  })

  it('shouldSupportFinalResultsForTimeWindows, before suppression: a pane each row', () => {
    const { take } = stream(fixed(2), 1, { emit: { early: { afterRows: 1 }, onClose: 'where something came' } })
    expect(take(0, 1, 2, 1, 0, 5, 0)).toEqual(['[0,2) 1', '[0,2) 2', '[2,4) 1', '[0,2) 3', '[0,2) 4', '[4,6) 1'])
  })

  it('shouldSupportFinalResultsForTimeWindows, grace as lateness: the last pane of each window has the same count', () => {
    const { take } = stream(fixed(2), 0, { latenessMs: 1, emit: { late: null } })
    expect(take(0, 1, 2, 1, 0, 5, 0)).toEqual(['[0,2) 2', '[0,2) 4', '[2,4) 1'])
  })

  it('shouldSupportFinalResultsForSessionWindows differs: a session stays open for its gap, there only until its last row', () => {
    const script = new WindowScript(session<Row>({ gapMs: 6 }))
    script.watermark(0).take(0, 1).watermark(5).take(5, 1).take(1, 1).watermark(6).take(6, 1, 'k2').take(5, 1)
    script.watermark(30)
    // There [0,5] of k1 is over at 6, with three rows; the fourth, a gap away from nothing, is dropped.
    expect(script.values()).toEqual(['[0,11) 1,1,1,1', 'k2 [6,12) 1'])
  })
})

describe('rows of windows that are over (KStreamWindowAggregateTest)', () => {
  it('shouldLogAndMeterWhenSkippingExpiredWindow: a row counts in the window that is left; seven times it does not', () => {
    const emit = { late: { afterRows: 1 }, early: { afterRows: 1 }, onClose: 'where something came' } as const
    const { script, take } = stream(hopping({ sizeMs: 10, everyMs: 5 }), 0, { latenessMs: 90, emit })
    expect(take(100, 0, 1, 2, 3, 4, 5, 6)).toEqual(['[95,105) 1', '[100,110) 1', '[5,15) 1', '[5,15) 2'])
    // Rows 0 to 4 are in no window that is left, 5 and 6 in one of two.
    expect(script.tooLate.map(({ time }) => time)).toEqual([0, 1, 2, 3, 4])
    expect(script.operator.counts).toEqual({ rows: 8, late: 2, tooLate: 5, missedWindows: 2 })
  })

  it('shouldLogAndMeterWhenSkippingExpiredWindowByGrace: at end plus grace it is over', () => {
    const emit = { early: { afterRows: 1 } }
    const { script, take } = stream(fixed(10), 0, { latenessMs: 90, emit })
    expect(take(200, 100, 101, 102, 103, 104, 105, 6)).toEqual(['[200,210) 1'])
    expect(script.operator.counts.tooLate).toBe(7)
  })
})

describe('sessions (KStreamSessionWindowAggregateProcessorTest)', () => {
  /** Rows by key and time; sessions as there: from the first row to the last, and how many. */
  function sessions(...rows: readonly (readonly [string, number])[]): readonly string[] {
    const script = new WindowScript(session<Row>({ gapMs: gapMs + 1 }))
    for (const [key, time] of rows) script.take(time, 1, key)
    script.watermark(Number.POSITIVE_INFINITY)
    return script.panes.map(
      ({ key, window, rows: count }) => `${key} ${window.start}..${window.end - gapMs - 1} ${count}`,
    )
  }

  it('shouldCreateSingleSessionWhenWithinGap', () => {
    expect(sessions(['john', 0], ['john', 500])).toEqual(['john 0..500 2'])
  })

  it('shouldMergeSessions, shouldUpdateSessionIfTheSameTime', () => {
    expect(sessions(['mel', 0], ['mel', gapMs + 1])).toHaveLength(2)
    expect(sessions(['mel', 0], ['mel', gapMs + 1], ['mel', gapMs / 2])).toEqual([`mel 0..${gapMs + 1} 3`])
    expect(sessions(['mel', 0], ['mel', 0])).toEqual(['mel 0..0 2'])
  })

  it('shouldHaveMultipleSessionsForSameIdWhenTimestampApartBySessionGap', () => {
    const [one, two] = [gapMs + 1, 2 * (gapMs + 1)]
    const rows = [
      ['mel', 0],
      ['mel', one],
      ['mel', one],
      ['mel', two],
      ['mel', two],
      ['mel', two],
    ] as const
    expect(sessions(...rows)).toEqual(['mel 0..0 1', `mel ${one}..${one} 2`, `mel ${two}..${two} 3`])
  })

  it('shouldHandleMultipleSessionsAndMerging', () => {
    const [half, next, last] = [gapMs / 2, gapMs + 1, gapMs + 1 + gapMs / 2]
    const found = sessions(
      ['a', 0],
      ['b', 0],
      ['c', 0],
      ['d', 0],
      ['d', half],
      ['a', next],
      ['b', next],
      ['a', last],
      ['c', last],
    )
    expect(found).toEqual([
      'a 0..0 1',
      'b 0..0 1',
      'c 0..0 1',
      `d 0..${half} 2`,
      `b ${next}..${next} 1`,
      `a ${next}..${last} 2`,
      `c ${last}..${last} 1`,
    ])
  })

  it('shouldImmediatelyForwardRemovedSessionsWhenMerging: what a session was is taken back before what it is', () => {
    const script = new WindowScript(session<Row>({ gapMs: gapMs + 1 }), { emit: { early: { afterRows: 1 } } })
    script.take(0, 1).take(5, 1)
    expect(counts(script)).toEqual([`[0,${gapMs + 1}) 1`, `[0,${gapMs + 1}) gone`, `[0,${gapMs + 6}) 2`])
  })
})
