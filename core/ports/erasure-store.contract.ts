/** The contract of erasures; registered by `controlStoreContract`. */
import { describe, expect, it } from 'vitest'
import { dayMs } from '../event-time.ts'
import type { MerchantId } from '../ids.ts'
import type { ControlStoreUnderTest } from './control-store.contract.ts'
import type { ControlStore, Merchant } from './control-store.ts'
import { erasureFencesContract } from './erasure-fences.contract.ts'
import {
  type ErasedHits,
  type ErasureSubject,
  erasedValueMax,
  erasuresPageMax,
  openErasuresPerMerchantMax,
  touchedDaysMax,
} from './erasure-store.ts'

const id = (text: string) => text as MerchantId
const visitor = (value: string): ErasureSubject => ({ kind: 'visitor', value })
const all: ErasureSubject = { kind: 'merchant' }

function merchantOf(name: string): Merchant {
  const shop = { id: id(name), name, timeZone: 'UTC', currency: 'EUR', blockedNames: [], retentionDays: null }
  return { ...shop, visitorSeed: '00ff00ff00ff00ff' }
}

export function erasuresContract(under: ControlStoreUnderTest): void {
  async function opened(): Promise<ControlStore> {
    const store = await under.open()
    for (const name of ['a', 'b']) await store.createMerchant(merchantOf(name), [])
    return store
  }

  const erase = (store: ControlStore, merchant: string, subject: ErasureSubject, through = 1_000, now = 2_000) =>
    store.eraseHits({ merchant: id(merchant), subject, through, by: `it's "me"`, now })

  async function erasedOf(store: ControlStore, merchant: string, state?: 'open'): Promise<readonly ErasedHits[]> {
    return (await store.erasedOf([id(merchant)], state)).get(id(merchant)) ?? []
  }

  erasureFencesContract(under)

  describe('erasures', () => {
    it('are recorded as they were asked for, with ids that rise over all merchants', async () => {
      const store = await opened()
      const subjects = [
        { merchant: id('a'), subject: visitor(`v' "ü" 🛒 \\`), through: 1_000 },
        { merchant: id('b'), subject: { kind: 'user', value: 'v' } as const, through: 2 ** 45 },
        { merchant: id('a'), subject: all, through: 0 },
      ]
      for (const each of subjects) await erase(store, each.merchant, each.subject, each.through, 2_000)
      const recorded = await store.erasures({ limit: 10 })
      expect(recorded).toEqual(
        subjects.map((each, index) => ({
          ...each,
          id: index + 1,
          asking: index + 1,
          state: 'asked',
          askedAt: 2_000,
          movedAt: 2_000,
          by: `it's "me"`,
        })),
      )
      expect(await store.erasure(2)).toEqual(recorded[1])
      expect(await store.erasure(4)).toBeUndefined()
    })

    it('of the same subject are one, that reaches as far as the furthest and begins anew', async () => {
      const store = await opened()
      const first = await erase(store, 'a', visitor('v'), 5_000)
      const others = [
        await erase(store, 'a', { kind: 'user', value: 'v' }),
        await erase(store, 'b', visitor('v')),
        await erase(store, 'a', all),
      ]
      expect(new Set([first, ...others].map((each) => each?.id)).size).toBe(4)
      await store.moveErasure(1, { from: 'asked', to: 'removing', through: 5_000, now: 2_500 })
      const again = { merchant: id('a'), subject: visitor('v'), by: 'you' }
      expect(await store.eraseHits({ ...again, through: 4_000, now: 3_000 })).toEqual({
        ...first,
        state: 'asked',
        askedAt: 3_000,
        movedAt: 3_000,
        by: 'you',
      })
      expect(await store.eraseHits({ ...again, through: 6_000, now: 4_000 })).toMatchObject({ id: 1, through: 6_000 })
      expect(await erase(store, 'a', all, 9)).toMatchObject({ id: others[2]?.id, through: 1_000 })
    })

    it('asked for by many at once are recorded once each', async () => {
      const store = await opened()
      const asked = await Promise.all([1, 2, 3, 1, 2, 3].map((n) => erase(store, 'a', visitor(`v${n}`))))
      expect(asked.map((each) => each?.id).sort()).toEqual([1, 1, 2, 2, 3, 3])
      expect(await store.erasures({ limit: 10 })).toHaveLength(3)
    })

    it('of a merchant that is not there are not recorded', async () => {
      const store = await opened()
      expect(await erase(store, 'none', all)).toBeNull()
      expect(await store.erasures({ limit: 10 })).toEqual([])
    })

    it('of nobody, or through no moment, are refused', async () => {
      const store = await opened()
      for (const value of ['', 'x'.repeat(erasedValueMax + 1)]) {
        await expect(erase(store, 'a', visitor(value))).rejects.toThrow(RangeError)
      }
      for (const through of [-1, 0.5, Number.NaN]) {
        await expect(erase(store, 'a', all, through)).rejects.toThrow(RangeError)
      }
      expect(await store.erasures({ limit: 10 })).toEqual([])
      expect(await erase(store, 'a', visitor('x'.repeat(erasedValueMax)))).not.toBeNull()
    })

    it('move on from the state they are in, once', async () => {
      const store = await opened()
      await erase(store, 'a', visitor('v'))
      const move = { from: 'asked', to: 'removing', through: 1_000, now: 3_000 } as const
      expect(await store.moveErasure(1, move)).toBe(true)
      expect(await store.erasure(1)).toMatchObject({ state: 'removing', askedAt: 2_000, movedAt: 3_000 })
      expect(await store.moveErasure(1, move)).toBe(false)
      expect(await store.moveErasure(2, move)).toBe(false)
    })

    it('do not move on where they were asked for again with a later moment', async () => {
      const store = await opened()
      await erase(store, 'a', visitor('v'))
      await erase(store, 'a', visitor('v'), 1_001)
      expect(await store.moveErasure(1, { from: 'asked', to: 'removing', through: 1_000, now: 3_000 })).toBe(false)
      expect(await store.erasure(1)).toMatchObject({ state: 'asked', through: 1_001 })
    })

    it('are open until removed, and known for ever', async () => {
      const store = await opened()
      for (const [merchant, value] of [
        ['a', 'v'],
        ['b', 'v'],
        ['a', 'w'],
      ] as const) {
        await erase(store, merchant, visitor(value))
      }
      const [v, w] = ['v', 'w'].map((value) => ({ merchant: 'a', subject: visitor(value), through: 1_000 }))
      expect(await erasedOf(store, 'a', 'open')).toEqual([v, w])
      await store.moveErasure(1, { from: 'asked', to: 'removing', through: 1_000, now: 0 })
      expect(await erasedOf(store, 'a', 'open')).toEqual([v, w])
      await store.moveErasure(1, { from: 'removing', to: 'removed', through: 1_000, now: 0 })
      expect(await erasedOf(store, 'a', 'open')).toEqual([w])
      expect(await erasedOf(store, 'a')).toEqual([v, w])
      expect((await store.erasures({ merchant: id('a'), state: 'open', limit: 10 })).map((each) => each.id)).toEqual([
        3,
      ])
      expect([...(await store.erasedOf([id('none'), id('b'), id('a')])).keys()].sort()).toEqual(['a', 'b'])
      expect((await store.erasedOf([])).size).toBe(0)
    })

    it('are paged by id, each once', async () => {
      const store = await opened()
      for (const n of [1, 2, 3, 4, 5]) await erase(store, n === 3 ? 'b' : 'a', visitor(`v${n}`))
      const page = (after: number, more = {}) =>
        store.erasures({ after, limit: 2, ...more }).then((found) => found.map((each) => each.id))
      expect(await page(0)).toEqual([1, 2])
      expect(await page(2)).toEqual([3, 4])
      expect(await page(2, { merchant: id('a') })).toEqual([4, 5])
      expect(await page(5)).toEqual([])
      for (const limit of [0, 1.5, erasuresPageMax + 1]) {
        await expect(store.erasures({ limit })).rejects.toThrow(RangeError)
      }
    })

    it(`of a merchant are at most ${openErasuresPerMerchantMax} open; one of them can be asked for again`, async () => {
      const store = await opened()
      for (let n = 1; n <= openErasuresPerMerchantMax; n++) await erase(store, 'a', visitor(`v${n}`))
      expect(await erase(store, 'a', all)).toBeNull()
      expect(await erase(store, 'a', visitor('v7'), 5_000)).toMatchObject({ id: 7, through: 5_000 })
      expect(await erase(store, 'b', all)).not.toBeNull()
      await store.moveErasure(1, { from: 'asked', to: 'removed', through: 1_000, now: 0 })
      expect(await erase(store, 'a', all)).not.toBeNull()
      expect(await erase(store, 'a', visitor('v1'))).toBeNull()
      expect((await store.erasure(1))?.state).toBe('removed')
    }, 120_000)
  })

  describe('days of a merchant', () => {
    it('that are touched get a version of their own, at once', async () => {
      const store = await opened()
      const { commit: before } = await store.versionsSince(0)
      await store.touchDays(id('a'), [20_000, 20_003, 20_000])
      const { commit, changes, reset } = await store.versionsSince(before)
      expect({ commit, reset }).toEqual({ commit: before + 1, reset: false })
      const touched = changes.map(({ merchant, day, version }) => `${merchant} ${day} ${version}`).sort()
      expect(touched).toEqual([`a 20000 ${commit}`, `a 20003 ${commit}`])
      const range = { afterVersion: before, firstDay: 0, lastDay: 30_000, limit: 10 }
      expect((await store.changedDays(range)).map(({ day }) => day)).toEqual([20_000, 20_003])
      await store.touchDays(id('a'), [])
      expect((await store.versionsSince(0)).commit).toBe(commit)
    })

    it(`are touched ${touchedDaysMax} at once at most, whole numbers`, async () => {
      const store = await opened()
      const days = Array.from({ length: touchedDaysMax + 1 }, (_, day) => day)
      await expect(store.touchDays(id('a'), days)).rejects.toThrow(RangeError)
      await expect(store.touchDays(id('a'), [1.5])).rejects.toThrow(RangeError)
      expect((await store.versionsSince(0)).commit).toBe(0)
      await store.touchDays(id('a'), days.slice(1))
      expect((await store.versionsSince(0)).changes).toHaveLength(touchedDaysMax)
    }, 60_000)
  })

  describe('a derivation', () => {
    async function deriving() {
      const store = await opened()
      const { fence } = (await store.acquireLease('publish/sessions', 'me', 100_000, 0)) ?? { fence: 0 }
      const units = ['a', 'b'].map((merchant) => ({ merchant: id(merchant), start: 0, end: dayMs }))
      const work = { units, reads: 'pending', idAbove: 0 } as const
      return { store, fence, begin: () => store.beginDerivation('sessions', 'publish/sessions', fence, work) }
    }

    it('is begun with the open erasures of its merchants, and keeps them', async () => {
      const { store, begin } = await deriving()
      await store.createMerchant(merchantOf('c'), [])
      for (const merchant of ['b', 'a', 'c']) await erase(store, merchant, visitor(`v of "${merchant}"`))
      await erase(store, 'a', all, 5)
      await erase(store, 'b', { kind: 'user', value: 'gone' })
      await store.moveErasure(5, { from: 'asked', to: 'removed', through: 1_000, now: 0 })
      const { erased } = await begin()
      const of = (merchant: string) => erased.filter((each) => each.merchant === merchant)
      expect(of('a')).toEqual([
        { merchant: 'a', subject: visitor('v of "a"'), through: 1_000 },
        { merchant: 'a', subject: all, through: 5 },
      ])
      expect(of('b')).toEqual([{ merchant: 'b', subject: visitor('v of "b"'), through: 1_000 }])
      expect(erased).toHaveLength(3)
      await erase(store, 'a', visitor('later'))
      expect((await store.openDerivation('sessions'))?.erased).toEqual(erased)
    })

    it('of a day that is touched after it began is right no more', async () => {
      const { store, fence, begin } = await deriving()
      const { id: publish } = await begin()
      await store.touchDays(id('a'), [0])
      await store.finishDerivation('sessions', 'publish/sessions', fence, publish, 's')
      const reach = { daysBefore: 0, daysAfter: 0 }
      const ranges = (merchant: string) =>
        store.derivedRanges({ table: 'sessions', merchant: id(merchant), from: 0, to: dayMs, reach })
      expect(await ranges('a')).toEqual([])
      expect(await ranges('b')).toHaveLength(1)
    })
  })
}
