/** The window operator: where a row goes, and which panes rows and time bring about. */
import { StateLimitError } from '../../core/errors.ts'
import type { EventTime } from '../../core/event-time.ts'
import type { WindowState } from '../../schemas/avro/graph-state.ts'
import {
  isMark,
  type KeptWindow,
  KeyedWindows,
  type KeyWindows,
  lastStartingBy,
  placeOf,
  windowOverheadBytes,
} from './kept-window.ts'
import { PaneWriter } from './pane-writer.ts'
import { bytesOf, limitOf, type SessionContext, sessionLimit, settleSessions } from './session-merging.ts'
import { addSessionRow, noSessionRows } from './session-rows.ts'
import { isSessionAssigner, type SessionAssigner } from './window/assigner.ts'
import type { WindowOperator } from './window-operator.ts'
import type { WindowCounts, WindowOperatorOptions } from './window-operator-options.ts'
import { restoredWindow, storedKey } from './window-snapshot.ts'
import { WindowTimers } from './window-timers.ts'

export class KeyedWindowOperator<R, S, V, P> implements WindowOperator<R, P> {
  readonly #options: WindowOperatorOptions<R, S, V, P>
  readonly #latenessMs: number
  readonly #speaksEarly: boolean
  readonly #session: SessionAssigner<R> | null
  readonly #sessions: SessionContext<S>
  readonly #keyed = new KeyedWindows<S>()
  readonly #writer: PaneWriter<R, S, V, P>
  readonly #timers: WindowTimers<S>
  readonly #counts = { rows: 0, late: 0, tooLate: 0, missedWindows: 0 }
  /** Windows that rows went to, whose panes after so many rows are yet to be judged. */
  readonly #touched: KeptWindow<S>[] = []
  #watermark = Number.NEGATIVE_INFINITY
  #processingTime = Number.NEGATIVE_INFINITY

