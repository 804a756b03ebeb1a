/** What an epoch adds to the append-only tables of a control store. */
import type { MerchantId } from '../../../core/ids.ts'
import type { BooksDelta, EpochCommit } from '../../../core/ports/control-store.ts'

export type Outcome = 'accepted' | 'stored' | 'duplicates' | 'failed' | 'dropped'

export interface BooksEntry {
  readonly merchant: MerchantId
  readonly hour: number
  readonly outcome: Outcome
  /** Of `dropped`; else empty. */
  readonly rule: string
  readonly hits: number
}

/** An epoch's counts as entries; those of nothing are left out. */
export function booksEntries(deltas: readonly BooksDelta[]): readonly BooksEntry[] {
  const entries: BooksEntry[] = []
  for (const { merchant, hour, accepted, stored, duplicates, failed, dropped } of deltas) {
    if (accepted !== 0) entries.push({ merchant, hour, outcome: 'accepted', rule: '', hits: accepted })
    if (stored !== 0) entries.push({ merchant, hour, outcome: 'stored', rule: '', hits: stored })
    if (duplicates !== 0) entries.push({ merchant, hour, outcome: 'duplicates', rule: '', hits: duplicates })
    if (failed !== 0) entries.push({ merchant, hour, outcome: 'failed', rule: '', hits: failed })
    for (const [rule, hits] of Object.entries(dropped)) {
      if (hits !== 0) entries.push({ merchant, hour, outcome: 'dropped', rule, hits })
    }
  }
  return entries
}

/** The (merchant, day)s, each once. */
export function distinctTouched(touched: EpochCommit['touched']): EpochCommit['touched'] {
  const distinct = new Map(touched.map((entry) => [`${entry.day} ${entry.merchant}`, entry]))
  return distinct.size === touched.length ? touched : [...distinct.values()]
}
