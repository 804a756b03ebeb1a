/** What happens to a pipeline under test, as values: an array of these is a script one can read, draw and shrink. */
import type { EventTime } from '../../../core/event-time.ts'
import type { Pipeline } from '../../plan/draft.ts'

export type ScriptEvent =
  | { readonly kind: 'rows'; readonly rows: readonly unknown[] }
  | { readonly kind: 'watermark'; readonly to: number }
  | { readonly kind: 'processingTime'; readonly to: number }
  | { readonly kind: 'epoch' }
  | { readonly kind: 'crash' }
  | { readonly kind: 'rescale'; readonly partitions: number }
  | { readonly kind: 'upgrade'; readonly pipeline: Pipeline }
  | { readonly kind: 'end' }

/** Rows come, in this order, each in the partition of its key. */
export const rows = <R>(...of: readonly R[]): ScriptEvent => ({ kind: 'rows', rows: of })

/** The watermark of all partitions is moved. Not back. */
export const watermark = (to: EventTime | number): ScriptEvent => ({ kind: 'watermark', to })

/** The clock is moved. Not back. */
export const processingTime = (to: EventTime | number): ScriptEvent => ({ kind: 'processingTime', to })

/** What was given since the last epoch is committed, and state saved: a crash loses nothing of it. */
export const epoch: ScriptEvent = { kind: 'epoch' }

/**
 * The process dies: what was given since the last epoch was never seen, state is what was saved, and all that has happened
 * since happens again, as a feed that is read again from its committed position has it.
 */
export const crash: ScriptEvent = { kind: 'crash' }

/** An epoch ends; state goes on in so many partitions, each key in that of its hash. */
export const rescale = (partitions: number): ScriptEvent => ({ kind: 'rescale', partitions })

/**
 * An epoch ends; a later version of the pipeline goes on with the state that is there. It is refused as a stream refuses it:
 * where state of a step would be lost, or is kept in another way.
 */
export const upgrade = (pipeline: Pipeline): ScriptEvent => ({ kind: 'upgrade', pipeline })

/** Nothing more will come: all windows close, and the epoch ends. */
export const end: ScriptEvent = { kind: 'end' }
