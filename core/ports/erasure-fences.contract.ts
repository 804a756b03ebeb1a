/** The contract of what counts only where it knew the erasures that are carried out; registered by `erasuresContract`. */
import { describe, expect, it } from 'vitest'
import { StaleErasuresError } from '../errors.ts'
import type { MerchantId } from '../ids.ts'
import { type ControlStoreUnderTest, merchantId } from './control-store.contract.ts'
import type { ControlStore, EpochCommit } from './control-store.ts'
import { allOf, epochOf, fileOf, offset, positionOf } from './control-store-epochs.contract.ts'
import { type DroppedDay, droppedDaysPageMax, type Erasure, erasuresPageMax } from './erasure-store.ts'
import type { SplitCommit } from './rerun-store.ts'
import { everything, placeOf, setUpReruns } from './rerun-under-test.ts'

export function erasureFencesContract(under: ControlStoreUnderTest): void {
  describe('what erasures were asked for', () => askingsContract(under))
  describe('an erasure that is fenced', () => fencesContract(under))
  describe('days of dropped hits', () => droppedDaysContract(under))
}

/** A store with merchants a and b, a job, and visitors to erase. */
async function setUp(under: ControlStoreUnderTest) {
  const store = await under.open()
  for (const name of ['a', 'b']) {
    const shop = { id: merchantId(name), name, timeZone: 'UTC', currency: 'EUR', blockedNames: [], retentionDays: null }
    await store.createMerchant({ ...shop, visitorSeed: '00ff00ff00ff00ff' }, [])
  }
  const { fence } = await store.acquirePartitions('hits', 'feed-1', 'me', [0, 1, 2, 3])
  async function erase(value: string, through = 1_000, merchant = 'a'): Promise<Erasure> {
    const subject = { kind: 'visitor', value } as const
    const asked = await store.eraseHits({ merchant: merchantId(merchant), subject, through, by: 'me', now: 2_000 })
    if (asked === null) throw new Error('there are too many')
    return asked
  }
  const epoch = (from: number, more: Partial<EpochCommit> = {}) => epochOf(fence, from, from + 1, more)
  return { store, erase, epoch, fence }
}

function askingsContract(under: ControlStoreUnderTest): void {
  it('is told by a number that rises with each asking that reaches further, and is 0 at first', async () => {
    const { store, erase } = await setUp(under)
    expect(await store.erasuresAsked()).toBe(0)
    expect((await erase('v')).asking).toBe(1)
    expect((await erase('w', 5, 'b')).asking).toBe(2)
    expect((await erase('v', 1_000)).asking).toBe(1)
    expect((await erase('v', 999)).asking).toBe(1)
    expect(await store.erasuresAsked()).toBe(2)
    expect((await erase('v', 1_001)).asking).toBe(3)
    expect(await store.erasuresAsked()).toBe(3)
    expect((await store.erasures({ limit: 10 })).map(({ id, asking }) => [id, asking])).toEqual([
      [1, 3],
      [2, 2],
    ])
    expect((await store.erasure(1))?.asking).toBe(3)
  })
}

