/**
 * An epoch's share of the books: every hit in exactly one column of outcomes, per merchant and UTC hour of `received`. Memory grows
 * with the merchants and hours of one epoch, which the epoch's limit of hits bounds.
 */
import { hourMs } from '../../core/event-time.ts'
import type { MerchantId } from '../../core/ids.ts'
import type { BooksDelta } from '../../core/ports/control-store.ts'

/** Where a hit ended. `dropped` is by a stated rule, counted by its name. */
export type Outcome = 'stored' | 'duplicates' | 'failed' | 'dropped'

interface Entry {
  readonly merchant: MerchantId
  readonly hour: number
  accepted: number
  stored: number
  duplicates: number
  failed: number
  readonly dropped: Record<string, number>
}

export class EpochBooks {
  readonly #entries = new Map<string, Map<number, Entry>>()
  /** Hits of one request follow each other, so most calls end here. */
  #last: Entry | null = null

  count(merchant: MerchantId, receivedMs: number, outcome: Outcome, rule = ''): void {
    const entry = this.#of(merchant, receivedMs)
    if (outcome === 'dropped') entry.dropped[rule] = (entry.dropped[rule] ?? 0) + 1
    else entry[outcome] += 1
  }

  /** Hits that no collector has counted as accepted. */
  accept(merchant: MerchantId, receivedMs: number, hits: number): void {
    this.#of(merchant, receivedMs).accepted += hits
  }

  deltas(): readonly BooksDelta[] {
    return [...this.#entries.values()].flatMap((hours) => [...hours.values()])
  }

  clear(): void {
    this.#entries.clear()
    this.#last = null
  }

  #of(merchant: MerchantId, receivedMs: number): Entry {
    const hour = Math.floor(receivedMs / hourMs) * hourMs
    const last = this.#last
    if (last !== null && last.merchant === merchant && last.hour === hour) return last
    this.#last = this.#entry(merchant, hour)
    return this.#last
  }

  #entry(merchant: MerchantId, hour: number): Entry {
    let hours = this.#entries.get(merchant)
    if (hours === undefined) {
      hours = new Map()
      this.#entries.set(merchant, hours)
    }
    let entry = hours.get(hour)
    if (entry === undefined) {
      entry = { merchant, hour, accepted: 0, stored: 0, duplicates: 0, failed: 0, dropped: {} }
      hours.set(hour, entry)
    }
    return entry
  }
}