  constructor(options: WindowOperatorOptions<R, S, V, P>) {
    this.#options = options
    this.#latenessMs = options.latenessMs === 'unbounded' ? Number.POSITIVE_INFINITY : options.latenessMs
    this.#speaksEarly = options.emit.early !== null
    this.#timers = new WindowTimers(this.#latenessMs, this.#keyed)
    this.#session = isSessionAssigner(options.assigner) ? options.assigner : null
    const atMostMs = this.#session?.atMostMs ?? Number.POSITIVE_INFINITY
    this.#writer = new PaneWriter(options, this.#keyed, atMostMs)
    this.#sessions = {
      atMostMs,
      aggregate: options.aggregate,
      keyed: this.#keyed,
      open: (owner, start) => this.#open(owner, start, start),
      touched: (window) => this.#bounded(window),
    }
  }

  get watermark(): number | null {
    return this.#watermark === Number.NEGATIVE_INFINITY ? null : this.#watermark
  }

  get stateBytes(): number {
    return this.#keyed.bytes
  }

  get isFull(): boolean {
    return this.#keyed.bytes >= this.#options.limits.stateMaxBytes
  }

  get windows(): number {
    return this.#keyed.windows
  }

  get counts(): WindowCounts {
    return { ...this.#counts }
  }

  process(row: R, time: EventTime, processingTime: number): void {
    this.#needRoom()
    this.advanceProcessingTime(processingTime)
    this.#take(row, time)
    this.#judgeTouched()
  }

  processTogether(rows: readonly { readonly row: R; readonly time: EventTime }[], processingTime: number): void {
    this.#needRoom()
    this.advanceProcessingTime(processingTime)
    for (const { row, time } of rows) this.#take(row, time)
    this.#judgeTouched()
  }

  advanceWatermark(to: number): void {
    if (!(to > this.#watermark)) return
    this.#watermark = to
    for (let window = this.#timers.due(to); window !== null; window = this.#timers.due(to)) {
      if (window.closed) this.#goes(window)
      else this.#closes(window)
    }
  }

  advanceProcessingTime(to: number): void {
    if (!(to > this.#processingTime)) return
    this.#processingTime = to
    for (let due = this.#timers.dueEarly(to); due.length > 0; due = this.#timers.dueEarly(to)) {
      for (const window of due) if (window.earlyAt !== null) this.#writer.write(window, 'early', 'open')
    }
  }

  nextTimer(): number | null {
    return this.#timers.nextEarly()
  }

  snapshot(): WindowState<P> {
    const { aggregate } = this.#options
    const keys = this.#keyed.sorted().map((owner) => storedKey(owner, aggregate))
    return { watermark: stored(this.#watermark), processingTime: stored(this.#processingTime), keys }
  }

  restore(states: readonly WindowState<P>[], isOurs: (key: string) => boolean): void {
    if (this.#counts.rows > 0 || this.windows > 0) {
      throw new RangeError('an operator that has taken rows restores nothing')
    }
    if (states.length === 0) return
    this.#watermark = Math.min(...states.map(({ watermark }) => restored(watermark)))
    this.#processingTime = Math.max(...states.map(({ processingTime }) => restored(processingTime)))
    for (const { key, windows, vanished } of states.flatMap(({ keys }) => keys)) {
      if (!isOurs(key)) continue
      if (this.#keyed.of(key) !== undefined) throw new RangeError(`two states hold windows of the key ${key}`)
      const owner = this.#keyed.create(key)
      owner.vanished = [...vanished]
      for (const kept of windows) {
        const window = restoredWindow(this.#open(owner, kept.start, kept.end), kept, this.#options.aggregate)
        const place = owner.windows.length
        this.#keyed.insert(window, place)
        window.limit = limitOf(owner.windows, place, this.#sessions.atMostMs)
        this.#timers.schedule(window)
        this.#timers.scheduleEarly(window)
      }
    }
  }

  #needRoom(): void {
    if (!this.isFull) return
    throw new StateLimitError(this.#options.step, this.stateBytes, this.#options.limits.stateMaxBytes)
  }

  #take(row: R, time: EventTime): void {
    const taken = this.#session === null ? this.#takeAssigned(row, time) : this.#takeSession(this.#session, row, time)
    this.#counts.rows += 1
    if (!taken) {
      this.#counts.tooLate += 1
      this.#options.output.tooLate(row, time)
    } else if (time < this.#watermark) {
      this.#counts.late += 1
    }
  }

  #takeAssigned(row: R, time: EventTime): boolean {
    const windows = this.#options.assigner.assign(time, row)
    const key = this.#options.keyOf(row)
    let owner = this.#keyed.of(key)
    let missed = 0
    for (const { start, end } of windows) {
      const place = owner === undefined ? -1 : placeOf(owner.windows, start, end)
      let window = place < 0 ? undefined : owner?.windows[place]
      if (window === undefined) {
        if (end + this.#latenessMs <= this.#watermark) {
          missed += 1
          continue
        }
        owner ??= this.#keyed.create(key)
        window = this.#open(owner, start, end)
        this.#keyed.insert(window, -place - 1)
        this.#timers.schedule(window)
      }
      window.state = this.#options.aggregate.add(window.state, row)
      this.#tookRow(window)
    }
    if (missed === windows.length) return false
    this.#counts.missedWindows += missed
    return true
  }

  #takeSession(session: SessionAssigner<R>, row: R, time: EventTime): boolean {
    const reach = session.reach(time, row)
    const key = this.#options.keyOf(row)
    let owner = this.#keyed.of(key)
    let place = owner === undefined ? -1 : lastStartingBy(owner.windows, time)
    let window = owner?.windows[place]
    const next = owner?.windows[place + 1]
    if (next !== undefined && isMark(next)) return false
    if (window !== undefined && time < window.end && isMark(window)) return false
    if (window === undefined || time >= window.end) {
      const end = Math.min(reach, sessionLimit(time, window, session.atMostMs))
      const joins = next !== undefined && next.start < end
      if (!joins && end + this.#latenessMs <= this.#watermark) return false
      owner ??= this.#keyed.create(key)
      window = this.#open(owner, time, end)
      place += 1
      this.#keyed.insert(window, place)
    }
    this.#addToSession(window, row, time, reach)
    this.#tookRow(window)
    if (reach <= window.reach && window.timerAt !== null) return true
    window.reach = Math.max(reach, window.reach)
    settleSessions(window.owner, place, this.#sessions)
    return true
  }

  #addToSession(window: KeptWindow<S>, row: R, time: EventTime, reach: number): void {
    const { aggregate } = this.#options
    const rows = window.rowsByTime
    const isFolded = rows === null || addSessionRow(rows, { time, reach, row }, aggregate)
    if (isFolded) window.state = aggregate.add(window.state, row)
  }

  #tookRow(window: KeptWindow<S>): void {
    window.rows += 1
    window.unemitted += 1
    this.#keyed.resize(window, bytesOf(window, this.#options.aggregate))
    if (this.#speaksEarly || window.closed) this.#touched.push(window)
  }

  /** A session window has new bounds: it may be open again, or have been over before it was. */
  #bounded(window: KeptWindow<S>): void {
    window.closed = this.#watermark >= window.end
    if (window.closed || window.unemitted === 0) {
      window.earlyAt = null
      window.earlyTimerAt = null
    }
    this.#timers.scheduleEarly(window)
    this.#timers.schedule(window)
    if (this.#speaksEarly || window.closed) this.#touched.push(window)
  }

  #open(owner: KeyWindows<S>, start: number, end: number): KeptWindow<S> {
    return {
      owner,
      start,
      end,
      reach: end,
      limit: Number.POSITIVE_INFINITY,
      state: this.#options.aggregate.create(),
      rows: 0,
      unemitted: 0,
      changed: false,
      nextPane: 0,
      closed: this.#watermark >= end,
      emitted: null,
      earlyAt: null,
      rowsByTime: this.#sessions.atMostMs === Number.POSITIVE_INFINITY ? null : noSessionRows(),
      bytes: windowOverheadBytes,
      timerAt: null,
      earlyTimerAt: null,
      isGone: false,
    }
  }

  // Panes that rows bring about, then those that time does.

  #judgeTouched(): void {
    const touched = this.#touched
    // One by one off the end is cheaper than to empty a list, and there is mostly one; but they are judged in their order.
    if (touched.length > 1) touched.reverse()
    for (let window = touched.pop(); window !== undefined; window = touched.pop()) {
      if (!window.isGone) this.#judge(window)
    }
  }

  #judge(window: KeptWindow<S>): void {
    const { early, late } = this.#options.emit
    if (!window.closed) {
      if (early === null || window.unemitted === 0) return
      if ('everyMs' in early) {
        window.earlyAt ??= this.#processingTime + early.everyMs
        this.#timers.scheduleEarly(window)
      } else if (window.unemitted >= early.afterRows) this.#writer.write(window, 'early', 'open')
    } else if (this.#watermark >= window.end + this.#latenessMs) this.#goes(window)
    else if (late !== null && window.unemitted >= late.afterRows) {
      this.#writer.write(window, 'late', 'open')
    }
  }

  #closes(window: KeptWindow<S>): void {
    window.closed = true
    // Where one advance passes the window's going too, nothing can follow its on-time pane.
    const isLast = this.#watermark >= window.end + this.#latenessMs
    if (this.#options.emit.onClose === 'always' || window.unemitted > 0 || window.changed) {
      this.#writer.write(window, 'on time', isLast ? 'last' : 'open')
    }
    if (isLast) this.#forget(window)
    else this.#timers.schedule(window)
  }

  #goes(window: KeptWindow<S>): void {
    if (isMark(window)) {
      if (!this.#isNeeded(window)) this.#remove(window)
      return
    }
    if (window.unemitted > 0 || window.changed) this.#writer.write(window, 'late', 'last')
    this.#forget(window)
  }

  /** Of a session that was cut a mark stays while a row may come, or is there, that goes on from it. */
  #forget(window: KeptWindow<S>): void {
    if (window.rowsByTime === null) {
      this.#remove(window)
      return
    }
    const { windows } = window.owner
    const before = windows[windows.indexOf(window) - 1]
    if (before !== undefined && isMark(before)) this.#keyed.remove(before)
    if (window.reach === window.end || !this.#isNeeded(window)) {
      this.#remove(window)
      return
    }
    window.rowsByTime = noSessionRows()
    window.state = this.#options.aggregate.create()
    window.rows = 0
    window.emitted = null
    this.#keyed.resize(window, bytesOf(window, this.#options.aggregate))
    this.#timers.schedule(window)
  }

  /** Of a session that was cut and is gone: whether it still decides where one behind it ends. */
  #isNeeded(window: KeptWindow<S>): boolean {
    const { windows } = window.owner
    const next = windows[windows.indexOf(window) + 1]
    if (next === undefined || next.start >= window.reach) return this.#watermark < window.reach + this.#latenessMs
    return !isMark(next)
  }

  #remove(window: KeptWindow<S>): void {
    this.#keyed.remove(window)
    this.#keyed.tidy(window.owner)
  }
}

/** As plain data has it: not every encoding keeps infinities. */
function stored(time: number): number | null {
  if (time === Number.NEGATIVE_INFINITY) return null
  return Math.min(time, Number.MAX_SAFE_INTEGER)
}

function restored(time: number | null): number {
  if (time === null) return Number.NEGATIVE_INFINITY
  return time === Number.MAX_SAFE_INTEGER ? Number.POSITIVE_INFINITY : time
}
