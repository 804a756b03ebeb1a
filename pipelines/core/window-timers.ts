/** When windows close and go, by event time, and when they speak early, by processing time. */
import { isMark, type KeptWindow, type KeyedWindows } from './kept-window.ts'
import { TimerQueue } from './timers.ts'

/** Timers of windows that merged or emitted stay until they are due; more of them beyond twice the windows are swept. */
export const staleTimersMax = 64

export class WindowTimers<S> {
  readonly #timers = new TimerQueue<KeptWindow<S>>()
  readonly #earlyTimers = new TimerQueue<KeptWindow<S>>()
  /** Windows of one time whose turn it is, the next one last. */
  #turn: KeptWindow<S>[] = []
  #turnAt = Number.NEGATIVE_INFINITY

  constructor(
    readonly latenessMs: number,
    readonly keyed: KeyedWindows<S>,
  ) {}

  /** How many wait, those for nothing included. */
  get size(): number {
    return this.#timers.size + this.#earlyTimers.size
  }

  /** For the window's close, or its end if it is closed. A timer due sooner stays: `due` finds that the end has moved. */
  schedule(window: KeptWindow<S>): void {
    const at = this.#dueAt(window)
    if (window.timerAt !== null && window.timerAt <= at) return
    window.timerAt = at
    this.#timers.add(at, window)
    if (this.#isCrowded(this.#timers)) this.#timers.sweep((of, time) => of.timerAt === time)
  }

  /** For the window's next early pane, where it has one. */
  scheduleEarly(window: KeptWindow<S>): void {
    const { earlyAt: at, earlyTimerAt } = window
    if (at === null || (earlyTimerAt !== null && earlyTimerAt <= at)) return
    window.earlyTimerAt = at
    this.#earlyTimers.add(at, window)
    if (this.#isCrowded(this.#earlyTimers)) this.#earlyTimers.sweep((of, time) => of.earlyTimerAt === time)
  }

  /**
   * The next window whose turn has come by the watermark; it has no timer any more. Those of one time come by their end,
   * start and key, so that two runs fire them alike.
   */
  due(watermark: number): KeptWindow<S> | null {
    for (;;) {
      const window = this.#turn.pop()
      if (window === undefined) {
        if (this.#timers.size === 0 || this.#timers.next > watermark) return null
        this.#turnAt = this.#timers.next
        this.#turn = this.#inTurn(this.#timers.takeNext())
      } else if (window.timerAt === this.#turnAt) {
        window.timerAt = null
        return window
      }
    }
  }

  /**
   * The windows whose early panes are due next, all of one instant, if that is by the processing time. They are sorted
   * here and not by the queue: a session's bounds are no longer what they were when its timer was set.
   */
  dueEarly(processingTime: number): readonly KeptWindow<S>[] {
    const at = this.#earlyTimers.next
    // Asked before each row, and mostly for nothing.
    if (this.#earlyTimers.size === 0 || at > processingTime) return none
    const due = this.#earlyTimers.takeNext().filter((window) => window.earlyTimerAt === at)
    return due.length === 0 ? this.dueEarly(processingTime) : due.sort(this.#byBounds)
  }

  nextEarly(): number | null {
    const timers = this.#earlyTimers
    // Windows that closed, or spoke because of their rows, leave theirs behind.
    while (timers.size > 0 && !timers.first().some((window) => window.earlyTimerAt === timers.next)) timers.takeNext()
    return timers.size > 0 ? timers.next : null
  }

  /** Those whose time is up, the first of them last. What goes and has nothing to say goes before, in any order. */
  #inTurn(windows: readonly KeptWindow<S>[]): KeptWindow<S>[] {
    const speaking: KeptWindow<S>[] = []
    const silent: KeptWindow<S>[] = []
    for (const window of windows) {
      if (window.timerAt !== this.#turnAt) continue
      if (this.#dueAt(window) > this.#turnAt) {
        window.timerAt = null
        this.schedule(window)
      } else if (window.closed && window.unemitted === 0 && !window.changed) silent.push(window)
      else speaking.push(window)
    }
    speaking.sort((a, b) => this.#byBounds(b, a))
    for (const window of silent) speaking.push(window)
    return speaking
  }

  readonly #byBounds = (a: KeptWindow<S>, b: KeptWindow<S>): number =>
    a.end - b.end || a.start - b.start || this.keyed.compare(a.owner.key, b.owner.key)

  #dueAt(window: KeptWindow<S>): number {
    if (isMark(window)) return window.reach + this.latenessMs
    return window.closed ? window.end + this.latenessMs : window.end
  }

  #isCrowded(timers: TimerQueue<KeptWindow<S>>): boolean {
    return timers.size > 2 * this.keyed.windows + staleTimersMax
  }
}

const none: readonly never[] = []
