import { describe, expect, it } from 'vitest'
import type { EventTime } from '../../core/event-time.ts'
import { type Row, WindowScript } from '../test/vectors/window-script.ts'
import { keyOverheadBytes, windowOverheadBytes } from './kept-window.ts'
import { timeOverheadBytes } from './session-rows.ts'
import { fixed } from './window/fixed.ts'
import { hopping } from './window/hopping.ts'
import { session } from './window/session.ts'

const ten = () => fixed<Row>(10)
const end = Number.POSITIVE_INFINITY

describe('a window that closes', () => {
  // row:        3        9
  // watermark:     9        10
  //                         ^ on time
  it('does so when the watermark is at its end, not before', () => {
    const script = new WindowScript(ten()).take(3).watermark(9).take(9)
    expect(script.said()).toEqual([])
    expect(script.watermark(10).said()).toEqual(['[0,10) #0 on time last upsert: 3,9'])
  })

  it('does so once, however often the watermark crosses its end or goes back', () => {
    const script = new WindowScript(ten(), { latenessMs: 20 }).take(3).watermark(15)
    script.watermark(12).watermark(5).watermark(15).watermark(29)
    expect(script.said()).toEqual(['[0,10) #0 on time upsert: 3'])
    expect(script.operator.watermark).toBe(29)
  })

  it('goes by end, then start, then key by code point, among those of one advance', () => {
    const script = new WindowScript(hopping<Row>({ sizeMs: 10, everyMs: 5 }))
    for (const key of ['😀', '\uffff', 'a']) script.take(7, 1, key)
    expect(script.watermark(end).values()).toEqual([
      'a [0,10) 1',
      '\uffff [0,10) 1',
      '😀 [0,10) 1',
      'a [5,15) 1',
      '\uffff [5,15) 1',
      '😀 [5,15) 1',
    ])
  })

  it('says nothing where nothing came since its last pane, if that is the rule', () => {
    const emit = { early: { afterRows: 2 }, onClose: 'where something came' } as const
    const script = new WindowScript(ten(), { emit }).take(1).take(2).take(13).watermark(end)
    expect(script.said()).toEqual(['[0,10) #0 early upsert: 1,2', '[10,20) #0 on time last upsert: 13'])
  })

  it('closes at the end of time too, and all state goes, however late rows may come', () => {
    const script = new WindowScript(ten(), { latenessMs: 'unbounded' }).take(3).watermark(1e15)
    expect(script.take(4).operator.windows).toBe(1)
    expect(script.watermark(end).operator.stateBytes).toBe(0)
    expect(script.said()).toEqual(['[0,10) #0 on time upsert: 3', '[0,10) #1 late upsert: 3,4'])
    expect(script.take(5).tooLate).toHaveLength(1)
  })
})

describe('windows of one key', () => {
  it('that have one start and several ends, as days of several zones may, stay apart', () => {
    const ends = [20, 10, 30]
    const script = new WindowScript({
      name: 'by row',
      merging: false,
      assign: (_, { value }) => [{ start: 0 as EventTime, end: (ends[value % 3] ?? 0) as EventTime }],
    })
    for (const value of [0, 1, 2, 3, 4, 5]) script.take(1, value)
    expect(script.watermark(end).values()).toEqual(['[0,10) 1,4', '[0,20) 0,3', '[0,30) 2,5'])
  })

  it('that a late row opens before others come in their place', () => {
    const script = new WindowScript(ten(), { latenessMs: 50 })
    for (const time of [35, 5, 25, 15, 6, 26]) script.take(time)
    expect(script.watermark(end).values()).toEqual(['[0,10) 5,6', '[10,20) 15', '[20,30) 25,26', '[30,40) 35'])
  })
})