function fencesContract(under: ControlStoreUnderTest): void {
  it('refuses each epoch that knew less, which changes nothing, and takes those that knew it', async () => {
    const { store, erase, epoch } = await setUp(under)
    await erase('v')
    const asked = await erase('w')
    expect(await store.fenceErasures([asked])).toEqual(new Set([asked.id]))
    const before = await allOf(store)
    const changes = {
      staged: [fileOf('f')],
      touched: [{ merchant: merchantId('a'), day: 3 }],
      droppedDays: [{ merchant: merchantId('a'), day: 3 }],
    }
    for (const erasuresKnown of [0, asked.asking - 1]) {
      await expect(store.commitEpoch(epoch(0, { ...changes, erasuresKnown }))).rejects.toThrow(StaleErasuresError)
    }
    expect(await allOf(store)).toEqual(before)
    expect(await store.droppedDays({ limit: 10 })).toEqual([])
    await store.commitEpoch(epoch(0, { ...changes, erasuresKnown: asked.asking }))
    await store.commitEpoch(epoch(1, { erasuresKnown: asked.asking + 1 }))
    await store.commitEpoch(epoch(2))
    expect(await store.unpublished('hits')).toEqual([fileOf('f')])
  })

  it('refuses nothing for others that were asked for later and are not', async () => {
    const { store, erase, epoch } = await setUp(under)
    const first = await erase('v')
    await erase('w')
    await store.fenceErasures([first])
    await store.fenceErasures([first])
    await store.commitEpoch(epoch(0, { erasuresKnown: first.asking }))
  })

  it('is it as far as it was known to reach: asked for again with a later moment it is not, until it is fenced anew', async () => {
    const { store, erase, epoch } = await setUp(under)
    const first = await erase('v')
    await store.fenceErasures([first])
    const again = await erase('v', first.through + 1)
    expect(await store.fenceErasures([first, { id: 99, through: 1_000 }])).toEqual(new Set())
    await expect(store.commitEpoch(epoch(0, { erasuresKnown: 0 }))).rejects.toThrow(StaleErasuresError)
    await store.commitEpoch(epoch(0, { erasuresKnown: first.asking }))
    expect(await store.fenceErasures([again])).toEqual(new Set([again.id]))
    await expect(store.commitEpoch(epoch(1, { erasuresKnown: first.asking }))).rejects.toThrow(StaleErasuresError)
    await store.commitEpoch(epoch(1, { erasuresKnown: again.asking }))
  })

  it('stays it where it is asked for again with no later moment, and when it has moved on', async () => {
    const { store, erase, epoch } = await setUp(under)
    const asked = await erase('v')
    await store.fenceErasures([asked])
    await erase('v', asked.through)
    await erase('v', asked.through - 1)
    await store.moveErasure(asked.id, { from: 'asked', to: 'removed', through: asked.through, now: 5 })
    await erase('v', asked.through)
    await expect(store.commitEpoch(epoch(0, { erasuresKnown: 0 }))).rejects.toThrow(StaleErasuresError)
  })

  it(`is one of at most ${erasuresPageMax} at once`, async () => {
    const { store, erase } = await setUp(under)
    const asked = await erase('v')
    const others = Array.from({ length: erasuresPageMax }, (_, n) => ({ id: n + 10, through: 1_000 }))
    await expect(store.fenceErasures([asked, ...others])).rejects.toThrow(RangeError)
    expect(await store.fenceErasures([asked, ...others.slice(1)])).toEqual(new Set([asked.id]))
    expect(await store.fenceErasures([])).toEqual(new Set())
  })

  it('finds every epoch that knew less either committed, or refused for ever', async () => {
    const { store, erase, fence } = await setUp(under)
    for (let round = 0; round < 8; round++) {
      const known = await store.erasuresAsked()
      const asked = await erase(`v${round}`)
      const commit = (partition: number, erasuresKnown: number) => {
        const from = offset(round)
        const partitions = [{ ...positionOf(partition, round + 1), from }]
        return store.commitEpoch(epochOf(fence, 0, 0, { partitions, erasuresKnown }))
      }
      const made = [0, 1, 2, 3].map((partition) =>
        commit(partition, known).then(
          () => true,
          (error) => {
            expect(error).toBeInstanceOf(StaleErasuresError)
            return false
          },
        ),
      )
      await store.fenceErasures([asked])
      const { positions } = await store.versionsSince(0)
      const isThere = [0, 1, 2, 3].map((each) =>
        positions.some(({ partition, next }) => partition === each && next === round + 1),
      )
      expect(await Promise.all(made)).toEqual(isThere)
      for (const [partition, done] of isThere.entries()) if (!done) await commit(partition, asked.asking)
    }
  })

  it('refuses splits of reruns of its merchant that knew less, and no others', async () => {
    const { store, of } = await setUpReruns(under)
    const shop = { name: 'a', timeZone: 'UTC', currency: 'EUR', blockedNames: [], retentionDays: null }
    await store.createMerchant({ ...shop, id: merchantId('a'), visitorSeed: '00ff00ff00ff00ff' }, [])
    const own = await of('backfilling', { places: [placeOf('z', 1, 1), placeOf('a', 1, 5)] })
    const others = await of('backfilling', { places: [placeOf('b', 1, 5)] })
    const all = await of('backfilling', { pipeline: 'other', places: [everything] })
    const subject = { kind: 'merchant' } as const
    const asked = await store.eraseHits({ merchant: merchantId('a'), subject, through: 5, by: 'me', now: 6 })
    const splitOf = (rerun: number, split: string, erasuresKnown: number): SplitCommit => ({
      ...{ rerun, split, staged: [fileOf(`${rerun} ${split} ${erasuresKnown}`)], days: [], erasuresKnown },
    })
    expect(await store.commitSplit(splitOf(own.id, 'before', 0))).toBe('committed')
    await store.fenceErasures([{ id: asked?.id ?? 0, through: 5 }])
    for (const { id } of [own, all]) {
      await expect(store.commitSplit(splitOf(id, 's', 0))).rejects.toThrow(StaleErasuresError)
    }
    expect(await store.splitsDone(own.id)).toEqual(new Set(['before']))
    expect(await store.commitSplit(splitOf(others.id, 's', 0))).toBe('committed')
    expect(await store.commitSplit(splitOf(own.id, 'before', 0))).toBe('already')
    for (const { id } of [own, all]) expect(await store.commitSplit(splitOf(id, 's', 1))).toBe('committed')
    expect(await store.commitSplit({ rerun: all.id, split: 't', staged: [], days: [] })).toBe('committed')
    expect(await store.unpublished('hits')).toHaveLength(4)
  })
}

