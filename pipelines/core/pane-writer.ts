/** Makes panes of what windows hold, and takes back what sinks hold of windows that merged or were cut anew. */
import type { EmittedWindow } from '../../schemas/avro/graph-state.ts'
import type { KeptWindow, KeyedWindows } from './kept-window.ts'
import type { PaneTiming, WindowPane } from './panes.ts'
import { bytesOf, foldRows } from './session-merging.ts'
import type { WindowOperatorOptions } from './window-operator-options.ts'

const none: readonly EmittedWindow[] = []

export class PaneWriter<R, S, V, P> {
  readonly #options: WindowOperatorOptions<R, S, V, P>
  readonly #keyed: KeyedWindows<S>
  readonly #retracts: boolean
  readonly #atMostMs: number

  constructor(options: WindowOperatorOptions<R, S, V, P>, keyed: KeyedWindows<S>, atMostMs: number) {
    this.#options = options
    this.#keyed = keyed
    this.#atMostMs = atMostMs
    this.#retracts = options.assigner.merging && options.emit.panes === 'accumulating'
  }

  write(window: KeptWindow<S>, timing: PaneTiming, ending: WindowPane<string, V>['ending']): void {
    const { aggregate, emit, output } = this.#options
    const gone = this.#retracts ? this.#retractAround(window, timing) : none
    foldRows(window, aggregate)
    const accumulates = emit.panes === 'accumulating'
    const number = window.nextPane
    const value = aggregate.result(window.state)
    const { start, end, rows } = window
    output.pane(accumulates ? 'upsert' : 'partial', window.owner.key, start, end, timing, number, ending, value, rows)
    window.nextPane = number + 1
    window.unemitted = 0
    window.changed = false
    window.earlyAt = null
    window.earlyTimerAt = null
    if (this.#retracts) window.emitted = { start: window.start, end: window.end, number }
    if (!accumulates) {
      window.state = aggregate.create()
      window.rows = 0
    }
    this.#keyed.resize(window, bytesOf(window, aggregate))
    if (gone.length > 0 && this.#atMostMs < Number.POSITIVE_INFINITY) this.#writeOthers(window, gone)
  }

  /** What else has rows of the panes that were taken back speaks as well, so that sinks miss none of them meanwhile. */
  #writeOthers(window: KeptWindow<S>, gone: readonly EmittedWindow[]): void {
    const { windows } = window.owner
    // No pane spans more than the longest length, so what shares time with one of them is as near.
    let from = windows.indexOf(window)
    while (from > 0 && (windows[from - 1] as KeptWindow<S>).start > window.start - 2 * this.#atMostMs) from -= 1
    for (const other of windows.slice(from)) {
      if (other.start >= window.end + this.#atMostMs) return
      if (!other.changed || !gone.some((emitted) => overlaps(other, emitted))) continue
      this.write(other, other.closed ? 'late' : 'early', 'open')
    }
  }

  /** Before the pane: whatever sinks still hold that is no more and shares time with the window, by start. */
  #retractAround(window: KeptWindow<S>, timing: PaneTiming): readonly EmittedWindow[] {
    const { owner } = window
    if (owner.vanished.length === 0) return none
    const gone = owner.vanished.filter((emitted) => overlaps(window, emitted)).sort((a, b) => a.start - b.start)
    owner.vanished = owner.vanished.filter((emitted) => !overlaps(window, emitted))
    for (const emitted of gone) this.#retract(owner.key, emitted, timing)
    return gone
  }

  #retract(key: string, emitted: EmittedWindow, timing: PaneTiming): void {
    const { start, end, number } = emitted
    this.#options.output.pane('retract', key, start, end, timing, number, 'last', null, 0)
  }
}

interface Bounds {
  readonly start: number
  readonly end: number
}

function overlaps(a: Bounds, b: Bounds): boolean {
  return a.start < b.end && b.start < a.end
}
