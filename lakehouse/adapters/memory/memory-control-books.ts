/** The books of the memory control store. */
import { StaleEpochError } from '../../../core/errors.ts'
import type { MerchantId, Offset } from '../../../core/ids.ts'
import type { Books, ControlStore } from '../../../core/ports/control-store.ts'
import type { BooksEntry } from '../../core/control/epoch-rows.ts'
import { checkAcceptedRange } from '../../core/control/rules.ts'
import { type ControlState, currentPositions } from './memory-control-state.ts'

export function memoryBooks(
  current: () => ControlState,
): Pick<ControlStore, 'addAccepted' | 'acceptedThrough' | 'books'> {
  return {
    async addAccepted(log, from, through, counts) {
      checkAcceptedRange(log, from, through)
      const { accepted } = current()
      const at = accepted.get(log) ?? 0
      if (at !== from) throw new StaleEpochError(`accepted hits of log ${log} are counted to ${at}, not ${from}`)
      accepted.set(log, through)
      for (const count of counts) book(current(), { ...count, outcome: 'accepted', rule: '' })
    },
    async acceptedThrough(log) {
      return current().accepted.get(log) ?? (0 as Offset)
    },
    async books({ merchant, from, to }) {
      const state = current()
      const sums = { accepted: 0, stored: 0, duplicates: 0, failed: 0 }
      const dropped = new Map<string, number>()
      for (const entry of state.books.values()) {
        if (entry.hour < from || entry.hour >= to || (merchant !== undefined && entry.merchant !== merchant)) continue
        sums.accepted += entry.accepted
        sums.stored += entry.stored
        sums.duplicates += entry.duplicates
        sums.failed += entry.failed
        for (const [rule, hits] of entry.dropped) dropped.set(rule, (dropped.get(rule) ?? 0) + hits)
      }
      return {
        ...sums,
        dropped: Object.fromEntries(dropped),
        acceptedThrough: Object.fromEntries(state.accepted),
        positions: currentPositions(state),
      } satisfies Books
    },
  }
}

export function book(state: ControlState, { merchant, hour, outcome, rule, hits }: BooksEntry): void {
  const entry = entryOf(state, merchant, hour)
  if (outcome === 'dropped') entry.dropped.set(rule, (entry.dropped.get(rule) ?? 0) + hits)
  else entry[outcome] += hits
}

function entryOf(state: ControlState, merchant: MerchantId, hour: number) {
  const key = `${hour} ${merchant}`
  let found = state.books.get(key)
  if (found === undefined) {
    found = { merchant, hour, accepted: 0, stored: 0, duplicates: 0, failed: 0, dropped: new Map() }
    state.books.set(key, found)
  }
  return found
}
