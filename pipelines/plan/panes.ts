/** Panes as sinks get them from windows that are grouped by columns: one emission of one window and key. */
import type { AggregateValue } from '../core/pane.ts'

interface PaneBase<K> {
  /** The columns it is grouped by. */
  readonly key: K
  /** Half-open, [start, end), ms since 1970. */
  readonly start: number
  readonly end: number
  readonly timing: 'early' | 'on time' | 'late'
  /** Of this window and key, from 0. */
  readonly number: number
  /** `last`: nothing of this window and key can follow. */
  readonly ending: 'last' | 'open'
  /** That it is made of. */
  readonly rows: number
}

type Values<A> = { readonly [K in keyof A]: AggregateValue<A[K]> }

/** What came since the pane before: adds to it. */
export interface PartialPane<K, A> extends PaneBase<K> {
  readonly kind: 'partial'
  readonly values: Values<A>
}

/** All that the window holds: replaces the pane before. `retract`: the window is no more, for it merged into another. */
export type UpsertPane<K, A> = PaneBase<K> &
  ({ readonly kind: 'upsert'; readonly values: Values<A> } | { readonly kind: 'retract'; readonly values: null })

/** The key of panes of `groupBySets`: partition key, set and its value, empty for a set without columns and for no value. */
export interface SetKey {
  readonly key: string
  readonly set: string
  readonly value: string
}
