/**
 * Source: apache/beam, runners/core-java/src/test/java/org/apache/beam/runners/core/ReduceFnRunnerTest.java (Apache-2.0);
 * the name of each test there is in the test. Where a mocked trigger fires there, the rule that fires at the same place
 * stands here. Facts only, in our words.
 */
import { describe, expect, it } from 'vitest'
import { fixed } from '../../core/window/fixed.ts'
import { session } from '../../core/window/session.ts'
import { type Row, WindowScript } from './window-script.ts'

const ten = () => fixed<Row>(10)
const gapOfTen = () => session<Row>({ gapMs: 10 })

describe('panes of Beam', () => {
  it('testOnlyOneOnTimePane: a row after the on-time pane is late, though the watermark stands on the window’s end', () => {
    const script = new WindowScript(ten(), { latenessMs: 100 }).watermark(0).take(1).watermark(10).take(3)
    expect(script.said()).toEqual(['[0,10) #0 on time upsert: 1', '[0,10) #1 late upsert: 1,3'])
  })

  it.each(['always', 'where something came'] as const)(
    'testFixedWindowsEowAndGcTogether, …FireIfNonEmpty (%s): an advance past end and lateness brings one pane, the last',
    (onClose) => {
      const script = new WindowScript(ten(), { latenessMs: 50, emit: { onClose } }).watermark(0).take(1).watermark(100)
      expect(script.said()).toEqual(['[0,10) #0 on time last upsert: 1'])
    },
  )

  it('testSessionEowAndGcTogether: so it is for sessions', () => {
    const script = new WindowScript(gapOfTen(), { latenessMs: 50 }).watermark(0).take(1).watermark(100)
    expect(script.said()).toEqual(['[1,11) #0 on time last upsert: 1'])
  })

  it('testPaneInfoFinalAndOnTime: the on-time pane is the last one, though early ones came before', () => {
    const emit = { panes: 'discarding', early: { afterRows: 2 } } as const
    const script = new WindowScript(ten(), { latenessMs: 100, emit }).watermark(0).together([1, 2])
    expect(script.said()).toEqual(['[0,10) #0 early partial: 1,2'])
    expect(script.watermark(150).said()).toEqual(['[0,10) #1 on time last partial: '])
  })

  it('testPaneInfoAllStates: numbers rise over early, on time and late', () => {
    const emit = { panes: 'discarding', early: { afterRows: 1 }, onClose: 'where something came' } as const
    const script = new WindowScript(ten(), { latenessMs: 100, emit }).watermark(0).take(1).take(2).watermark(15)
    script.take(4).take(5)
    expect(script.said()).toEqual([
      '[0,10) #0 early partial: 1',
      '[0,10) #1 early partial: 2',
      '[0,10) #2 late partial: 4',
      '[0,10) #3 late partial: 5',
    ])
  })

  it('testPaneInfoAllStatesAfterWatermark: the on-time pane comes though empty', () => {
    const emit = { panes: 'discarding', early: { afterRows: 2 } } as const
    const script = new WindowScript(ten(), { latenessMs: 100, emit }).watermark(0).together([1, 2]).watermark(50)
    expect(script.said()).toEqual(['[0,10) #0 early partial: 1,2', '[0,10) #1 on time partial: '])
    // Differs: there, asked to fire always, the window says once more that nothing came when it goes.
    expect(script.watermark(150).said()).toEqual([])
  })

  it('noEmptyPanesFinalIfNonEmpty, testPaneInfoAllStatesAfterWatermarkAccumulating: the same again, on time', () => {
    const script = new WindowScript(ten(), { latenessMs: 100, emit: { early: { afterRows: 2 } } })
    script.watermark(0).together([1, 2]).watermark(20).watermark(250)
    expect(script.said()).toEqual(['[0,10) #0 early upsert: 1,2', '[0,10) #1 on time upsert: 1,2'])
  })

  it('testPaneInfoSkipToNonSpeculativeAndFinish: a window that begins behind the watermark begins late', () => {
    const script = new WindowScript(ten(), { latenessMs: 100 }).watermark(15).take(1)
    expect(script.said()).toEqual(['[0,10) #0 late upsert: 1'])
  })

  it('testWatermarkHoldAndLateData: rows that no pane has had yet come when the window goes, as its last', () => {
    const script = new WindowScript(ten(), { latenessMs: 10, emit: { late: { afterRows: 2 } } })
    script.take(1).take(3).take(2).watermark(8).take(6).watermark(10)
    expect(script.said()).toEqual(['[0,10) #0 on time upsert: 1,2,3,6'])
    expect(script.take(8).said()).toEqual([])
    expect(script.watermark(50).said()).toEqual(['[0,10) #1 late last upsert: 1,2,3,6,8'])
    expect(script.operator.stateBytes).toBe(0)
  })

  it('testCombiningAccumulatingProcessingTimeSeparateBundles, testLateProcessingTimeTimer: a gone window says nothing', () => {
    const script = new WindowScript(fixed<Row>(100), { emit: { early: { everyMs: 10 } } }).clock(5_000).take(2).take(5)
    expect(script.operator.nextTimer()).toBe(5_010)
    script.watermark(100)
    expect(script.operator.nextTimer()).toBeNull()
    script.clock(5_011).clock(6_000)
    expect(script.said()).toEqual(['[0,100) #0 on time last upsert: 2,5'])
  })

  it('testMergeBeforeFinalizing: sessions merge before they say anything', () => {
    const script = new WindowScript(gapOfTen()).together([1, 10]).watermark(100)
    expect(script.said()).toEqual(['[1,20) #0 on time last upsert: 1,10'])
  })

  it('testMergingWithCloseBeforeGC: a session closed and then gone says so once', () => {
    const script = new WindowScript(gapOfTen(), { latenessMs: 50 }).together([1, 10]).watermark(30).watermark(100)
    expect(script.said()).toEqual(['[1,20) #0 on time upsert: 1,10'])
  })
})
