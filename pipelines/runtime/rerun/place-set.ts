/** Places of a rerun, asked row by row: whether a row is of one of them. */
import type { GenerationPlace } from '../../../core/generations.ts'

interface Stretch {
  readonly from: number
  readonly to: number
}

export class PlaceSet {
  /** Of all merchants, and by merchant; rising, disjoint: places of a rerun do not meet. */
  readonly #ofAll: readonly Stretch[]
  readonly #ofMerchant: ReadonlyMap<string, readonly Stretch[]>

  constructor(readonly places: readonly GenerationPlace[]) {
    const of = (merchant: string | null) =>
      places
        .filter((place) => place.merchant === merchant)
        .map(({ from, to }) => ({ from: from ?? Number.NEGATIVE_INFINITY, to: to ?? Number.POSITIVE_INFINITY }))
        .sort((a, b) => a.from - b.from)
    const merchants = new Set(places.flatMap(({ merchant }) => (merchant === null ? [] : [merchant])))
    this.#ofAll = of(null)
    this.#ofMerchant = new Map([...merchants].map((merchant) => [merchant, of(merchant)]))
  }

  has(merchant: string, time: number): boolean {
    if (holds(this.#ofAll, time)) return true
    const own = this.#ofMerchant.get(merchant)
    return own !== undefined && holds(own, time)
  }

  /** Those it speaks of; null: some place is of all. */
  get merchants(): readonly string[] | null {
    return this.#ofAll.length > 0 ? null : [...this.#ofMerchant.keys()]
  }

  /** From the first moment of any place to the last; null: without end. */
  get span(): { readonly from: number | null; readonly to: number | null } {
    const from = Math.min(...this.places.map((place) => place.from ?? Number.NEGATIVE_INFINITY))
    const to = Math.max(...this.places.map((place) => place.to ?? Number.POSITIVE_INFINITY))
    return { from: Number.isFinite(from) ? from : null, to: Number.isFinite(to) ? to : null }
  }
}

function holds(stretches: readonly Stretch[], time: number): boolean {
  let low = 0
  let high = stretches.length
  while (low < high) {
    const middle = (low + high) >> 1
    const { from, to } = stretches[middle] as Stretch
    if (time < from) high = middle
    else if (time >= to) low = middle + 1
    else return true
  }
  return false
}
