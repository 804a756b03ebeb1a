/** Which hits erasures leave out, in JavaScript: for the pipeline, and what the SQL of readers is held equal to. */
import type { ErasedHits } from './ports/erasure-store.ts'

/** What of a hit decides. A hit of before a column was kept has nothing there. */
export interface ErasableHit {
  readonly merchant: string
  readonly visitor: string | null
  readonly user: string | null
  /** ms */
  readonly received: number
}

/** By value: hits received up to then are erased. */
type Throughs = Map<string, number>

/** Whether one of the erasures names the hit; asked of many hits, however many erasures there are. */
export function erasedTest(erased: Iterable<ErasedHits>): (hit: ErasableHit) => boolean {
  const merchants = new Map<string, { all: number; readonly visitor: Throughs; readonly user: Throughs }>()
  for (const { merchant, subject, through } of erased) {
    const of = merchants.get(merchant) ?? { all: Number.NEGATIVE_INFINITY, visitor: new Map(), user: new Map() }
    merchants.set(merchant, of)
    if (subject.kind === 'merchant') of.all = Math.max(of.all, through)
    else of[subject.kind].set(subject.value, Math.max(through, of[subject.kind].get(subject.value) ?? through))
  }
  return ({ merchant, visitor, user, received }) => {
    const of = merchants.get(merchant)
    if (of === undefined) return false
    return received <= of.all || isBefore(of.visitor, visitor, received) || isBefore(of.user, user, received)
  }
}

function isBefore(throughs: Throughs, value: string | null, received: number): boolean {
  const through = value === null ? undefined : throughs.get(value)
  return through !== undefined && received <= through
}