describe('a late row', () => {
  it('is late where its time is before the watermark, and not where it is on it', () => {
    const script = new WindowScript(ten()).watermark(5).take(5).take(4)
    expect(script.operator.counts).toEqual({ rows: 2, late: 1, tooLate: 0, missedWindows: 0 })
  })

  // lateness 5:     10 closed     15 gone
  it('counts until the watermark is at its window’s end plus the lateness; then it is too late', () => {
    const script = new WindowScript(ten(), { latenessMs: 5 }).take(1).watermark(14).take(2)
    expect(script.said()).toEqual(['[0,10) #0 on time upsert: 1', '[0,10) #1 late upsert: 1,2'])
    script.watermark(15).take(3)
    expect(script.said()).toEqual([])
    expect(script.tooLate.map(({ value }) => value)).toEqual([3])
    expect(script.operator.counts).toEqual({ rows: 3, late: 1, tooLate: 1, missedWindows: 0 })
  })

  it('opens a window of its own up to the last millisecond of the lateness', () => {
    const script = new WindowScript(ten(), { latenessMs: 5 }).watermark(14).take(2)
    expect(script.said()).toEqual(['[0,10) #0 late upsert: 2'])
    script.watermark(15).take(3)
    expect(script.said()).toEqual([])
    expect(script.tooLate.map(({ value }) => value)).toEqual([3])
  })

  it('waits for others where late panes want several, and comes with the window’s last pane if they do not come', () => {
    const script = new WindowScript(ten(), { latenessMs: 5, emit: { late: { afterRows: 2 } } }).take(1).watermark(10)
    expect(script.said()).toHaveLength(1)
    expect(script.take(2).said()).toEqual([])
    expect(script.take(3).said()).toEqual(['[0,10) #1 late upsert: 1,2,3'])
    expect(script.take(4).watermark(15).said()).toEqual(['[0,10) #2 late last upsert: 1,2,3,4'])
  })

  it('comes with the window’s last pane where there are no late panes', () => {
    const script = new WindowScript(ten(), { latenessMs: 5, emit: { late: null } }).take(1).watermark(10).take(2)
    expect(script.watermark(14).said()).toEqual(['[0,10) #0 on time upsert: 1'])
    expect(script.watermark(15).said()).toEqual(['[0,10) #1 late last upsert: 1,2'])
  })
})

describe('early panes', () => {
  // clock:  0    3     5      8    10
  // rows:   1    2            3
  // panes:             1,2              1,2,3 at 13
  it('come so long after the first row that no pane had, and then after the next', () => {
    const script = new WindowScript(ten(), { emit: { early: { everyMs: 5 } } }).take(1).clock(3).take(2)
    expect(script.operator.nextTimer()).toBe(5)
    expect(script.clock(4).said()).toEqual([])
    expect(script.clock(5).said()).toEqual(['[0,10) #0 early upsert: 1,2'])
    expect(script.operator.nextTimer()).toBeNull()
    expect(script.clock(8).take(3).operator.nextTimer()).toBe(13)
    expect(script.clock(50).said()).toEqual(['[0,10) #1 early upsert: 1,2,3'])
  })

  it('that are due come before the row that brings the time', () => {
    const script = new WindowScript(ten(), { emit: { early: { everyMs: 5 } } }).take(1)
    script.operator.process({ key: 'k', value: 2, time: 2 }, 2 as EventTime, 5)
    expect(script.said()).toEqual(['[0,10) #0 early upsert: 1'])
    expect(script.operator.nextTimer()).toBe(10)
  })

  it('of one instant go by end, start and key', () => {
    const script = new WindowScript(ten(), { emit: { early: { everyMs: 5 } } })
    script.take(15, 1, 'a').take(5, 1, 'b').take(5, 1, 'a').clock(5)
    expect(script.values()).toEqual(['a [0,10) 1', 'b [0,10) 1', 'a [10,20) 1'])
  })

  it('after so many rows look at rows taken together when all are in', () => {
    const script = new WindowScript(ten(), { emit: { early: { afterRows: 2 } } }).together([1, 2, 3, 4, 5])
    expect(script.said()).toEqual(['[0,10) #0 early upsert: 1,2,3,4,5'])
  })

  it('come no more once the window has closed', () => {
    const script = new WindowScript(ten(), { latenessMs: 50, emit: { early: { everyMs: 5 }, late: { afterRows: 9 } } })
    script.take(1).watermark(10).take(2).clock(100)
    expect(script.said()).toEqual(['[0,10) #0 on time upsert: 1'])
  })
})

