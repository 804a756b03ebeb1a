/** What all control stores decide alike about erasures. */
import type { MerchantId } from '../../../core/ids.ts'
import {
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
