/** Hits per merchant and hour, until they are handed on. */
import type { MerchantId } from '../../core/ids.ts'

export interface HourCount {
  readonly merchant: MerchantId
  /** Start of the UTC hour, ms. */
  readonly hour: number
  readonly hits: number
}

export class HourCounts {
  readonly #byMerchant = new Map<MerchantId, Map<number, number>>()
  #size = 0

  /** (merchant, hour)s held. */
  get size(): number {
    return this.#size
  }

  add(merchant: MerchantId, hour: number, hits: number): void {
    let hours = this.#byMerchant.get(merchant)
    if (hours === undefined) {
      hours = new Map()
      this.#byMerchant.set(merchant, hours)
    }
    const before = hours.get(hour)
    if (before === undefined) this.#size++
    hours.set(hour, (before ?? 0) + hits)
  }

  addAll(others: HourCounts): void {
    for (const { merchant, hour, hits } of others.entries()) this.add(merchant, hour, hits)
  }

  entries(): readonly HourCount[] {
    return [...this.#byMerchant].flatMap(([merchant, hours]) =>
      [...hours].map(([hour, hits]) => ({ merchant, hour, hits })),
    )
  }
}
