/**
 * What every control store does, as tests. `controlStoreContract` registers all of it for one adapter; the parts on
 * epochs, publications, reruns and books are in files of their own.
 */
import { describe, expect, it } from 'vitest'
import type { MerchantId } from '../ids.ts'
import { type ControlStore, formerZonesMax, type Merchant, retentionDaysMax, type StoredKey } from './control-store.ts'
import { booksContract } from './control-store-books.contract.ts'
import { derivationsContract } from './control-store-derivations.contract.ts'
import { epochsContract } from './control-store-epochs.contract.ts'
import { pinsContract } from './control-store-pins.contract.ts'
import { publicationsContract } from './control-store-publications.contract.ts'
import { erasuresContract } from './erasure-store.contract.ts'
import { rerunsContract } from './rerun-store.contract.ts'

export interface ControlStoreUnderTest {
  /** A new, empty store; the adapter's test closes it. `maxVersions`: changes it can list before it must say `reset`. */
  open(options?: { readonly maxVersions?: number }): Promise<ControlStore>
  /** Where leases run by the store's own clock and not by the time passed in: makes it go on. */
  passTime?(store: ControlStore, ms: number): Promise<void>
}

export const merchantId = (text: string) => text as MerchantId

export function merchantOf(id: string, more: Partial<Merchant> = {}): Merchant {
  return {
    id: merchantId(id),
    name: `Shop ${id}`,
    timeZone: 'Asia/Kathmandu',
    currency: 'NPR',
    blockedNames: [],
    visitorSeed: '00ff00ff00ff00ff',
    retentionDays: null,
    ...more,
  }
}

export function keyOf(merchant: string | null, hash: string, more: Partial<StoredKey> = {}): StoredKey {
  return {
    hash,
    merchant: merchant as MerchantId | null,
    kind: 'server',
    rights: ['write'],
    origins: [],
    quota: null,
    tool: null,
    ...more,
  }
}

export function controlStoreContract(name: string, under: ControlStoreUnderTest): void {
  describe(`${name} as control store`, () => {
    directoryContract(under)
    secretsContract(under)
    epochsContract(under)
    publicationsContract(under)
    derivationsContract(under)
    pinsContract(under)
    erasuresContract(under)
    rerunsContract(under)
    booksContract(under)
  })
}

