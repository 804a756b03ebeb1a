/**
 * Source: apache/flink, flink-streaming-java/src/test/java/org/apache/flink/streaming/runtime/operators/windowing/
 * WindowOperatorTest.java, MergingWindowSetTest.java and EventTimeTriggerTest.java (Apache-2.0); the name of each test
 * there is in the test. A watermark of Flink says that nothing at or before it will come, ours that nothing before it
 * will: theirs of 1,999 is ours of 2,000. Facts only, in our words.
 */
import { describe, expect, it } from 'vitest'
import type { WindowAssigner } from '../../core/window/assigner.ts'
import { fixed } from '../../core/window/fixed.ts'
import { hopping } from '../../core/window/hopping.ts'
import { session } from '../../core/window/session.ts'
import { type Row, type ScriptOptions, WindowScript } from './window-script.ts'

class FlinkScript extends WindowScript {
  override watermark(to: number): this {
    return super.watermark(to + 1)
  }

  /** Rows of one key, each counting one. */
  ones(key: string, ...times: readonly number[]): this {
    for (const time of times) this.take(time, 1, key)
    return this
  }

  /** As Flink's tests have it: key, sum and last instant of each window, by instant and key. */
  sums(): readonly string[] {
    return this.panes
      .splice(0)
      .flatMap((pane) => (pane.kind === 'retract' ? [] : [`${pane.key} ${sum(pane.value)} @${pane.window.end - 1}`]))
  }

  /** Key, sum and bounds. */
  sessions(): readonly string[] {
    return this.panes.splice(0).map((pane) => {
      const value = pane.kind === 'retract' ? 'gone' : sum(pane.value)
      return `${pane.key}-${value} [${pane.window.start},${pane.window.end})`
    })
  }
}

function sum(values: string | null): number {
  return String(values)
    .split(',')
    .reduce((total, value) => total + Number(value), 0)
}

const flink = (assigner: WindowAssigner<Row>, options: ScriptOptions = {}) => new FlinkScript(assigner, options)

