import { beforeEach, describe, expect, it } from 'vitest'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../core/adapters/memory/seeded-random.ts'
import type { MerchantId } from '../../core/ids.ts'
import { type ControlStore, formerZonesMax } from '../../core/ports/control-store.ts'
import { createMemoryControlStore } from '../../lakehouse/adapters/memory/memory-control-store.ts'
import { hashKey } from './keys.ts'
import { changeMerchant, createKey, createMerchant, keyQuotaMax, merchantView, toolMaxLength } from './merchants.ts'
import { originsMax } from './origins.ts'

const shop = { id: 'shop', name: 'Shop', timeZone: 'UTC', currency: 'EUR' }
const random = seededRandom(1)
const page = { kind: 'browser', rights: ['write'] }

let store: ControlStore
beforeEach(async () => {
  store = createMemoryControlStore()
})
const stored = async (key: string) => (await store.findKey(hashKey(key)))?.key

describe('a key', () => {
  beforeEach(async () => {
    await createMerchant(store, random, shop)
  })
  const faults = (body: object): Promise<string[]> =>
    createKey(store, random, 'shop', body).then(
      () => [],
      (error) => error.extra.errors.map(({ pointer }: { pointer: string }) => pointer),
    )

  it('is shown once with all its terms, and kept with them', async () => {
    const terms = {
      kind: 'browser',
      rights: ['write', 'no_revenue'],
      origins: ['https://shop.example', 'https://*.shop.example'],
      quota: 50,
      tool: 'Tag manager',
    }
    const { key, ...shown } = await createKey(store, random, 'shop', terms)
    expect(shown).toEqual(terms)
    expect(await stored(key)).toEqual({ ...terms, hash: hashKey(key), merchant: 'shop' })
  })

  it('is bound to nothing unless it is said', async () => {
    const { key } = await createKey(store, random, 'shop', page)
    expect(await stored(key)).toMatchObject({ origins: [], quota: null, tool: null })
    const { quota, tool } = await createKey(store, random, 'shop', { ...page, quota: null, tool: null })
    expect([quota, tool]).toEqual([null, null])
  })

  it('keeps origins as browsers write them, each once', async () => {
    const origins = ['HTTPS://Shop.Example:443', 'https://shop.example', 'http://localhost:3000']
    const made = await createKey(store, random, 'shop', { ...page, origins })
    expect(made.origins).toEqual(['https://shop.example', 'http://localhost:3000'])
  })

  it('has limits', async () => {
    const origins = (count: number) => Array.from({ length: count }, (_, n) => `https://${n}.example`)
    const fine = { ...page, origins: origins(originsMax), quota: keyQuotaMax, tool: 'x'.repeat(toolMaxLength) }
    expect(await faults(fine)).toEqual([])
    expect(await faults({ ...page, origins: origins(originsMax + 1) })).toEqual(['/origins'])
    expect(await faults({ ...page, quota: keyQuotaMax + 1 })).toEqual(['/quota'])
    expect(await faults({ ...page, tool: 'x'.repeat(toolMaxLength + 1) })).toEqual(['/tool'])
  })

  it.each([
    [
      'an origin that is a page',
      { ...page, origins: ['https://shop.example', 'https://shop.example/cart'] },
      '/origins/1',
    ],
    ['origins of a server', { kind: 'server', rights: ['write'], origins: ['https://shop.example'] }, '/origins'],
    ['a quota of nothing', { ...page, quota: 0 }, '/quota'],
    ['a quota of a part of a hit', { ...page, quota: 1.5 }, '/quota'],
    ['a tool without a name', { ...page, tool: '' }, '/tool'],
    ['a tool of two lines', { ...page, tool: 'a\nb' }, '/tool'],
    ['no_revenue of a key that only reads', { kind: 'server', rights: ['read', 'no_revenue'] }, '/rights'],
    ['no_revenue twice', { ...page, rights: ['write', 'no_revenue', 'no_revenue'] }, '/rights'],
  ])('is refused for %s', async (_name, body, pointer) => {
    expect(await faults(body)).toEqual([pointer])
  })
})