function directoryContract(under: ControlStoreUnderTest): void {
  describe('merchants and keys', () => {
    it('finds a merchant as it was created, every field', async () => {
      const store = await under.open()
      const shop = merchantOf('a', {
        name: `O'Shop "ü" \\ 🛒\n;--`,
        blockedNames: ["x'y", 'page_view'],
        retentionDays: 396,
      })
      expect(await store.createMerchant(shop, [])).toBe('created')
      expect(await store.merchant(shop.id)).toEqual(shop)
      expect(await store.merchant(merchantId('b'))).toBeUndefined()
    })

    it('keeps the first merchant of an id, and takes no key of the second', async () => {
      const store = await under.open()
      await store.createMerchant(merchantOf('a', { name: 'first' }), [keyOf('a', 'h1')])
      expect(await store.createMerchant(merchantOf('a', { name: 'second' }), [keyOf('a', 'h2')])).toBe('exists')
      expect((await store.merchant(merchantId('a')))?.name).toBe('first')
      expect(await store.findKey('h2')).toBeUndefined()
    })

    it('creates one merchant of many callers at once', async () => {
      const store = await under.open()
      const calls = Array.from({ length: 8 }, (_, i) => store.createMerchant(merchantOf('a', { name: `${i}` }), []))
      expect((await Promise.all(calls)).filter((outcome) => outcome === 'created')).toHaveLength(1)
    })

    it('creates no merchant whose key is taken', async () => {
      const store = await under.open()
      await store.createMerchant(merchantOf('a'), [keyOf('a', 'h')])
      await expect(store.createMerchant(merchantOf('b'), [keyOf('b', 'new'), keyOf('b', 'h')])).rejects.toThrow(
        RangeError,
      )
      expect(await store.merchant(merchantId('b'))).toBeUndefined()
      expect(await store.findKey('new')).toBeUndefined()
    })

    it('refuses a key of another merchant', async () => {
      const store = await under.open()
      await expect(store.createMerchant(merchantOf('a'), [keyOf('b', 'h')])).rejects.toThrow(RangeError)
      expect(await store.merchant(merchantId('a'))).toBeUndefined()
    })

    it('changes what a change names and keeps the rest', async () => {
      const store = await under.open()
      await store.createMerchant(merchantOf('a', { blockedNames: ['x'] }), [keyOf('a', 'h')])
      expect(await store.updateMerchant(merchantId('a'), { name: 'new' })).toEqual(
        merchantOf('a', { name: 'new', blockedNames: ['x'] }),
      )
      await store.updateMerchant(merchantId('a'), { blockedNames: [] })
      expect(await store.merchant(merchantId('a'))).toEqual(merchantOf('a', { name: 'new' }))
      expect((await store.findKey('h'))?.merchant?.name).toBe('new')
      expect(await store.updateMerchant(merchantId('b'), { name: 'new' })).toBeUndefined()
      expect(await store.merchant(merchantId('b'))).toBeUndefined()
    })

    it('keeps a retention until it is taken back, and a new seed', async () => {
      const store = await under.open()
      const id = merchantId('a')
      await store.createMerchant(merchantOf('a'), [])
      for (const retentionDays of [1, retentionDaysMax]) {
        expect(await store.updateMerchant(id, { retentionDays })).toEqual(merchantOf('a', { retentionDays }))
        expect(await store.updateMerchant(id, { name: 'Shop a' })).toEqual(merchantOf('a', { retentionDays }))
      }
      expect(await store.updateMerchant(id, { retentionDays: null })).toEqual(merchantOf('a'))
      const visitorSeed = '1111111111111111'
      expect(await store.updateMerchant(id, { visitorSeed })).toEqual(merchantOf('a', { visitorSeed }))
      expect(await store.merchantsById([id])).toEqual([merchantOf('a', { visitorSeed })])
    })

    it('refuses a retention of no day, of half a one, and over its limit', async () => {
      const store = await under.open()
      await store.createMerchant(merchantOf('a'), [])
      for (const retentionDays of [0, -1, 1.5, retentionDaysMax + 1, Number.NaN]) {
        await expect(store.updateMerchant(merchantId('a'), { retentionDays })).rejects.toThrow(RangeError)
        await expect(store.createMerchant(merchantOf('b', { retentionDays }), [])).rejects.toThrow(RangeError)
      }
      expect(await store.merchants({ limit: 10 })).toEqual([merchantOf('a')])
    })

    it('keeps the zones that a merchant had, each once with when it was over last', async () => {
      const store = await under.open()
      const id = merchantId('a')
      await store.createMerchant(merchantOf('a', { timeZone: 'Europe/Berlin' }), [keyOf('a', 'h')])
      const had = (timeZone: string, ...formerZones: readonly (readonly [string, number])[]) =>
        merchantOf('a', { timeZone, formerZones: formerZones.map(([zone, until]) => ({ timeZone: zone, until })) })
      const change = (timeZone: string, now: number) => store.updateMerchant(id, { zone: { timeZone, now } })
      expect(await change('Europe/Berlin', 5)).toEqual(merchantOf('a', { timeZone: 'Europe/Berlin' }))
      expect(await change('Asia/Kolkata', 10)).toEqual(had('Asia/Kolkata', ['Europe/Berlin', 10]))
      const inUtc = had('UTC', ['Europe/Berlin', 10], ['Asia/Kolkata', 20])
      expect(await change('UTC', 20)).toEqual(inUtc)
      expect(await store.merchant(id)).toEqual(inUtc)
      expect(await store.merchants({ limit: 1 })).toEqual([inUtc])
      expect(await store.merchantsById([id])).toEqual([inUtc])
      expect((await store.findKey('h'))?.merchant).toEqual(inUtc)
      const again = had('Europe/Berlin', ['Asia/Kolkata', 20], ['UTC', 30])
      expect(await change('Europe/Berlin', 30)).toMatchObject({ timeZone: 'Europe/Berlin' })
      expect(await change('UTC', 40)).toEqual(had('UTC', ['Asia/Kolkata', 20], ['UTC', 30], ['Europe/Berlin', 40]))
      expect(await change('Europe/Berlin', 41)).toEqual({
        ...again,
        formerZones: [
          { timeZone: 'Asia/Kolkata', until: 20 },
          { timeZone: 'Europe/Berlin', until: 40 },
          { timeZone: 'UTC', until: 41 },
        ],
      })
      expect(await store.updateMerchant(id, { name: 'new' })).toMatchObject({ name: 'new', timeZone: 'Europe/Berlin' })
    })

    it('makes no change of zone twice that is told again', async () => {
      const store = await under.open()
      const id = merchantId('a')
      await store.createMerchant(merchantOf('a'), [])
      const zones = ['Asia/Kolkata', 'Europe/Berlin', 'Asia/Kolkata', 'America/New_York']
      for (const [i, timeZone] of zones.entries()) await store.updateMerchant(id, { zone: { timeZone, now: 10 + i } })
      const after = await store.merchant(id)
      expect(after).toMatchObject({ timeZone: 'America/New_York' })
      for (const [i, timeZone] of zones.entries()) await store.updateMerchant(id, { zone: { timeZone, now: 10 + i } })
      expect(await store.merchant(id)).toEqual(after)
    })

    it('refuses more zones than a merchant may have had, and one that begins at no time', async () => {
      const store = await under.open()
      const id = merchantId('a')
      await store.createMerchant(merchantOf('a'), [])
      const change = (timeZone: string, now: number) => store.updateMerchant(id, { zone: { timeZone, now } })
      for (let i = 1; i <= formerZonesMax; i++) await change(`Zone/${i}`, i)
      const full = await store.merchant(id)
      expect(full?.formerZones).toHaveLength(formerZonesMax)
      await expect(change('Zone/more', 100)).rejects.toThrow(RangeError)
      for (const now of [Number.NaN, 1.5]) await expect(change('UTC', now)).rejects.toThrow(RangeError)
      await expect(change('', 100)).rejects.toThrow(RangeError)
      expect(await store.merchant(id)).toEqual(full)
    })

    it('pages merchants by id, each once', async () => {
      const store = await under.open()
      const ids = ['b', 'a', 'a-1', 'a_1', 'a0', '0', 'z', 'aa', 'c']
      for (const id of ids) await store.createMerchant(merchantOf(id), [])
      const seen: string[] = []
      for (let after: string | undefined; ; ) {
        const page = await store.merchants(after === undefined ? { limit: 2 } : { after, limit: 2 })
        seen.push(...page.map((merchant) => merchant.id))
        if (page.length < 2) break
        after = page[1]?.id
      }
      expect(seen).toEqual([...ids].sort())
      expect(await store.merchants({ after: 'zz', limit: 2 })).toEqual([])
      expect((await store.merchants({ limit: 10_000 })).length).toBe(ids.length)
    })

    it('refuses a page that holds nothing or too much', async () => {
      const store = await under.open()
      for (const limit of [0, -1, 1.5, 10_001]) await expect(store.merchants({ limit })).rejects.toThrow(RangeError)
    })

    it('finds the merchants that exist of those named', async () => {
      const store = await under.open()
      for (const id of ['a', 'b']) await store.createMerchant(merchantOf(id), [])
      const found = await store.merchantsById(['b', 'none', 'a', 'b'].map(merchantId))
      expect(found.map(({ id }) => id).sort()).toEqual(['a', 'b'])
      expect(await store.merchantsById([])).toEqual([])
    })

    it('finds a key with its merchant, an admin key without', async () => {
      const store = await under.open()
      const key = keyOf('a', 'h', { kind: 'browser', rights: ['write', 'historical'] })
      await store.createMerchant(merchantOf('a'), [key])
      await store.addKey(keyOf(null, 'admin', { rights: ['admin'] }))
      await store.addKey(keyOf('a', 'read', { rights: ['read'] }))
      expect(await store.findKey('h')).toEqual({ key, merchant: merchantOf('a') })
      expect(await store.findKey('admin')).toEqual({ key: keyOf(null, 'admin', { rights: ['admin'] }), merchant: null })
      expect((await store.findKey('read'))?.merchant?.id).toBe('a')
      expect(await store.findKey('none')).toBeUndefined()
    })

    it('takes the same key again, and refuses the hash with another meaning', async () => {
      const store = await under.open()
      await store.createMerchant(merchantOf('a'), [keyOf('a', 'h', { rights: ['read', 'write'] })])
      await store.addKey(keyOf('a', 'h', { rights: ['write', 'read'] }))
      await expect(store.addKey(keyOf('a', 'h', { rights: ['write', 'historical'] }))).rejects.toThrow(RangeError)
      await expect(store.addKey(keyOf(null, 'h', { rights: ['read', 'write'] }))).rejects.toThrow(RangeError)
      expect((await store.findKey('h'))?.key.merchant).toBe('a')
    })

    it('keeps where a key may be used, how often, and what for, with created merchants and with added keys', async () => {
      const store = await under.open()
      const more = {
        kind: 'browser',
        rights: ['write', 'no_revenue'],
        origins: ['https://shop.example', `https://o"ther,.example:8443`],
        quota: 2 ** 40,
        tool: `tag manager's "new" {one}`,
      } as const
      await store.createMerchant(merchantOf('a'), [keyOf('a', 'h1', more)])
      await store.addKey(keyOf('a', 'h2', { ...more, quota: 1 }))
      expect((await store.findKey('h1'))?.key).toEqual(keyOf('a', 'h1', more))
      expect((await store.findKey('h2'))?.key).toEqual(keyOf('a', 'h2', { ...more, quota: 1 }))
    })

    it('refuses the same hash with other origins, another quota or another tool', async () => {
      const store = await under.open()
      const key = keyOf('a', 'h', { origins: ['https://a.example', 'https://b.example'], quota: 5, tool: 'x' })
      await store.createMerchant(merchantOf('a'), [key])
      await store.addKey({ ...key, origins: ['https://b.example', 'https://a.example'] })
      for (const other of [
        { origins: ['https://a.example'] },
        { origins: ['https://a.example,https://b.example'] },
        { quota: 6 },
        { quota: null },
        { tool: null },
      ]) {
        await expect(store.addKey({ ...key, ...other })).rejects.toThrow(RangeError)
      }
      expect((await store.findKey('h'))?.key).toMatchObject({ quota: 5, tool: 'x' })
    })

    it('refuses a quota that is no whole number of hits a second, at least one', async () => {
      const store = await under.open()
      await store.createMerchant(merchantOf('a'), [])
      for (const quota of [0, -1, 0.5, Number.NaN, 2 ** 53]) {
        const key = keyOf('a', 'h', { quota })
        await expect(store.addKey(key)).rejects.toThrow(RangeError)
        await expect(store.createMerchant(merchantOf('b'), [keyOf('b', 'h', { quota })])).rejects.toThrow(RangeError)
      }
      expect(await store.findKey('h')).toBeUndefined()
    })

    it('refuses a key of a merchant that is not there', async () => {
      const store = await under.open()
      await expect(store.addKey(keyOf('nobody', 'h'))).rejects.toThrow(RangeError)
      expect(await store.findKey('h')).toBeUndefined()
    })
  })
}

