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

describe('session windows', () => {
  const upTo = (atMostMs?: number) => session<Row>(atMostMs === undefined ? { gapMs: 10 } : { gapMs: 10, atMostMs })

  // 0         10        20
  // [---------)
  //           [---------)
  it('do not merge where they only touch: a row exactly a gap later begins another', () => {
    const script = new WindowScript(upTo()).take(0).take(10).take(29).watermark(end)
    expect(script.values()).toEqual(['[0,10) 0', '[10,20) 10', '[29,39) 29'])
  })

  it('open again where a late row makes them reach behind the watermark, and close on time once more', () => {
    const script = new WindowScript(upTo(), { latenessMs: 20 }).take(0).watermark(12)
    expect(script.said()).toEqual(['[0,10) #0 on time upsert: 0'])
    // Late, and its own window ends behind the watermark.
    expect(script.take(8).said()).toEqual([])
    expect(script.watermark(18).said()).toEqual(['[0,10) #0 on time retract', '[0,18) #1 on time upsert: 0,8'])
  })

  it('that merge are retracted by start, each with the number of its last pane, before what they became', () => {
    const script = new WindowScript(upTo(), { emit: { early: { afterRows: 1 } } }).take(0).take(1).take(15)
    expect(script.said().at(-1)).toBe('[15,25) #0 early upsert: 15')
    expect(script.take(9).said()).toEqual([
      '[0,11) #1 early retract',
      '[15,25) #0 early retract',
      '[0,25) #2 early upsert: 0,1,9,15',
    ])
  })

  // at most 25:  0    8    16   24 | 25      33 | 34
  it('are cut at the longest length from their first row, the row there beginning the next', () => {
    const script = new WindowScript(upTo(25))
    for (const time of [0, 8, 16, 24, 25, 33]) script.take(time)
    expect(script.watermark(end).values()).toEqual(['[0,25) 0,8,16,24', '[25,43) 25,33'])
  })

  it('are cut anew by a row before the first: what sinks held of both is retracted before the new panes', () => {
    const script = new WindowScript(upTo(25), { emit: { early: { everyMs: 1 } } })
    for (const time of [10, 18, 26, 34]) script.take(time)
    expect(script.clock(1).said()).toEqual(['[10,35) #0 early upsert: 10,18,26,34'])
    // From 2 on: 2, 10, 18 and 26 in the first 25, 34 in the next.
    expect(script.take(2).clock(2).said()).toEqual([
      '[10,35) #0 early retract',
      '[2,27) #1 early upsert: 2,10,18,26',
      '[34,44) #1 early upsert: 34',
    ])
  })

  // 0           14
  // held:   [0,6)   [10,16)   then   −4 0 5 | 10
  it('leave nothing behind in sinks where a session first took another in and then was cut off it', () => {
    const script = new WindowScript(session<Row>({ gapMs: 6, atMostMs: 14 }), {
      latenessMs: 25,
      emit: { early: { afterRows: 1 }, late: null },
    })
    script.take(0).take(10).watermark(15).take(5)
    expect(script.said().slice(-2)).toEqual(['[10,16) #0 early upsert: 10', '[0,6) #1 on time upsert: 0'])
    // Both are in [0,14) now, which is closed and speaks when it goes; a row before it cuts 10 off again.
    expect(script.take(-4).said()).toEqual(['[10,16) #0 early retract', '[10,16) #2 early upsert: 10'])
    expect(script.watermark(end).said()).toEqual([
      '[10,16) #3 on time last upsert: 10',
      '[0,6) #1 late retract',
      '[-4,10) #2 late last upsert: -4,0,5',
    ])
  })

  it('that were cut off with rows that panes had have no early pane of their own, after a crash neither', () => {
    const rows = [14, 15, 16].map((time) => ({ key: 'k', value: time, time, gap: 1 }))
    const said = [false, true].map((crashes) => {
      const emit = { early: { everyMs: 1 } }
      const script = new WindowScript(session<Row>({ gapMs: ({ gap }) => gap ?? 0, atMostMs: 14 }), { emit })
      for (const row of rows) script.takeRow(row)
      script.clock(1).takeRow({ key: 'k', value: 5, time: 5, gap: 12 })
      script.takeRow({ key: 'k', value: 0, time: 0, gap: 12 })
      if (crashes) script.crash()
      return script.clock(2).watermark(end).said()
    })
    expect(said[1]).toEqual(said[0])
    expect(said[0]?.filter((pane) => pane.startsWith('[15,16)'))).toEqual([
      '[15,16) #0 early upsert: 15',
      '[15,16) #0 on time retract',
      '[15,16) #1 on time last upsert: 15',
    ])
  })

  //     −3        5   8     11 12 14
  //      [---------)                    gap of the row
  //                [-----)
  //                    [------------)
  //                          [)   [)
  it('whose gaps are their rows’ fall apart where the row that held them together goes to the one before', () => {
    const script = new WindowScript(session<Row>({ gapMs: ({ gap }) => gap ?? 0, atMostMs: 14 }))
    const rows = [
      [5, 5],
      [8, 12],
      [11, 1],
      [14, 1],
      [-3, 12],
    ] as const
    for (const [time, gap] of rows) script.takeRow({ key: 'k', value: time, time, gap })
    expect(script.watermark(end).values()).toEqual(['[-3,11) -3,5,8', '[11,12) 11', '[14,15) 14'])
  })

  it('refuse discarding panes where a longest length cuts them: parts already given cannot be divided', () => {
    expect(() => new WindowScript(upTo(25), { emit: { panes: 'discarding' } })).toThrowError('cannot be taken back')
    expect(() => new WindowScript(upTo(), { emit: { panes: 'discarding' } })).not.toThrow()
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
