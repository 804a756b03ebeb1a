/** When a window says what it holds, and what it says: panes. Every rule is in docs/reference/semantics.md. */
import { InvalidPlanError } from '../../core/errors.ts'
import type { EventTime } from '../../core/event-time.ts'
import type { Window } from './window/assigner.ts'

export interface EmitRule {
  /** Accumulating: a pane replaces the one before. Discarding: it holds what came since. */
  readonly panes: 'accumulating' | 'discarding'
  /** Before the window closes: so long in processing time after the first row no pane has, or after so many rows. */
  readonly early: null | { readonly everyMs: number } | { readonly afterRows: number }
  /** After it has closed: after so many rows. null: one pane when the window goes, where something came. */
  readonly late: null | { readonly afterRows: number }
  /** Whether a window closes with a pane also where nothing came since the last. */
  readonly onClose: 'always' | 'where something came'
}

/** `early`: before the watermark reached the window's end; `on time`: as it did; `late`: after. */
export type PaneTiming = 'early' | 'on time' | 'late'

/** One emission of one window and key. */
export interface WindowPane<K, V> {
  /**
   * `upsert`: the window's value is now this. `partial`: a part that merges with the window's other parts. `retract`: the
   * window of this key is no more, its rows are in windows whose panes follow.
   */
  readonly kind: 'upsert' | 'retract' | 'partial'
  readonly key: K
  readonly window: Window
  readonly timing: PaneTiming
  /** From 0 in each window and key; a retraction has the number of the pane it takes back. */
  readonly number: number
  /** `last`: no pane of this window and key can follow. */
  readonly ending: 'last' | 'open'
  /** null of a retraction. */
  readonly value: V | null
  /** Rows in the value. */
  readonly rows: number
}

/** Takes panes part by part: who makes another thing of them makes no pane first. There are as many as rows, or more. */
export type TakePane<K, V> = (
  kind: WindowPane<K, V>['kind'],
  key: K,
  start: number,
  end: number,
  timing: PaneTiming,
  number: number,
  ending: WindowPane<K, V>['ending'],
  value: V | null,
  rows: number,
) => void

/** Makes whole panes of their parts. */
export function wholePanes<K, V>(take: (pane: WindowPane<K, V>) => void): TakePane<K, V> {
  return (kind, key, start, end, timing, number, ending, value, rows) => {
    const window = { start: start as EventTime, end: end as EventTime }
    take({ kind, key, window, timing, number, ending, value, rows })
  }
}

/** @throws InvalidPlanError where a number of the rule is none */
export function checkEmitRule({ early, late }: EmitRule): void {
  if (early !== null && 'everyMs' in early) need(early.everyMs, 'early panes every so many milliseconds')
  if (early !== null && 'afterRows' in early) need(early.afterRows, 'early panes after so many rows')
  if (late !== null) need(late.afterRows, 'late panes after so many rows')
}

function need(number: number, what: string): void {
  if (!Number.isSafeInteger(number) || number <= 0) throw new InvalidPlanError(`${what} need a whole number above 0`)
}
