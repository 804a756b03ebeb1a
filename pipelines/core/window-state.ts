/**
 * The state of a window operator as plain data: what checkpoints hold. Any JSON-like encoding brings it back, as far as it
 * does the packed states `P`.
 */
import type { EmittedWindow } from './kept-window.ts'

export interface WindowState<P> {
  /** null before the first; 2^53 − 1 for the end of time. */
  readonly watermark: number | null
  readonly processingTime: number | null
  /** Rising by code point. */
  readonly keys: readonly StoredKey<P>[]
}

export interface StoredKey<P> {
  readonly key: string
  /** Rising by start, then end. */
  readonly windows: readonly StoredWindow<P>[]
  readonly vanished: readonly EmittedWindow[]
}

/** Meanings as in kept-window.ts. */
export interface StoredWindow<P> {
  readonly start: number
  readonly end: number
  readonly reach: number
  readonly rows: number
  readonly unemitted: number
  readonly changed: boolean
  readonly nextPane: number
  readonly closed: boolean
  readonly emitted: EmittedWindow | null
  readonly earlyAt: number | null
  /** null where the rows are kept by time. */
  readonly state: P | null
  /** null where they are not. */
  readonly rowsByTime: readonly StoredRows<P>[] | null
}

export interface StoredRows<P> {
  readonly time: number
  readonly reach: number
  readonly count: number
  readonly state: P
}
