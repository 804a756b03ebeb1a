/** The (merchant, UTC day)s whose numbers an epoch changes: gateways forget what they computed of them. */
import type { MerchantId } from '../../core/ids.ts'

export class TouchedDays {
  readonly #days = new Map<MerchantId, Set<number>>()
  #size = 0
  #lastMerchant: MerchantId | null = null
  #lastDay = Number.NaN

  add(merchant: MerchantId, day: number): void {
    if (day === this.#lastDay && merchant === this.#lastMerchant) return
    this.#lastDay = day
    this.#lastMerchant = merchant
    const days = this.#days.get(merchant) ?? new Set()
    if (days.has(day)) return
    this.#days.set(merchant, days.add(day))
    this.#size += 1
  }

  get size(): number {
    return this.#size
  }

  list(): readonly { readonly merchant: MerchantId; readonly day: number }[] {
    return [...this.#days].flatMap(([merchant, days]) => [...days].map((day) => ({ merchant, day })))
  }

  clear(): void {
    this.#days.clear()
    this.#size = 0
    this.#lastMerchant = null
    this.#lastDay = Number.NaN
  }
}
