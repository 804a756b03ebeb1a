/**
 * Source: apache/beam, sdks/python/apache_beam/testing/data/trigger_transcripts.yaml (Apache-2.0); the name of each
 * transcript is in the test. Bounds are inclusive there ([0,9] is our [0,10)), a trigger looks at a bundle when all of it
 * is in, and the default lateness is without limit. Facts only, in our words.
 */
import { describe, expect, it } from 'vitest'
import { fixed } from '../../core/window/fixed.ts'
import { session } from '../../core/window/session.ts'
import { WindowScript } from './window-script.ts'

const ten = () => fixed<never>(10)

describe('the trigger transcripts of Beam', () => {
  it('fixed_default: a window says once what it holds as the watermark passes its end', () => {
    const script = new WindowScript(ten(), { latenessMs: 'unbounded' }).together([1, 2, 3, 10, 11])
    expect(script.said()).toEqual([])
    expect(script.watermark(25).said()).toEqual(['[0,10) #0 on time upsert: 1,2,3', '[10,20) #0 on time upsert: 10,11'])
  })

  it('fixed_default_late_data: a late row brings the whole window again, as late', () => {
    const script = new WindowScript(ten(), { latenessMs: 'unbounded' }).together([1, 2, 3, 10, 11, 25]).watermark(100)
    expect(script.said()).toEqual([
      '[0,10) #0 on time upsert: 1,2,3',
      '[10,20) #0 on time upsert: 10,11',
      '[20,30) #0 on time upsert: 25',
    ])
    expect(script.together([7]).said()).toEqual(['[0,10) #1 late upsert: 1,2,3,7'])
  })

  it('early_late_sessions: a session says early what two rows brought, and late what three did, as one window', () => {
    const emit = { early: { afterRows: 2 }, late: { afterRows: 3 } }
    const script = new WindowScript(session({ gapMs: 10 }), { latenessMs: 'unbounded', emit })
    expect(script.together([1, 2, 3]).said()).toEqual(['[1,13) #0 early upsert: 1,2,3'])
    expect(script.together([4]).said()).toEqual([])
    // Beam's next pane names the longer window; that the shorter one is no more, only we say.
    expect(script.together([5]).said()).toEqual(['[1,13) #0 early retract', '[1,15) #1 early upsert: 1,2,3,4,5'])
    expect(script.together([6]).watermark(100).said()).toEqual([
      '[1,15) #1 on time retract',
      '[1,16) #2 on time upsert: 1,2,3,4,5,6',
    ])
    expect(script.together([1]).said()).toEqual([])
    expect(script.together([3, 4]).said()).toEqual(['[1,16) #3 late upsert: 1,1,2,3,3,4,4,5,6'])
  })

  it('discarding_early_fixed: every pane holds what came since, the last one even nothing', () => {
    const script = new WindowScript(ten(), { emit: { panes: 'discarding', early: { afterRows: 2 } } })
    expect(script.together([1, 2, 3]).said()).toEqual(['[0,10) #0 early partial: 1,2,3'])
    expect(script.together([4]).said()).toEqual([])
    expect(script.together([14]).said()).toEqual([])
    expect(script.together([5]).said()).toEqual(['[0,10) #1 early partial: 4,5'])
    expect(script.together([18]).said()).toEqual(['[10,20) #0 early partial: 14,18'])
    expect(script.together([6]).watermark(100).said()).toEqual([
      '[0,10) #2 on time last partial: 6',
      '[10,20) #1 on time last partial: ',
    ])
  })

  it('garbage_collection: the state of a window is gone once the watermark passes its end and the lateness', () => {
    // There the trigger ends the window after two rows, which is not in our closed set; what is kept when, is.
    const script = new WindowScript(ten(), { latenessMs: 10, emit: { panes: 'discarding', early: { afterRows: 2 } } })
    script.together([1, 2, 3, 10, 11, 25])
    expect(script.operator.windows).toBe(3)
    expect(script.watermark(19).operator.windows).toBe(3)
    expect(script.watermark(20).operator.windows).toBe(2)
    expect(script.watermark(30).operator.windows).toBe(1)
    expect(script.watermark(40).operator.stateBytes).toBe(0)
  })

  it('known_late_data_watermark: a row behind the watermark is in time while its window is open', () => {
    const script = new WindowScript(ten(), { latenessMs: 'unbounded' })
      .watermark(5)
      .together([2, 3, 7, 8])
      .watermark(11)
    expect(script.said()).toEqual(['[0,10) #0 on time upsert: 2,3,7,8'])
    expect(script.operator.counts.late).toBe(2)
  })

  it('known_late_data_no_watermark_hold_possible: also where all of them are behind it', () => {
    const script = new WindowScript(ten(), { latenessMs: 'unbounded' }).watermark(8).together([2, 3, 7]).watermark(11)
    expect(script.said()).toEqual(['[0,10) #0 on time upsert: 2,3,7'])
    expect(script.operator.counts.late).toBe(3)
  })
})
