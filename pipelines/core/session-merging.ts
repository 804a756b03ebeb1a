/**
 * How session windows of one key become one, and are cut again where that would make them longer than the longest length.
 * Windows of a key never overlap: each starts at its first row, ends where its rows' own windows end or its limit is
 * reached, and what chains to it and starts before that is its own. The limit is that of core/visits.ts.
 */
import { type KeptWindow, type KeyedWindows, type KeyWindows, windowOverheadBytes } from './kept-window.ts'
import {
  appendSessionRows,
  countRows,
  foldSessionRows,
  furthestReach,
  placeOfTime,
  type SessionRows,
  type TimeRows,
  takeSessionRows,
} from './session-rows.ts'
import type { WindowAggregate } from './window-operator-options.ts'

export interface SessionContext<S> {
  readonly atMostMs: number
  readonly aggregate: WindowAggregate<never, S, unknown, unknown>
  readonly keyed: KeyedWindows<S>
  /** A window of the key without rows or bounds, not yet inserted. */
  open(owner: KeyWindows<S>, start: number): KeptWindow<S>
  /** The window's bounds or rows are others now. */
  touched(window: KeptWindow<S>): void
}

/** Puts things right after the window at `place` took a row, reached further or is new. */
export function settleSessions<S>(owner: KeyWindows<S>, place: number, context: SessionContext<S>): void {
  const { windows } = owner
  /** Windows up to here have other bounds than before, so they are to be looked at. */
  let last = place
  for (let at = place; at <= last; ) {
    const window = windows[at] as KeptWindow<S>
    const limit = limitOf(windows, at, context.atMostMs)
    if (limit < window.limit) last += cutBehind(window, at, limit, context)
    window.limit = limit
    const next = windows[at + 1]
    if (next === undefined || next.start >= window.reach || next.start >= limit) {
      bound(window, context)
      at += 1
      // Whether the next goes on from this one may be otherwise than before.
      if (next !== undefined && limitOf(windows, at, context.atMostMs) !== next.limit) last = Math.max(last, at)
      continue
    }
    const rows = next.rowsByTime
    const moving = rows === null ? 0 : placeOfTime(rows.times, limit)
    if (rows === null || moving === rows.times.length) {
      absorb(window, next, context)
      if (last > at) last -= 1
    } else {
      moveRows(window, next, moving, context)
      bound(window, context)
      last = Math.max(last, at + 1) + breakApart(next, at + 1, context)
      at += 1
    }
  }
}

/**
 * What begins behind a pause may last as long as the longest length; what goes on from a window that was cut ends with the
 * stretch of that length, counted from 1970, in which it starts. So no more of a key than its last two stretches decides
 * where it is cut.
 */
export function limitOf<S>(windows: readonly KeptWindow<S>[], place: number, atMostMs: number): number {
  if (atMostMs === Number.POSITIVE_INFINITY) return atMostMs
  const { start } = windows[place] as KeptWindow<S>
  return sessionLimit(start, windows[place - 1], atMostMs)
}

/** Of a window that starts behind this one. */
export function sessionLimit<S>(start: number, before: KeptWindow<S> | undefined, atMostMs: number): number {
  const goesOn = before !== undefined && before.reach > start
  return goesOn ? (Math.floor(start / atMostMs) + 1) * atMostMs : start + atMostMs
}

function bound<S>(window: KeptWindow<S>, { touched }: SessionContext<S>): void {
  window.end = Math.min(window.reach, window.limit)
  const { emitted } = window
  if (emitted !== null && (emitted.start !== window.start || emitted.end !== window.end)) {
    window.owner.vanished.push(emitted)
    window.emitted = null
    // Another limit may change its end and none of its rows.
    window.changed = true
  }
  touched(window)
}

/** All of `next` is the window's. */
function absorb<S>(window: KeptWindow<S>, next: KeptWindow<S>, { aggregate, keyed }: SessionContext<S>): void {
  window.reach = Math.max(window.reach, next.reach)
  window.rows += next.rows
  window.unemitted += next.unemitted
  window.changed ||= next.changed
  window.nextPane = Math.max(window.nextPane, next.nextPane)
  window.earlyAt = earlier(window.earlyAt, next.earlyAt)
  if (next.emitted !== null) window.owner.vanished.push(next.emitted)
  const [own, its] = [window.rowsByTime, next.rowsByTime]
  if (own === null || its === null) {
    window.state = aggregate.merge(window.state, next.state)
  } else {
    const isFolded = own.folded === own.times.length
    if (isFolded) {
      window.state = aggregate.merge(window.state, next.state)
      own.folded += its.folded
    }
    appendSessionRows(own, its)
  }
  keyed.remove(next)
  keyed.resize(window, bytesOf(window, aggregate))
}

