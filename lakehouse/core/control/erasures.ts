/** What all control stores decide alike about erasures. */
import { StaleErasuresError } from '../../../core/errors.ts'
import { type GenerationPlace, placesMeet } from '../../../core/generations.ts'
import type { MerchantId } from '../../../core/ids.ts'
import type { EpochCommit } from '../../../core/ports/control-store.ts'
import {
  type DroppedDay,
  droppedDaysPageMax,
  type ErasedHits,
  type Erasure,
  erasedValueMax,
  erasuresPageMax,
  touchedDaysMax,
} from '../../../core/ports/erasure-store.ts'

/** @throws RangeError where nobody can be meant, or no moment */
export function checkErased({ subject, through }: ErasedHits): void {
  const length = subject.kind === 'merchant' ? 1 : subject.value.length
  if (length < 1 || length > erasedValueMax) {
    throw new RangeError(`a ${subject.kind} to erase has 1 to ${erasedValueMax} characters, not ${length}`)
  }
  if (!Number.isSafeInteger(through) || through < 0) throw new RangeError(`nothing is erased through ${through}`)
}

/** @throws RangeError where the page is not 1 to `erasuresPageMax` erasures */
export function checkErasuresPage(limit: number): void {
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > erasuresPageMax) {
    throw new RangeError(`a page holds 1 to ${erasuresPageMax} erasures, asked for ${limit}`)
  }
}

/** @throws RangeError where they are too many, or one is no day */
export function checkTouchedDays(days: readonly number[]): void {
  const wrong = days.find((day) => !Number.isSafeInteger(day))
  if (wrong !== undefined || days.length > touchedDaysMax) {
    throw new RangeError(
      `1 to ${touchedDaysMax} days are touched at once, each a whole number; not ${wrong ?? days.length}`,
    )
  }
}

/** @throws RangeError where more are fenced at once than a page holds */
export function checkFenced(erasures: readonly unknown[]): void {
  if (erasures.length > erasuresPageMax) {
    throw new RangeError(`at most ${erasuresPageMax} erasures are fenced at once, not ${erasures.length}`)
  }
}

/** @throws RangeError where it is not 1 to `droppedDaysPageMax` days */
export function checkDroppedDaysPage(days: number): void {
  if (!Number.isSafeInteger(days) || days < 1 || days > droppedDaysPageMax) {
    throw new RangeError(`a page holds 1 to ${droppedDaysPageMax} dropped days, not ${days}`)
  }
}

/** Of whom an erasure is, and the asking up to which it is fenced, which never falls. */
export interface FencedErasure {
  readonly merchant: MerchantId
  readonly fenced: number
}

/**
 * `later`: those that are fenced up to a later asking than the epoch knew.
 * @throws StaleErasuresError where there is one
 */
export function requireEpochKnows({ job, erasuresKnown }: EpochCommit, later: readonly FencedErasure[]): void {
  if (erasuresKnown === undefined || later.length === 0) return
  throw new StaleErasuresError(`an epoch of ${job}`, erasuresKnown)
}

/** The same of a split of a rerun of these places. @throws StaleErasuresError */
export function requireSplitKnows(
  { rerun, erasuresKnown }: { readonly rerun: number; readonly erasuresKnown?: number },
  places: readonly GenerationPlace[],
  later: readonly FencedErasure[],
): void {
  const isOfPlaces = ({ merchant }: FencedErasure) =>
    places.some((place) => placesMeet(place, { merchant, from: null, to: null }))
  if (erasuresKnown === undefined || !later.some(isOfPlaces)) return
  throw new StaleErasuresError(`a split of rerun ${rerun}`, erasuresKnown)
}

/** What an epoch reports, each day once, in the order in which all stores list them. */
export function droppedDaysOf(commit: EpochCommit): readonly Pick<DroppedDay, 'merchant' | 'day' | 'erasuresKnown'>[] {
  const { erasuresKnown, droppedDays = [] } = commit
  if (erasuresKnown === undefined) return []
  const distinct = new Map(droppedDays.map((each) => [`${each.day} ${each.merchant}`, each]))
  return [...distinct.values()].map(({ merchant, day }) => ({ merchant, day, erasuresKnown })).sort(byMerchantAndDay)
}

/** In the order of pages, those of one epoch. */
export function byMerchantAndDay(
  a: Pick<DroppedDay, 'merchant' | 'day'>,
  b: Pick<DroppedDay, 'merchant' | 'day'>,
): number {
  return a.merchant < b.merchant ? -1 : a.merchant > b.merchant ? 1 : a.day - b.day
}

/** What an erasure leaves out, without how far it has come. */
export function toErasedHits({ merchant, subject, through }: Erasure): ErasedHits {
  return { merchant, subject, through }
}

/** By merchant, in the order given. */
export function erasedByMerchant(erasures: readonly Erasure[]): ReadonlyMap<MerchantId, readonly ErasedHits[]> {
  const found = new Map<MerchantId, ErasedHits[]>()
  for (const each of erasures) {
    const known = found.get(each.merchant)
    if (known === undefined) found.set(each.merchant, [toErasedHits(each)])
    else known.push(toErasedHits(each))
  }
  return found
}