describe('fixed and hopping windows of Flink', () => {
  const outOfOrder = (script: FlinkScript) =>
    script.ones('key2', 3_999, 3_000).ones('key1', 20, 0, 999).ones('key2', 1_998, 1_999, 1_000)

  it('testSlidingEventTimeWindows: three seconds every one, a crash in between', () => {
    const script = outOfOrder(flink(hopping({ sizeMs: 3_000, everyMs: 1_000 })))
    expect(script.watermark(999).sums()).toEqual(['key1 3 @999'])
    expect(script.watermark(1_999).sums()).toEqual(['key1 3 @1999', 'key2 3 @1999'])
    expect(script.watermark(2_999).sums()).toEqual(['key1 3 @2999', 'key2 3 @2999'])
    script.crash()
    expect(script.watermark(3_999).sums()).toEqual(['key2 5 @3999'])
    expect(script.watermark(4_999).sums()).toEqual(['key2 2 @4999'])
    expect(script.watermark(5_999).sums()).toEqual(['key2 2 @5999'])
    expect(script.watermark(6_999).watermark(7_999).sums()).toEqual([])
  })

  it('testTumblingEventTimeWindows: three seconds, a crash in between', () => {
    const script = outOfOrder(flink(fixed(3_000)))
    expect(script.watermark(999).watermark(1_999).crash().sums()).toEqual([])
    expect(script.watermark(2_999).sums()).toEqual(['key1 3 @2999', 'key2 3 @2999'])
    expect(script.watermark(3_999).watermark(4_999).sums()).toEqual([])
    expect(script.watermark(5_999).sums()).toEqual(['key2 2 @5999'])
    expect(script.watermark(6_999).watermark(7_999).sums()).toEqual([])
  })

  it('testLateness: a late row is a pane of its own where panes discard, a too late one is none', () => {
    const script = flink(fixed(2_000), { latenessMs: 500, emit: { panes: 'discarding' } })
    script.ones('key2', 500).watermark(1_500).ones('key2', 1_300)
    expect(script.watermark(2_300).sums()).toEqual(['key2 2 @1999'])
    expect(script.ones('key2', 1_997).watermark(6_000).sums()).toEqual(['key2 1 @1999'])
    expect(script.ones('key2', 1_998).watermark(7_000).sums()).toEqual([])
    expect(script.tooLate).toHaveLength(1)
  })

  it('testSideOutputDueToLatenessTumbling: without lateness a row is too late once its window has closed', () => {
    const script = flink(fixed(2_000)).ones('key2', 1_000).watermark(1_985).ones('key2', 1_980)
    expect(script.watermark(1_999).sums()).toEqual(['key2 2 @1999'])
    expect(script.ones('key2', 1_998, 2_001).watermark(2_999).sums()).toEqual([])
    expect(script.watermark(3_999).sums()).toEqual(['key2 1 @3999'])
    expect(script.tooLate.map(({ time }) => time)).toEqual([1_998])
  })

  it('testSideOutputDueToLatenessSliding: a row counts in those of its windows that are open', () => {
    const script = flink(hopping({ sizeMs: 3_000, everyMs: 1_000 })).ones('key2', 1_000)
    expect(script.watermark(1_999).sums()).toEqual(['key2 1 @1999'])
    expect(script.ones('key2', 2_000).watermark(3_000).sums()).toEqual(['key2 2 @2999'])
    script.ones('key1', 3_001).ones('key2', 2_400, 2_400).ones('key1', 3_001).ones('key2', 3_900)
    expect(script.watermark(6_000).sums()).toEqual([
      'key1 2 @3999',
      'key2 5 @3999',
      'key1 2 @4999',
      'key2 4 @4999',
      'key1 2 @5999',
      'key2 1 @5999',
    ])
    expect(script.ones('key1', 3_001).watermark(25_000).sums()).toEqual([])
    expect(script.tooLate).toHaveLength(1)
    expect(script.operator.counts.missedWindows).toBe(2)
  })

  it('testCleanupTimerWithEmptyListStateForTumblingWindows2: state goes a lateness behind the last instant', () => {
    const script = flink(fixed(2_000), { latenessMs: 100 }).ones('key2', 1_000).watermark(1_599)
    expect(script.watermark(1_999).sums()).toEqual(['key2 1 @1999'])
    expect(script.watermark(2_098).operator.windows).toBe(1)
    expect(script.watermark(2_099).operator.windows).toBe(0)
    expect(script.watermark(5_000).sums()).toEqual([])
  })
})