describe('the state of windows', () => {
  const oneRow = keyOverheadBytes + 2 + windowOverheadBytes + 8

  it('is counted: keys, windows and what aggregates keep', () => {
    const script = new WindowScript(ten()).take(1)
    expect(script.operator.stateBytes).toBe(oneRow)
    expect(script.take(2).operator.stateBytes).toBe(oneRow + 8)
    expect(script.take(12).operator.stateBytes).toBe(oneRow + 8 + windowOverheadBytes + 8)
    expect(script.watermark(10).operator.stateBytes).toBe(oneRow)
    expect(script.watermark(20).operator.stateBytes).toBe(0)
  })

  it('is that of each time where a longest length may cut sessions, and the window’s only once that is asked for', () => {
    const script = new WindowScript(session<Row>({ gapMs: 10, atMostMs: 50 }), { emit: { early: { afterRows: 3 } } })
    script.take(1).take(1)
    const kept = keyOverheadBytes + 2 + windowOverheadBytes
    expect(script.operator.stateBytes).toBe(kept + timeOverheadBytes + 16)
    expect(script.take(2).operator.stateBytes).toBe(kept + 2 * timeOverheadBytes + 24 + 24)
  })

  it('at its limit takes no row, loses none of those it took, and takes rows again when a window has gone', () => {
    const script = new WindowScript(ten(), { stateMaxBytes: oneRow + 1 }).take(1)
    expect(script.operator.isFull).toBe(false)
    script.take(2)
    expect(script.operator.isFull).toBe(true)
    const before = script.operator.snapshot()
    expect(() => script.take(3)).toThrowError(expect.objectContaining({ code: 'STATE_LIMIT', retry: 'afterBackoff' }))
    expect(script.operator.snapshot()).toEqual(before)
    expect(script.operator.counts.rows).toBe(2)
    expect(script.watermark(10).said()).toEqual(['[0,10) #0 on time last upsert: 1,2'])
    expect(script.take(13).operator.isFull).toBe(false)
  })

  it('takes no row at a limit of exactly what is kept', () => {
    expect(new WindowScript(ten(), { stateMaxBytes: oneRow }).take(1).operator.isFull).toBe(true)
  })

  it('refuses two states with the same key, and an operator that has begun', () => {
    const script = new WindowScript(ten()).take(1)
    const state = script.operator.snapshot()
    const other = new WindowScript(ten())
    expect(() => other.operator.restore([state, state], () => true)).toThrowError(
      'two states hold windows of the key k',
    )
    expect(() => script.operator.restore([state], () => true)).toThrowError('that has taken rows')
  })

  it('of several operators goes on from the least of their watermarks', () => {
    const [ahead, behind] = [new WindowScript(ten()).watermark(7), new WindowScript(ten()).watermark(3)]
    const both = new WindowScript(ten())
    both.operator.restore([ahead.operator.snapshot(), behind.operator.snapshot()], () => true)
    expect(both.operator.watermark).toBe(3)
    const none = new WindowScript(ten())
    none.operator.restore([ahead.operator.snapshot(), new WindowScript(ten()).operator.snapshot()], () => true)
    expect(none.operator.watermark).toBeNull()
  })

  it('of sessions with a longest length is not taken for that of sessions without', () => {
    const state = new WindowScript(session<Row>({ gapMs: 10, atMostMs: 50 })).take(1).operator.snapshot()
    const other = new WindowScript(session<Row>({ gapMs: 10 }))
    expect(() => other.operator.restore([state], () => true)).toThrowError('another longest length')
  })
})

describe('rules that are refused', () => {
  it.each([
    ['a lateness below 0', { latenessMs: -1 }],
    ['rows however late and no late panes', { latenessMs: 'unbounded' as const, emit: { late: null } }],
    ['early panes after 0 rows', { emit: { early: { afterRows: 0 } } }],
    ['early panes every 0 ms', { emit: { early: { everyMs: 0 } } }],
    ['late panes after half a row', { emit: { late: { afterRows: 0.5 } } }],
  ])('%s', (_, options) => {
    expect(() => new WindowScript(ten(), options)).toThrowError(expect.objectContaining({ code: 'PLAN_INVALID' }))
  })
})
