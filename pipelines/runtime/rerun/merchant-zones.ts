/** The zones that merchants have now, for reruns that count their hours anew. */
import type { FeedHit } from '../../../core/hit.ts'
import type { MerchantId } from '../../../core/ids.ts'
import type { ControlStore } from '../../../core/ports/control-store.ts'

export class MerchantZones {
  readonly #zones = new Map<string, string | null>()

  constructor(private readonly store: Pick<ControlStore, 'merchantsById'>) {}

  async prepare(merchants: Iterable<MerchantId>): Promise<void> {
    const missing = [...new Set(merchants)].filter((id) => !this.#zones.has(id))
    if (missing.length === 0) return
    for (const id of missing) this.#zones.set(id, null)
    for (const { id, timeZone } of await this.store.merchantsById(missing)) this.#zones.set(id, timeZone)
  }

  /** The hit in its merchant's present zone; its own where there is no such merchant. Currency stays as it was stamped. */
  placed(hit: FeedHit): FeedHit {
    const zone = this.#zones.get(hit.merchant) ?? hit.zone
    return zone === hit.zone ? hit : { ...hit, zone }
  }

  /** By merchant, those that exist. */
  known(): ReadonlyMap<string, string> {
    return new Map([...this.#zones].flatMap(([id, zone]) => (zone === null ? [] : [[id, zone]])))
  }
}
