import { describe, expect, it } from 'vitest'
import { type Row, WindowScript } from '../test/vectors/window-script.ts'
import { session } from './window/session.ts'

const end = Number.POSITIVE_INFINITY

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

  // 4           18
  // held:   [4,10)   [14,20)   then   0 4 9 | 14
  it('leave nothing behind in sinks where a session first took another in and then was cut off it', () => {
    const script = new WindowScript(session<Row>({ gapMs: 6, atMostMs: 14 }), {
      latenessMs: 25,
      emit: { early: { afterRows: 1 }, late: null },
    })
    script.take(4).take(14).watermark(19).take(9)
    expect(script.said().slice(-2)).toEqual(['[14,20) #0 early upsert: 14', '[4,10) #1 on time upsert: 4'])
    // Both are in [4,18) now, which is closed and speaks when it goes; a row before it cuts 14 off again.
    expect(script.take(0).said()).toEqual(['[14,20) #0 early retract', '[14,20) #2 early upsert: 14'])
    expect(script.watermark(end).said()).toEqual([
      '[14,20) #3 on time last upsert: 14',
      '[4,10) #1 late retract',
      '[0,14) #2 late last upsert: 0,4,9',
    ])
  })

  // at most 25:  5   13   21   29 | 30   38   46 | 54      stretches: 0  25  50  75
  it('that go on from a cut end with the stretch of the longest length in which they start', () => {
    const script = new WindowScript(upTo(25))
    for (const time of [5, 13, 21, 29, 30, 38, 46, 54]) script.take(time)
    expect(script.watermark(end).values()).toEqual(['[5,30) 5,13,21,29', '[30,50) 30,38,46', '[54,64) 54'])
  })

  it('that are cut go on as long as their reach does, and not behind a pause', () => {
    const of = (...times: number[]) => {
      const script = new WindowScript(upTo(25))
      for (const time of times) script.take(time)
      return script.watermark(end).values()
    }
    expect(of(5, 13, 21, 30, 38, 46, 54)).toEqual(['[5,30) 5,13,21', '[30,50) 30,38,46', '[54,64) 54'])
    expect(of(5, 13, 30, 38, 46, 54)).toEqual(['[5,23) 5,13', '[30,55) 30,38,46,54'])
  })

  it('that began behind a pause are cut where a row before shows that they go on', () => {
    const script = new WindowScript(upTo(25), { emit: { early: { everyMs: 1 } } })
    for (const time of [30, 38, 46, 54]) script.take(time)
    expect(script.clock(1).said()).toEqual(['[30,55) #0 early upsert: 30,38,46,54'])
    for (const time of [22, 14, 6]) script.take(time)
    expect(script.watermark(end).values()).toEqual([
      '[30,55) gone',
      ...['[6,31) 6,14,22,30', '[38,50) 38,46', '[54,64) 54'],
      // Once with the pane that took theirs back, once as they close.
      ...['[38,50) 38,46', '[54,64) 54'],
    ])
  })

  it.each(['without', 'with'])('go on from a cut though what was cut is gone, %s a crash', (how) => {
    const script = new WindowScript(upTo(25))
    for (const time of [5, 13, 21, 29]) script.take(time)
    expect(script.watermark(30).said()).toEqual(['[5,30) #0 on time last upsert: 5,13,21,29'])
    if (how === 'with') script.crash()
    // Within the gap of 29, so no pause is before it: it ends with the stretch to 50.
    for (const time of [36, 45, 49]) script.take(time)
    // What was cut takes no row any more.
    script.take(28)
    expect(script.operator.counts.tooLate).toBe(1)
    if (how === 'with') script.crash()
    expect(script.watermark(end).values().at(-1)).toBe('[36,50) 36,45,49')
    expect(script.operator.stateBytes).toBe(0)
  })

  it('that were cut are forgotten when no row can go on from them, or what does is gone itself', () => {
    const script = new WindowScript(upTo(25))
    const kept = () => script.operator.windows
    for (const time of [5, 13, 21, 29]) script.take(time)
    expect([script.watermark(38), kept()][1]).toBe(1)
    expect([script.watermark(39), kept(), script.operator.stateBytes].slice(1)).toEqual([0, 0])
    // A pause is before 39: it may last as long as may be.
    for (const time of [39, 48, 57]) script.take(time)
    expect(script.watermark(64).values().at(-1)).toBe('[39,64) 39,48,57')
    for (const time of [65, 74]) script.take(time)
    expect([script.watermark(73), kept()][1]).toBe(2)
    expect([script.watermark(84), kept()][1]).toBe(0)
    expect(script.values().at(-1)).toBe('[65,75) 65,74')
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
