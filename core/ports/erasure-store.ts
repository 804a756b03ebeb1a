/**
 * Erasures: what a merchant's visitor, user, or the merchant itself had stored is to be no more. Recorded here once and
 * for ever; at once a filter of every reader, then work of maintenance until nothing of it is on any disk
 * (docs/adr/0023-erasure-is-a-filter-then-a-removal.md). Part of `ControlStore`, with its adapters and contract.
 */
import { hitLimits } from '../hit/limits.ts'
import type { MerchantId } from '../ids.ts'

/** Whose hits go. `visitor` and `user` as the hits have them; `merchant`: all of the merchant's. */
export type ErasureSubject =
  | { readonly kind: 'visitor' | 'user'; readonly value: string }
  | { readonly kind: 'merchant' }

/**
 * Hits of the subject received up to and at this moment, ms. What the same visitor sends later is new, and stays: an
 * erasure is no block.
 */
export interface ErasedHits {
  readonly merchant: MerchantId
  readonly subject: ErasureSubject
  readonly through: number
}

/**
 * `asked`: readers leave its hits out; rollups may still count them. `removing`: rollups of all its days are right, its rows
 * are being taken out of files and history. `removed`: no file, snapshot or checkpoint that is ours to remove holds it.
 */
export type ErasureState = 'asked' | 'removing' | 'removed'

export interface Erasure extends ErasedHits {
  /** Rises, over all merchants. */
  readonly id: number
  /** Rises, over all merchants, with every asking that reaches further than what was asked before: what epochs know. */
  readonly asking: number
  readonly state: ErasureState
  /** When it was asked for and when it was last moved on, ms. */
  readonly askedAt: number
  readonly movedAt: number
  /** Who or what asked for it, for people. */
  readonly by: string
}

/** Erasures of a merchant that are not `removed` yet; more are refused, for every question carries them. */
export const openErasuresPerMerchantMax = 1_000

/** Erasures that one page, or one `fenceErasures`, holds at most. */
export const erasuresPageMax = 1_000

/**
 * An epoch left out erased hits of a (merchant, UTC day) that the job of another table may have counted, before it knew of
 * the erasure. No row tells of them any more, so the day is to be counted again.
 */
export interface DroppedDay {
  readonly merchant: MerchantId
  readonly day: number
  /** Of the epoch; tells reports of a day apart. */
  readonly epoch: number
  /** The newest asking that the epoch knew: those hits are of this one, or of ones before. */
  readonly erasuresKnown: number
}

/** Dropped days that one page, or one `forgetDroppedDays`, holds at most. */
export const droppedDaysPageMax = 10_000

/** Days that one `touchDays` holds at most; more take several calls. */
export const touchedDaysMax = 10_000

/** Longest value of a subject, in UTF-16 code units: hits hold no longer one. */
export const erasedValueMax = hitLimits.idLength

export interface ErasureStore {
  /**
   * Records an erasure. Of the same merchant and subject there is one: asked again, its `through` becomes the later, its
   * state `asked`, `askedAt` and `movedAt` now, `by` the new one; where `through` rises it is to be fenced anew. Null where the merchant has `openErasuresPerMerchantMax`
   * other open ones, or does not exist; nothing changes.
   * @throws RangeError where the value is empty or too long, or `through` no moment
   */
  eraseHits(erased: ErasedHits & { readonly by: string; readonly now: number }): Promise<Erasure | null>
  /** Undefined where there is none of that id. */
  erasure(id: number): Promise<Erasure | undefined>
  /** By id, after `after`, at most `limit` (1 to `erasuresPageMax`). @throws RangeError */
  erasures(page: {
    readonly merchant?: MerchantId
    /** Left out: all. `open`: those not `removed`. */
    readonly state?: 'open'
    readonly after?: number
    readonly limit: number
  }): Promise<readonly Erasure[]>
  /**
   * What is erased of these merchants, by id; also what is removed long since, for a feed that is read again (after a
   * recovery) has it still. Merchants without any are left out.
   */
  erasedOf(merchants: readonly MerchantId[], state?: 'open'): Promise<ReadonlyMap<MerchantId, readonly ErasedHits[]>>
  /**
   * Raises the versions of the merchant's UTC days (at most `touchedDaysMax`), in every store at once: what gateways keep of
   * them is asked again, and what was derived of them is right no more. No days: nothing happens.
   * @throws RangeError
   */
  touchDays(merchant: MerchantId, days: readonly number[]): Promise<void>
  /** The newest asking of any erasure; 0 where there is none. Whoever looks up erasures after it knows of all up to it. */
  erasuresAsked(): Promise<number>
  /**
   * From here on nothing counts that did not know of these erasures: epochs (`EpochCommit.erasuresKnown`), and splits of reruns
   * of their merchants. What was committed before is in the store when this resolves. At most `erasuresPageMax`. Returns the
   * ids of those that are fenced so; one that was asked again with a later `through` is not. @throws RangeError
   */
  fenceErasures(erasures: readonly Pick<Erasure, 'id' | 'through'>[]): Promise<ReadonlySet<number>>
  /** By (epoch, merchant, day), after `after`, at most `limit` (1 to `droppedDaysPageMax`). @throws RangeError */
  droppedDays(page: {
    readonly after?: Pick<DroppedDay, 'epoch' | 'merchant' | 'day'>
    readonly limit: number
  }): Promise<readonly DroppedDay[]>
  /** They are counted again, without the hits. Unknown ones change nothing. @throws RangeError */
  forgetDroppedDays(days: readonly Pick<DroppedDay, 'epoch' | 'merchant' | 'day'>[]): Promise<void>
  /** False where it is not in `from` with that `through` any more (asked again meanwhile): begin anew. */
  moveErasure(
    id: number,
    move: { readonly from: ErasureState; readonly to: ErasureState; readonly through: number; readonly now: number },
  ): Promise<boolean>
}
