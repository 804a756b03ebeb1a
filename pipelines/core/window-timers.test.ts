import { describe, expect, it } from 'vitest'
import { type KeptWindow, KeyedWindows } from './kept-window.ts'
import { staleTimersMax, WindowTimers } from './window-timers.ts'

function windowOf(keyed: KeyedWindows<null>, key: string, start: number, end: number): KeptWindow<null> {
  const owner = keyed.of(key) ?? keyed.create(key)
  const window: KeptWindow<null> = {
    owner,
    start,
    end,
    reach: end,
    limit: Number.POSITIVE_INFINITY,
    state: null,
    rows: 0,
    unemitted: 0,
    changed: false,
    nextPane: 0,
    closed: false,
    emitted: null,
    earlyAt: null,
    rowsByTime: null,
    bytes: 0,
    timerAt: null,
    earlyTimerAt: null,
    isGone: false,
  }
  keyed.insert(window, owner.windows.length)
  return window
}

function setUp(latenessMs = 0) {
  const keyed = new KeyedWindows<null>()
  return { keyed, timers: new WindowTimers(latenessMs, keyed), open: windowOf.bind(null, keyed) }
}

describe('timers of windows', () => {
  it('are due at the end, and once the window has closed a lateness behind it', () => {
    const { timers, open } = setUp(5)
    const window = open('k', 0, 10)
    timers.schedule(window)
    expect(timers.due(9)).toBeNull()
    expect(timers.due(10)).toBe(window)
    window.closed = true
    timers.schedule(window)
    expect(timers.due(14)).toBeNull()
    expect(timers.due(15)).toBe(window)
    expect(timers.due(100)).toBeNull()
  })

  it('wait for an end that has moved on, and come in their turn among the others', () => {
    const { timers, open } = setUp()
    const [grows, stays] = [open('k', 0, 10), open('k', 15, 20)]
    timers.schedule(grows)
    timers.schedule(stays)
    grows.end = 25
    expect([timers.due(100), timers.due(100), timers.due(100)]).toEqual([stays, grows, null])
  })

  it('come sooner where an end has moved nearer, and then not again', () => {
    const { timers, open } = setUp()
    const window = open('k', 0, 10)
    timers.schedule(window)
    window.end = 5
    timers.schedule(window)
    expect(timers.due(5)).toBe(window)
    expect(timers.due(100)).toBeNull()
  })

  it('that wait for nothing are swept when there are more of them than the limit beyond twice the windows', () => {
    const { timers, open } = setUp()
    const window = open('k', 0, 10_000)
    // The valid one, and as many that no longer are as may be.
    for (let stale = 0; stale <= staleTimersMax + 1; stale++) {
      window.end -= 1
      timers.schedule(window)
    }
    expect(timers.size).toBe(staleTimersMax + 2)
    window.end -= 1
    timers.schedule(window)
    expect(timers.size).toBe(1)
    expect(timers.due(window.end)).toBe(window)
  })

  it('of early panes come together, those of one instant by bounds as they are now', () => {
    const { timers, open } = setUp()
    const [first, second, later] = [open('k', 0, 10), open('k', 20, 30), open('k', 40, 50)]
    for (const window of [first, second, later]) {
      window.earlyAt = window === later ? 8 : 7
      timers.scheduleEarly(window)
    }
    first.end = 35
    expect(timers.nextEarly()).toBe(7)
    expect(timers.dueEarly(6)).toEqual([])
    expect(timers.dueEarly(9)).toEqual([second, first])
    expect(timers.dueEarly(9)).toEqual([later])
    expect(timers.nextEarly()).toBeNull()
  })
})
