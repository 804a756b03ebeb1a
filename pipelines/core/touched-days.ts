/** The (merchant, UTC day)s whose numbers an epoch changes: gateways forget what they computed of them. */
import type { MerchantId } from '../../core/ids.ts'

export class TouchedDays {
  readonly #days = new Map<MerchantId, Set<number>>()
  #lastMerchant: MerchantId | null = null
  #lastDay = Number.NaN

  add(merchant: MerchantId, day: number): void {
    if (day === this.#lastDay && merchant === this.#lastMerchant) return
    this.#lastDay = day
    this.#lastMerchant = merchant
    const days = this.#days.get(merchant)
    if (days === undefined) this.#days.set(merchant, new Set([day]))
    else days.add(day)
  }

  list(): readonly { readonly merchant: MerchantId; readonly day: number }[] {
    return [...this.#days].flatMap(([merchant, days]) => [...days].map((day) => ({ merchant, day })))
  }

  clear(): void {
    this.#days.clear()
    this.#lastMerchant = null
    this.#lastDay = Number.NaN
  }
}