describe('session windows of Flink', () => {
  const gap = () => session<Row>({ gapMs: 3_000 })

  it('testSessionWindows, testReduceSessionWindows: rows out of order, a crash in between', () => {
    const script = flink(gap()).take(0, 1, 'key2').take(1_000, 2, 'key2').take(2_500, 3, 'key2')
    script.take(10, 1, 'key1').take(1_000, 2, 'key1').crash().take(2_500, 3, 'key1')
    script.take(5_501, 4, 'key2').take(6_000, 5, 'key2').take(6_000, 5, 'key2').take(6_050, 6, 'key2')
    // Both end at 5,500; the one that started first goes first.
    expect(script.watermark(12_000).sessions()).toEqual(['key2-6 [0,5500)', 'key1-6 [10,5500)', 'key2-20 [5501,9050)'])
    script.take(15_000, 10, 'key2').take(15_000, 20, 'key2')
    expect(script.watermark(17_999).sessions()).toEqual(['key2-30 [15000,18000)'])
  })

  it('testSessionWindowsWithCountTrigger: a row that merges two brings the pane that neither had rows for', () => {
    const script = flink(gap(), { emit: { panes: 'discarding', early: { afterRows: 4 } } })
    script.take(0, 1, 'key2').take(1_000, 2, 'key2').take(2_500, 3, 'key2').take(3_500, 4, 'key2')
    script.take(10, 1, 'key1').take(1_000, 2, 'key1').crash().take(2_500, 3, 'key1')
    script.take(6_000, 1, 'key1').take(6_500, 2, 'key1').take(7_000, 3, 'key1')
    expect(script.sessions()).toEqual(['key2-10 [0,6500)'])
    expect(script.take(4_500, 10, 'key1').sessions()).toEqual(['key1-22 [10,10000)'])
  })

  /** Up to the session of 11,600, that all four tests have alike. */
  const begun = (options: ScriptOptions) => {
    const script = flink(gap(), options).ones('key2', 1_000).watermark(1_999).ones('key2', 2_000).watermark(4_998)
    // Late, but in a session that is open.
    script.ones('key2', 4_500, 8_500).watermark(7_400).ones('key2', 7_000).watermark(11_501)
    expect(script.sessions()).toEqual(['key2-5 [1000,11500)'])
    expect(script.ones('key2', 11_600).watermark(14_600).sessions()).toEqual(['key2-1 [11600,14600)'])
    return script
  }

  it.each(['accumulating', 'discarding'] as const)(
    'testSideOutputDueToLatenessSessionZeroLateness (%s panes): a row whose session is over is too late',
    (panes) => {
      const script = begun({ emit: { panes } }).ones('key2', 10_000, 10_100, 14_500)
      expect(script.watermark(20_000).sessions()).toEqual(['key2-1 [14500,17500)'])
      expect(script.tooLate.map(({ time }) => time)).toEqual([10_000, 10_100])
      expect(script.watermark(100_000).sessions()).toEqual([])
    },
  )

  it('testNotSideOutputDueToLatenessSessionWithLateness: a row that would be too late alone counts in a session still kept', () => {
    const script = begun({ latenessMs: 10 }).ones('key2', 10_000, 14_500)
    expect(script.sessions()).toEqual(['key2-gone [11600,14600)', 'key2-2 [10000,14600)'])
    expect(script.watermark(20_000).sessions()).toEqual(['key2-gone [10000,14600)', 'key2-3 [10000,17500)'])
    expect(script.watermark(100_000).sessions()).toEqual([])
  })

  it('testNotSideOutputDueToLatenessSessionWithHugeLateness: a late row joins two that had closed', () => {
    const script = begun({ latenessMs: 10_000 }).ones('key2', 10_000)
    expect(script.sessions()).toEqual(['key2-gone [1000,11500)', 'key2-gone [11600,14600)', 'key2-7 [1000,14600)'])
    expect(script.ones('key2', 14_500).watermark(20_000).sessions()).toEqual([
      'key2-gone [1000,14600)',
      'key2-8 [1000,17500)',
    ])
    expect(script.watermark(100_000).sessions()).toEqual([])
  })

  it('testNotSideOutputDueToLatenessSessionWithHugeLatenessPurgingTrigger: what came since, in the session it joined', () => {
    const script = begun({ latenessMs: 10_000, emit: { panes: 'discarding' } }).ones('key2', 10_000)
    expect(script.sessions()).toEqual(['key2-1 [1000,14600)'])
    expect(script.ones('key2', 14_500).watermark(20_000).sessions()).toEqual(['key2-1 [1000,17500)'])
  })

  it('testSideOutputDueToLatenessSessionWithLatenessPurgingTrigger: so also where only the last session is kept', () => {
    const script = begun({ latenessMs: 10, emit: { panes: 'discarding' } }).ones('key2', 10_000)
    expect(script.sessions()).toEqual(['key2-1 [10000,14600)'])
    expect(script.ones('key2', 14_500).watermark(20_000).sessions()).toEqual(['key2-1 [10000,17500)'])
    expect(script.tooLate).toEqual([])
  })

  it('testDynamicEventTimeSessionWindows: gaps of the row; the furthest end holds', () => {
    const gapOf = ({ key, value }: Row) => (key === 'key1' ? 3_000 : value === 10 ? 1_000 : 2_000)
    const script = flink(session<Row>({ gapMs: gapOf }))
      .take(10, 3, 'key1')
      .take(5_000, 4, 'key2')
      .take(6_000, 5, 'key2')
    expect(script.watermark(8_999).sessions()).toEqual(['key1-3 [10,3010)', 'key2-9 [5000,8000)'])
    script.take(9_000, 1, 'key2').take(10_000, 2, 'key2').take(10_500, 10, 'key2')
    expect(script.watermark(12_999).sessions()).toEqual(['key2-13 [9000,12000)'])
    script.take(13_000, 10, 'key2').take(13_500, 10, 'key2').take(14_000, 1, 'key2')
    expect(script.watermark(16_999).sessions()).toEqual(['key2-21 [13000,16000)'])
  })

  it('testCleanupTimerWithEmptyReduceStateForSessionWindows: state goes a lateness behind the last instant', () => {
    const script = flink(gap(), { latenessMs: 10 }).ones('key2', 1_000)
    expect(script.watermark(4_008).sessions()).toEqual(['key2-1 [1000,4000)'])
    expect(script.operator.windows).toBe(1)
    expect(script.watermark(4_009).operator.stateBytes).toBe(0)
    expect(script.watermark(14_600).sessions()).toEqual([])
  })
})