function secretsContract(under: ControlStoreUnderTest): void {
  describe('daily secrets', () => {
    const counter = (prefix: string) => {
      let made = 0
      return () => `${prefix}${++made}`
    }

    it('makes the missing ones and keeps those it has', async () => {
      const store = await under.open()
      const first = await store.dailySecrets(['2026-03-01', '2026-03-02'], '2026-03-01', counter('a'))
      expect(first).toEqual({ '2026-03-01': 'a1', '2026-03-02': 'a2' })
      const second = await store.dailySecrets(['2026-03-02', '2026-03-03'], '2026-03-01', counter('b'))
      expect(second).toEqual({ '2026-03-02': 'a2', '2026-03-03': 'b1' })
    })

    it('gives two callers at once the same secret', async () => {
      const store = await under.open()
      const calls = ['a', 'b', 'c', 'd'].map((who) => store.dailySecrets(['2026-03-01'], '2026-03-01', counter(who)))
      const secrets = new Set((await Promise.all(calls)).map((answer) => answer['2026-03-01']))
      expect(secrets.size).toBe(1)
    })

    it('forgets for ever what is older than asked to keep', async () => {
      const store = await under.open()
      await store.dailySecrets(['2026-03-01', '2026-03-02'], '2026-03-01', counter('a'))
      await store.dailySecrets(['2026-03-02'], '2026-03-02', counter('b'))
      const again = await store.dailySecrets(['2026-03-01', '2026-03-02'], '2026-03-01', counter('c'))
      expect(again).toEqual({ '2026-03-01': 'c1', '2026-03-02': 'a2' })
    })

    it('refuses a date that the same call deletes', async () => {
      const store = await under.open()
      await expect(store.dailySecrets(['2026-02-28'], '2026-03-01', counter('a'))).rejects.toThrow(RangeError)
    })
  })
}