describe('the write key of a new merchant', () => {
  it('has the terms that were asked for, the read key none of them', async () => {
    const terms = { rights: ['no_revenue'], kind: 'browser', origins: ['https://shop.example'], quota: 9, tool: 'page' }
    const { writeKey, readKey } = await createMerchant(store, random, { ...shop, ...terms })
    expect(await stored(writeKey)).toMatchObject({ ...terms, rights: ['write', 'no_revenue'] })
    expect(await stored(readKey)).toMatchObject({
      kind: 'server',
      rights: ['read'],
      origins: [],
      quota: null,
      tool: null,
    })
  })

  it('is refused with the merchant where its terms are wrong', async () => {
    for (const wrong of [
      { origins: ['https://shop.example'] },
      { rights: ['historical', 'historical'] },
      { quota: -1 },
    ]) {
      await expect(createMerchant(store, random, { ...shop, ...wrong })).rejects.toMatchObject({ code: 'bad_query' })
    }
    expect(await store.merchants({ limit: 1 })).toEqual([])
  })
})

describe('a merchant’s time zone', () => {
  const clock = new ManualClock(Date.parse('2026-03-10T12:00:00Z'))
  const change = (body: object) => changeMerchant(store, clock, 'shop', body)
  beforeEach(async () => {
    await createMerchant(store, random, shop)
  })

  it('is another from now on, and the one before is kept with when it was over', async () => {
    const changed = await change({ timeZone: 'asia/kolkata', name: 'Dukan' })
    expect(merchantView(changed)).toMatchObject({
      ...{ name: 'Dukan', timeZone: 'Asia/Kolkata' },
      formerZones: [{ timeZone: 'UTC', until: '2026-03-10T12:00:00.000Z' }],
    })
    expect(await store.merchant(changed.id)).toEqual(changed)
  })

  it('is no other where it is named again, in whatever spelling', async () => {
    expect(await change({ timeZone: 'utc' })).toEqual(await store.merchant('shop' as MerchantId))
    expect(merchantView(await change({ timeZone: 'UTC' })).formerZones).toEqual([])
  })

  it('changes though the clock stands still, or was set back', async () => {
    for (const timeZone of ['Asia/Kolkata', 'Europe/Berlin']) await change({ timeZone })
    const earlier = { now: () => clock.now() - 60_000 }
    const { timeZone, formerZones } = await changeMerchant(store, earlier, 'shop', { timeZone: 'UTC' })
    expect(timeZone).toBe('UTC')
    expect(formerZones?.map(({ until }) => until - clock.now())).toEqual([0, 1, 2])
  })

  it('is refused where there is no such zone', async () => {
    await expect(change({ timeZone: 'Mars/Olympus' })).rejects.toMatchObject({ status: 400, code: 'unknown_zone' })
    await expect(change({ timeZone: '+05:30' })).rejects.toMatchObject({ code: 'unknown_zone' })
    await expect(changeMerchant(store, clock, 'nobody', { timeZone: 'UTC' })).rejects.toMatchObject({ status: 404 })
  })

  it('has been so many others, and one of these may be taken back', async () => {
    const zones = Intl.supportedValuesOf('timeZone').slice(0, formerZonesMax + 1)
    for (const timeZone of zones.slice(0, -1)) await change({ timeZone })
    const refused = { status: 409, code: 'too_many_zones' }
    await expect(change({ timeZone: zones.at(-1) as string })).rejects.toMatchObject(refused)
    const before = await store.merchant('shop' as MerchantId)
    expect(before?.timeZone).toBe(zones.at(-2))
    await expect(change({ timeZone: zones.at(-2) as string })).resolves.toEqual(before)
  })
})
