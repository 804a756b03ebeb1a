/** When windows close and go, by event time, and when they speak early, by processing time. */
import { compareText } from '../../core/text-order.ts'
import type { KeptWindow, KeyedWindows } from './kept-window.ts'
import { type Timer, TimerHeap } from './timers.ts'

/** Timers of windows that merged or emitted stay until they are due; more of them beyond twice the windows are swept. */
export const staleTimersMax = 64

export class WindowTimers<S> {
  readonly #timers = new TimerHeap<KeptWindow<S>>()
  readonly #earlyTimers = new TimerHeap<KeptWindow<S>>()

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
    const { timer, start, end } = window
    if (timer !== null && (timer.at < at || (timer.at === at && timer.start === start && timer.end === end))) return
    window.timer = { at, end, start, key: window.owner.key, of: window }
    this.#timers.push(window.timer)
    this.#sweep(this.#timers, ({ of }) => of.timer)
  }

  /** For the window's next early pane, where it has one. */
  scheduleEarly(window: KeptWindow<S>): void {
    const { earlyAt: at, earlyTimer, start, end } = window
    if (at === null || (earlyTimer !== null && earlyTimer.at <= at)) return
    window.earlyTimer = { at, end, start, key: window.owner.key, of: window }
    this.#earlyTimers.push(window.earlyTimer)
    this.#sweep(this.#earlyTimers, ({ of }) => of.earlyTimer)
  }

  /** The next window whose turn has come by the watermark; it has no timer any more. */
  due(watermark: number): KeptWindow<S> | null {
    for (;;) {
      const timer = this.#timers.first()
      if (timer === undefined || timer.at > watermark) return null
      this.#timers.pop()
      const window = timer.of
      if (window.timer !== timer) continue
      window.timer = null
      if (this.#dueAt(window) <= timer.at) return window
      this.schedule(window)
    }
  }

  /**
   * The windows whose early panes are due next, all of one instant, if that is by the processing time. They are sorted
   * here and not by the heap: a session's bounds are no longer what they were when its timer was set.
   */
  dueEarly(processingTime: number): readonly KeptWindow<S>[] {
    const at = this.nextEarly()
    if (at === null || at > processingTime) return []
    const due: KeptWindow<S>[] = []
    while (this.nextEarly() === at) due.push((this.#earlyTimers.pop() as Timer<KeptWindow<S>>).of)
    return due.sort((a, b) => a.end - b.end || a.start - b.start || compareText(a.owner.key, b.owner.key))
  }

  nextEarly(): number | null {
    for (;;) {
      const timer = this.#earlyTimers.first()
      if (timer === undefined) return null
      if (timer.of.earlyTimer === timer) return timer.at
      this.#earlyTimers.pop()
    }
  }

  #dueAt(window: KeptWindow<S>): number {
    return window.closed ? window.end + this.latenessMs : window.end
  }

  #sweep(
    timers: TimerHeap<KeptWindow<S>>,
    validOf: (timer: Timer<KeptWindow<S>>) => Timer<KeptWindow<S>> | null,
  ): void {
    if (timers.size > 2 * this.keyed.windows + staleTimersMax) timers.sweep((timer) => validOf(timer) === timer)
  }
}