/** Rows whose own windows are these, in this order, and the windows of the key after all of them. */
function merged(...windows: readonly (readonly [number, number])[]): readonly string[] {
  const script = flink(session({ gapMs: ({ gap }: Row) => gap ?? 0 }))
  for (const [start, end] of windows) script.takeRow({ key: 'k', value: 1, time: start, gap: end - start })
  return script.operator
    .snapshot()
    .keys.flatMap(({ windows: kept }) => kept.map(({ start, end }) => `[${start},${end})`))
}

describe('merging of Flink (MergingWindowSetTest)', () => {
  it('testIncrementalMerging: windows that overlap become one, those inside it change nothing', () => {
    const first = [
      [0, 4],
      [0, 4],
      [3, 5],
      [4, 6],
    ] as const
    expect(merged(...first.slice(0, 2))).toEqual(['[0,4)'])
    expect(merged(...first.slice(0, 3))).toEqual(['[0,5)'])
    expect(merged(...first)).toEqual(['[0,6)'])
    expect(merged(...first, [1, 4], [0, 4], [3, 5], [4, 6])).toEqual(['[0,6)'])
    expect(merged(...first, [11, 14])).toEqual(['[0,6)', '[11,14)'])
    expect(merged(...first, [11, 14], [10, 13])).toEqual(['[0,6)', '[10,14)'])
    expect(merged(...first, [11, 14], [10, 13], [12, 15])).toEqual(['[0,6)', '[10,15)'])
  })

  it('testMergeLargeWindowCoveringSingleWindow, testAddingIdenticalWindows', () => {
    expect(merged([1, 2], [0, 3])).toEqual(['[0,3)'])
    expect(merged([1, 2], [1, 2])).toEqual(['[1,2)'])
  })

  it('testLateMerging differs: windows that only touch stay apart; one that overlaps them all joins them', () => {
    expect(merged([0, 3], [5, 8], [10, 13], [8, 10])).toEqual(['[0,3)', '[5,8)', '[8,10)', '[10,13)'])
    expect(merged([0, 3], [5, 8], [10, 13], [7, 11])).toEqual(['[0,3)', '[5,13)'])
    expect(merged([0, 3], [5, 8], [10, 13], [7, 11], [2, 6])).toEqual(['[0,13)'])
  })
})

describe('the event-time trigger of Flink (EventTimeTriggerTest)', () => {
  it('testWindowSeparationAndFiring: each window fires once, at its own last instant', () => {
    const script = flink(fixed(2)).ones('k', 0, 0, 1, 2, 3)
    expect(script.watermark(2).sums()).toEqual(['k 3 @1'])
    expect(script.watermark(4).sums()).toEqual(['k 2 @3'])
  })

  it('testLateElementTriggersImmediately: a row of a window already closed is a pane at once', () => {
    const script = flink(fixed(2), { latenessMs: 5 }).watermark(2).ones('k', 1)
    expect(script.said()).toEqual(['[0,2) #0 late upsert: 1'])
  })

  it('testMergingLateWindows: windows that merge behind the watermark bring one pane, not two', () => {
    const script = flink(session({ gapMs: 2 }), { latenessMs: 50 }).ones('k', 0, 2)
    expect(script.watermark(10).values()).toEqual(['[0,2) 1', '[2,4) 1'])
    expect(script.ones('k', 1).values()).toEqual(['[0,2) gone', '[2,4) gone', '[0,4) 1,1,1'])
    expect(script.watermark(20).values()).toEqual([])
  })
})