/** The first `count` times of `next` are the window's; `next` starts with what is left. */
function moveRows<S>(window: KeptWindow<S>, next: KeptWindow<S>, count: number, context: SessionContext<S>): void {
  const own = window.rowsByTime as SessionRows<S>
  const its = next.rowsByTime as SessionRows<S>
  const moved = takeSessionRows(its, count, context.aggregate)
  appendSessionRows(own, moved)
  window.reach = Math.max(window.reach, furthestReach(moved))
  const rows = countRows(moved)
  window.rows += rows
  window.nextPane = Math.max(window.nextPane, next.nextPane)
  window.earlyAt = earlier(window.earlyAt, next.earlyAt)
  const left = next.rows - rows
  const staying = Math.min(next.unemitted, left)
  window.unemitted += next.unemitted - staying
  next.unemitted = staying
  restart(next, context)
  context.keyed.resize(window, bytesOf(window, context.aggregate))
}

/**
 * Where gaps differ from row to row, the row that held a window together may have gone to the one before. How many windows
 * there are more.
 */
function breakApart<S>(window: KeptWindow<S>, place: number, context: SessionContext<S>): number {
  const rows = window.rowsByTime as SessionRows<S>
  let reach = Number.NEGATIVE_INFINITY
  let at = 0
  for (; at < rows.times.length; at++) {
    const time = rows.times[at] as TimeRows<S>
    if (at > 0 && time.time >= reach) break
    reach = Math.max(reach, time.reach)
  }
  if (at === rows.times.length) return 0
  return divide(window, place, at, context)
}

/** The window went on from a pause, and goes on from a cut now: what lies behind its limit is another's. As `breakApart`. */
function cutBehind<S>(window: KeptWindow<S>, place: number, limit: number, context: SessionContext<S>): number {
  const { times } = window.rowsByTime as SessionRows<S>
  const count = placeOfTime(times, limit)
  return count === times.length ? 0 : divide(window, place, count, context)
}

/** The first `count` times stay the window's, the others are those of a new one, or several. How many. */
function divide<S>(window: KeptWindow<S>, place: number, count: number, context: SessionContext<S>): number {
  const rows = window.rowsByTime as SessionRows<S>
  const first = takeSessionRows(rows, count, context.aggregate)
  const rest = context.open(window.owner, (rows.times[0] as TimeRows<S>).time)
  rest.rowsByTime = { ...rows }
  window.rowsByTime = first
  rest.nextPane = window.nextPane
  context.keyed.insert(rest, place + 1)
  restart(rest, context)
  restart(window, context)
  rest.unemitted = Math.min(window.unemitted, rest.rows)
  window.unemitted -= rest.unemitted
  rest.earlyAt = rest.unemitted > 0 ? window.earlyAt : null
  return 1 + breakApart(rest, place + 1, context)
}

/** Reads the window's bounds, rows and state off its rows by time, anew. */
function restart<S>(window: KeptWindow<S>, { aggregate, keyed }: SessionContext<S>): void {
  const rows = window.rowsByTime as SessionRows<S>
  rows.folded = 0
  window.state = aggregate.create()
  window.start = (rows.times[0] as TimeRows<S>).time
  window.reach = furthestReach(rows)
  window.rows = countRows(rows)
  window.changed = true
  keyed.resize(window, bytesOf(window, aggregate))
}

/** Folds what has come into the window's state. */
export function foldRows<S>(window: KeptWindow<S>, aggregate: SessionContext<S>['aggregate']): void {
  if (window.rowsByTime !== null) window.state = foldSessionRows(window.rowsByTime, window.state, aggregate)
}

/** What the limit of state counts for a window. */
export function bytesOf<S>(window: KeptWindow<S>, aggregate: SessionContext<S>['aggregate']): number {
  return windowOverheadBytes + aggregate.size(window.state) + (window.rowsByTime?.bytes ?? 0)
}

export function earlier(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b
  return Math.min(a, b)
}
