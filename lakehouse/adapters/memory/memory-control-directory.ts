/** Merchants, keys and daily secrets of the memory control store. */
import type { ControlStore, KeyHolder, Merchant, StoredKey } from '../../../core/ports/control-store.ts'
import {
  changedMerchant,
  checkKey,
  checkMerchant,
  checkMerchantChange,
  checkPage,
  checkSecretDates,
  keyTakenError,
  sameKey,
} from '../../core/control/rules.ts'

/** Copyable by `structuredClone`. */
export interface DirectoryState {
  readonly merchants: Map<string, Merchant>
  readonly keys: Map<string, StoredKey>
  readonly secrets: Map<string, string>
}

export function emptyDirectory(): DirectoryState {
  return { merchants: new Map(), keys: new Map(), secrets: new Map() }
}

export const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

type Directory = Pick<
  ControlStore,
  | 'createMerchant'
  | 'updateMerchant'
  | 'merchant'
  | 'merchants'
  | 'addKey'
  | 'findKey'
  | 'merchantsById'
  | 'dailySecrets'
>

/** The methods over what `current` gives at each call: a restored store has another state than before. */
export function memoryDirectory(current: () => DirectoryState): Directory {
  function storeKey(key: StoredKey): void {
    const known = current().keys.get(key.hash)
    if (known !== undefined && !sameKey(known, key)) throw keyTakenError(key.hash)
    current().keys.set(key.hash, key)
  }

  return {
    async createMerchant(merchant, keys) {
      checkMerchant(merchant, keys)
      if (current().merchants.has(merchant.id)) return 'exists'
      const taken = keys.find((key) => current().keys.has(key.hash))
      if (taken !== undefined) throw keyTakenError(taken.hash)
      current().merchants.set(merchant.id, merchant)
      for (const key of keys) storeKey(key)
      return 'created'
    },
    async updateMerchant(id, change) {
      checkMerchantChange(change)
      const known = current().merchants.get(id)
      if (known === undefined) return undefined
      const changed = changedMerchant(known, change)
      current().merchants.set(id, changed)
      return changed
    },
    async merchant(id) {
      return current().merchants.get(id)
    },
    async merchants({ after = '', limit }) {
      checkPage(limit)
      return [...current().merchants.values()]
        .filter((merchant) => merchant.id > after)
        .sort((a, b) => byCodeUnit(a.id, b.id))
        .slice(0, limit)
    },
    async addKey(key) {
      checkKey(key)
      if (key.merchant !== null && !current().merchants.has(key.merchant))
        throw new RangeError(`no merchant ${key.merchant}`)
      storeKey(key)
    },
    async findKey(hash) {
      const key = current().keys.get(hash)
      if (key === undefined) return undefined
      const merchant = key.merchant === null ? null : (current().merchants.get(key.merchant) ?? null)
      return { key, merchant } satisfies KeyHolder
    },
    async merchantsById(ids) {
      return [...new Set(ids)].flatMap((id) => current().merchants.get(id) ?? [])
    },
    async dailySecrets(dates, keepFrom, make) {
      checkSecretDates(dates, keepFrom)
      for (const date of [...current().secrets.keys()]) if (date < keepFrom) current().secrets.delete(date)
      return Object.fromEntries(
        dates.map((date) => {
          const secret = current().secrets.get(date) ?? make()
          current().secrets.set(date, secret)
          return [date, secret]
        }),
      )
    },
  }
}
