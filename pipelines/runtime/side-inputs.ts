/**
 * What row steps may use beside the row, the same for the whole of an epoch: constants such as data sets, and facts of
 * merchants, loaded once an epoch for the merchants it meets, so that a merchant's change takes effect between epochs.
 */
import { type ErasableHit, erasedTest } from '../../core/erased.ts'
import { utcDay } from '../../core/event-time.ts'
import type { MerchantId } from '../../core/ids.ts'
import type { ControlStore, Merchant } from '../../core/ports/control-store.ts'
import { longestHourMs } from '../../core/time/calendar.ts'
import { TouchedDays } from '../core/touched-days.ts'

export interface SideInputs {
  /** By the names that steps put in `uses`. */
  readonly context: Readonly<Record<string, unknown>>
  /** Version of each data set in `context`: part of the plan's hash, written beside derived columns. */
  readonly dataSets: Readonly<Record<string, string>>
  /**
   * Of hits that `isErased` named since `beginEpoch`, the (merchant, UTC day)s of `hourly` that they are counted in where
   * somebody counts them, whatever zone its hours are of. Left out: these inputs look up no erasures.
   */
  readonly erasedDays?: Pick<TouchedDays, 'list' | 'size'>
  /** Forgets what the last epoch loaded. */
  beginEpoch(): void
  /** Loads what steps may ask about these merchants; must resolve before their hits are processed. */
  prepare(merchants: Iterable<MerchantId>): Promise<void>
}

export interface MerchantInputs {
  /** @throws RangeError for a merchant that does not exist: its hit goes to the failed sink */
  readonly visitorSeed: (merchant: string) => string
  readonly blockedNames: (merchant: string) => ReadonlySet<string>
  /** Whether an erasure names the hit, however long ago it was asked for: a feed may be read again. */
  readonly isErased: (hit: ErasableHit & { readonly time: number }) => boolean
}

export type MerchantStore = Pick<ControlStore, 'merchantsById' | 'erasedOf'>

interface MerchantFacts {
  readonly seed: string
  readonly blocked: ReadonlySet<string>
  /** Null where nothing of the merchant is. */
  readonly isErased: ((hit: ErasableHit) => boolean) | null
}

/** Side inputs made of merchants and their erasures in the control store, beside `constants`. */
export function createMerchantInputs(options: {
  readonly store: MerchantStore
  readonly constants: Readonly<Record<string, unknown>>
  readonly dataSets: Readonly<Record<string, string>>
}): SideInputs {
  const known = new Map<string, MerchantFacts | null>()
  const erasedDays = new TouchedDays()
  const find = (merchant: string) => {
    const found = known.get(merchant)
    if (!found) throw new RangeError(`there is no merchant ${merchant}`)
    return found
  }
  const merchants: MerchantInputs = {
    visitorSeed: (merchant) => find(merchant).seed,
    blockedNames: (merchant) => find(merchant).blocked,
    // Of a merchant that does not exist nothing is erased: later steps refuse its hits.
    isErased(hit) {
      if (known.get(hit.merchant)?.isErased?.(hit) !== true) return false
      const merchant = hit.merchant as MerchantId
      erasedDays.add(merchant, utcDay(hit.time))
      // Its hour may have begun before midnight.
      erasedDays.add(merchant, utcDay(hit.time - longestHourMs))
      return true
    },
  }
  return {
    context: Object.freeze({ ...options.constants, ...merchants }),
    dataSets: options.dataSets,
    erasedDays,
    beginEpoch() {
      known.clear()
      erasedDays.clear()
    },
    async prepare(ids) {
      const missing = [...new Set(ids)].filter((id) => !known.has(id))
      if (missing.length === 0) return
      const found = new Map<string, Merchant>()
      for (const merchant of await options.store.merchantsById(missing)) found.set(merchant.id, merchant)
      const erased = await options.store.erasedOf(missing)
      for (const id of missing) {
        const merchant = found.get(id)
        const of = erased.get(id)
        const facts = merchant && {
          seed: merchant.visitorSeed,
          blocked: new Set(merchant.blockedNames),
          isErased: of === undefined ? null : erasedTest(of),
        }
        known.set(id, facts ?? null)
      }
    },
  }
}