function droppedDaysContract(under: ControlStoreUnderTest): void {
  const dayOf = (merchant: string, day: number) => ({ merchant: merchant as MerchantId, day })
  const listed = async (store: ControlStore) =>
    (await store.droppedDays({ limit: 10 })).map(({ merchant, day, erasuresKnown }) => [merchant, day, erasuresKnown])

  it('are kept with what their epoch knew, once each, until they are forgotten one by one', async () => {
    const { store, erase, epoch } = await setUp(under)
    expect(await store.droppedDays({ limit: 10 })).toEqual([])
    await erase('v')
    const droppedDays = [dayOf('b', -3), dayOf('a', 20_000), dayOf('a', 20_000), dayOf('a', 7)]
    await store.commitEpoch(epoch(0, { erasuresKnown: 1, droppedDays }))
    await store.commitEpoch(epoch(1, { erasuresKnown: 2, droppedDays: [dayOf('a', 7)] }))
    await store.commitEpoch(epoch(2, { erasuresKnown: 2 }))
    expect(await listed(store)).toEqual([
      ['a', 7, 1],
      ['a', 20_000, 1],
      ['b', -3, 1],
      ['a', 7, 2],
    ])
    const [first, second, , last] = await store.droppedDays({ limit: 10 })
    expect(first?.epoch).toBe(second?.epoch)
    expect(last?.epoch).toBeGreaterThan(first?.epoch ?? 0)
    const unknown = { ...(first as DroppedDay), day: 8 }
    await store.forgetDroppedDays([last as DroppedDay, second as DroppedDay, unknown])
    expect(await listed(store)).toEqual([
      ['a', 7, 1],
      ['b', -3, 1],
    ])
    await store.forgetDroppedDays([])
  })

  it('are paged in their order, each once', async () => {
    const { store, epoch } = await setUp(under)
    await store.commitEpoch(epoch(0, { erasuresKnown: 0, droppedDays: [dayOf('b', 1), dayOf('a', 2), dayOf('a', 1)] }))
    await store.commitEpoch(epoch(1, { erasuresKnown: 0, droppedDays: [dayOf('a', 0)] }))
    const found: DroppedDay[] = []
    for (;;) {
      const after = found.at(-1)
      const page = await store.droppedDays({ limit: 1, ...(after !== undefined && { after }) })
      if (page.length === 0) break
      found.push(...page)
    }
    expect(found.map(({ merchant, day }) => [merchant, day])).toEqual([
      ['a', 1],
      ['a', 2],
      ['b', 1],
      ['a', 0],
    ])
    expect(found).toEqual(await store.droppedDays({ limit: 10 }))
  })

  it(`are paged and forgotten ${droppedDaysPageMax} at once at most`, async () => {
    const { store, epoch } = await setUp(under)
    const days = Array.from({ length: droppedDaysPageMax + 1 }, (_, day) => dayOf('a', day))
    await store.commitEpoch(epoch(0, { erasuresKnown: 0, droppedDays: days }))
    for (const limit of [0, 1.5, droppedDaysPageMax + 1]) {
      await expect(store.droppedDays({ limit })).rejects.toThrow(RangeError)
    }
    const page = await store.droppedDays({ limit: droppedDaysPageMax })
    expect(page).toHaveLength(droppedDaysPageMax)
    const [more] = await store.droppedDays({ limit: 1, after: page.at(-1) as DroppedDay })
    await expect(store.forgetDroppedDays([...page, more as DroppedDay])).rejects.toThrow(RangeError)
    await store.forgetDroppedDays(page)
    expect(await store.droppedDays({ limit: 10 })).toEqual([more])
  }, 60_000)
}
