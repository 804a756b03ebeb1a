/** What an operator keeps of one window and key, and of one key. */
import { compareText } from '../../core/text-order.ts'
import type { EmittedWindow } from '../../schemas/avro/graph-state.ts'
import type { SessionRows } from './session-rows.ts'

/** Counted for what a window and a key cost beside their aggregates' state; measured on V8, rounded up. */
export const windowOverheadBytes = 256
export const keyOverheadBytes = 128

export interface KeptWindow<S> {
  readonly owner: KeyWindows<S>
  start: number
  end: number
  /** Of sessions: the end of the last row's own window. Above `end` where the longest length cut it. */
  reach: number
  /** Of sessions: where the longest length cuts it. */
  limit: number
  /** Of the rows since the last pane where panes discard, else of all. */
  state: S
  /** Rows in `state`, and in `rowsByTime` beyond what is folded. */
  rows: number
  /** Rows that no pane has had. */
  unemitted: number
  /** Its bounds or rows changed, by others' rows, since its last pane. */
  changed: boolean
  nextPane: number
  /** The watermark has reached its end. */
  closed: boolean
  /** The upsert that sinks hold of it; null where none, or where its bounds are others by now. */
  emitted: EmittedWindow | null
  /** Processing time of its next early pane. */
  earlyAt: number | null
  rowsByTime: SessionRows<S> | null
  bytes: number
  /** When its only valid timers are due; null where none waits. */
  timerAt: number | null
  earlyTimerAt: number | null
  isGone: boolean
}

/** Windows of one key, rising by start, then end. */
export interface KeyWindows<S> {
  readonly key: string
  readonly windows: KeptWindow<S>[]
  /** Upserts of windows that have other bounds now or are in others: to be retracted before what has their rows is emitted. */
  vanished: EmittedWindow[]
}

/**
 * Whether it is gone but for its bounds: a session that was cut, kept as long as a row may come, or is there, that goes on
 * from it.
 */
export function isMark<S>(window: KeptWindow<S>): boolean {
  return window.rowsByTime !== null && window.rows === 0
}

/** The place of the last window that starts at or before the time, -1 where none does. */
export function lastStartingBy<S>(windows: readonly KeptWindow<S>[], time: number): number {
  // Rows come nearly in order, so it is mostly the last.
  let [low, high] = [0, windows.length]
  if (high > 0 && (windows[high - 1] as KeptWindow<S>).start <= time) return high - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if ((windows[middle] as KeptWindow<S>).start <= time) low = middle + 1
    else high = middle
  }
  return low - 1
}

/** The place of the window with these bounds; where there is none, the place it would have, as `-place - 1`. */
export function placeOf<S>(windows: readonly KeptWindow<S>[], start: number, end: number): number {
  let at = lastStartingBy(windows, start)
  // Windows of one start and several ends: only where a key's rows name several zones.
  for (; at >= 0; at--) {
    const window = windows[at] as KeptWindow<S>
    if (window.start < start || window.end < end) break
    if (window.end === end) return at
  }
  return -(at + 1) - 1
}

/** Every key's windows. */
export class KeyedWindows<S> {
  readonly #byKey = new Map<string, KeyWindows<S>>()
  /** Whether `<` orders all keys there were. */
  #plain = true
  /** Rows of one key often follow each other. */
  #last: KeyWindows<S> | null = null
  #bytes = 0
  #windows = 0

  get bytes(): number {
    return this.#bytes
  }

  get windows(): number {
    return this.#windows
  }

  of(key: string): KeyWindows<S> | undefined {
    if (this.#last !== null && this.#last.key === key) return this.#last
    const found = this.#byKey.get(key)
    if (found !== undefined) this.#last = found
    return found
  }

  create(key: string): KeyWindows<S> {
    this.#plain &&= !surrogate.test(key)
    const made: KeyWindows<S> = { key, windows: [], vanished: [] }
    this.#byKey.set(key, made)
    this.#bytes += keyBytes(key)
    this.#last = made
    return made
  }

  insert(window: KeptWindow<S>, place: number): void {
    window.owner.windows.splice(place, 0, window)
    this.#windows += 1
    this.#bytes += window.bytes
  }

  /** Counts what the window's state now is. */
  resize(window: KeptWindow<S>, bytes: number): void {
    this.#bytes += bytes - window.bytes
    window.bytes = bytes
  }

  /** The window is no more, and its key with its last one. */
  remove(window: KeptWindow<S>): void {
    const { owner } = window
    owner.windows.splice(owner.windows.indexOf(window), 1)
    this.#windows -= 1
    window.isGone = true
    window.timerAt = null
    window.earlyTimerAt = null
    this.#bytes -= window.bytes
  }

  /** Forgets the key where nothing is kept of it. */
  tidy(owner: KeyWindows<S>): void {
    if (owner.windows.length > 0 || !this.#byKey.delete(owner.key)) return
    this.#bytes -= keyBytes(owner.key)
    if (this.#last === owner) this.#last = null
  }

  /** The order of two keys: by code point. */
  readonly compare = (a: string, b: string): number => {
    if (!this.#plain) return compareText(a, b)
    return a < b ? -1 : a > b ? 1 : 0
  }

  /** By code point of the key. */
  sorted(): readonly KeyWindows<S>[] {
    return [...this.#byKey.values()].sort((a, b) => this.compare(a.key, b.key))
  }
}

/** Without one of these, code points are in the order of UTF-16 units, which is that of `<` and much faster. */
const surrogate = /[\ud800-\udfff]/

function keyBytes(key: string): number {
  return keyOverheadBytes + 2 * key.length
}
