/** The contract of reruns that are put into a store which was put back from an older copy; by `clusterStoreContract`. */
import { describe, expect, it } from 'vitest'
import { StaleErasuresError } from '../errors.ts'
import type { ClusterStoreUnderTest } from './cluster-store.contract.ts'
import type { ClusterStore, KeptRerun } from './cluster-store.ts'
import { merchantId } from './control-store.contract.ts'
import { touch } from './control-store-derivations.contract.ts'
import { fileOf } from './control-store-epochs.contract.ts'
import type { SplitCommit } from './rerun-store.ts'
import { placeOf, setUpReruns } from './rerun-under-test.ts'

const allDays = { afterVersion: 0, firstDay: 0, lastDay: 100, limit: 100 }

export function rerunRestoreContract(under: ClusterStoreUnderTest): void {
  const opened = async () => {
    const store = await under.open()
    return { ...(await setUpReruns({ open: async () => store })), store }
  }
  const kept = async (store: ClusterStore, id: number): Promise<KeptRerun> => {
    const found = await store.keptRerun(id)
    if (found === undefined) throw new Error(`no rerun ${id}`)
    return found
  }
  const splitOf = (rerun: number, split: string): SplitCommit => ({
    rerun,
    split,
    staged: [fileOf(`${split}-hits`)],
    days: [touch('a', 3)],
  })

  describe('reruns of a store that was put back', () => {
    it('are as they were in the other one: record, writing and map', async () => {
      const lost = await opened()
      const places = [placeOf('a', 1, 5)]
      await lost.of('cancelled')
      await lost.of('promoted', { places })
      await lost.of('rolled_back', { places: [placeOf('b', 1, 5)], sinks: ['hits'] })
      await lost.of('catching_up', { places: [placeOf('c', 1, 5)] })
      const { store } = await opened()
      for (const id of [2, 3, 4]) await store.restoreRerun(await kept(lost.store, id))
      await store.restoreWriting('hits', await lost.store.writing('hits'))
      expect(await store.reruns({ limit: 10 })).toEqual((await lost.store.reruns({ limit: 10 })).slice(0, 3))
      expect(await store.writing('hits')).toEqual(await lost.store.writing('hits'))
      const map = async (of: ClusterStore) =>
        (await of.versionsSince(0)).generations.map((change) => JSON.stringify({ ...change, version: 0 })).sort()
      expect(await map(store)).toEqual(await map(lost.store))
      expect(await store.generationsInUse()).toEqual(await lost.store.generationsInUse())
      const next = await setUpReruns({ open: async () => store })
      expect((await next.create({ pipeline: 'other' })).generation).toBe(6)
    })

    it('have no split back that knew fewer erasures of their merchants than are fenced', async () => {
      const { store, of } = await opened()
      const shop = { name: 'a', timeZone: 'UTC', currency: 'EUR', blockedNames: [], retentionDays: null }
      await store.createMerchant({ ...shop, id: merchantId('a'), visitorSeed: '00ff00ff00ff00ff' }, [])
      const { id } = await of('backfilling', { places: [placeOf('a', 1, 5)] })
      const subject = { kind: 'merchant' } as const
      await store.eraseHits({ merchant: merchantId('a'), subject, through: 5, by: 'me', now: 6 })
      await store.fenceErasures([{ id: 1, through: 5 }])
      await expect(store.restoreSplit({ ...splitOf(id, 's'), erasuresKnown: 0 })).rejects.toThrow(StaleErasuresError)
      expect(await store.splitsDone(id)).toEqual(new Set())
      expect(await store.restoreSplit({ ...splitOf(id, 's'), erasuresKnown: 1 })).toBe('committed')
      expect(await store.restoreSplit({ ...splitOf(99, 't'), erasuresKnown: 0 })).toBe('committed')
    })

    it('answer by a commit of their own, so that readers hear of it', async () => {
      const lost = await opened()
      await lost.of('promoted')
      const { store } = await opened()
      for (let n = 0; n < 20; n++) await store.skipCommit()
      const { commit } = await store.versionsSince(0)
      await store.restoreRerun(await kept(lost.store, 1))
      const { generations } = await store.versionsSince(commit)
      expect(generations.every(({ version }) => version > commit)).toBe(true)
    })

    it('stay where the store has them as new, or newer', async () => {
      const lost = await opened()
      const ready = await lost.of('ready')
      const before = await kept(lost.store, 1)
      const writing = await lost.store.writing('hits')
      await lost.cancel(ready)
      const facts = async () => [await lost.store.rerun(1), await lost.store.writing('hits')]
      const after = await facts()
      await lost.store.restoreRerun(before)
      await lost.store.restoreRerun(await kept(lost.store, 1))
      await lost.store.restoreWriting('hits', writing)
      await lost.store.restoreWriting('hits', { ...(await lost.store.writing('hits')), generations: [] })
      expect(await facts()).toEqual(after)
      await lost.store.restoreRerun({ ...before, rerun: { ...before.rerun, revision: 99 } })
      expect((await lost.store.rerun(1))?.state).toBe('ready')
    })

    it('get their splits whatever state they are in, each once; what these made is known once they answer', async () => {
      const lost = await opened()
      await lost.of('promoted')
      const { store } = await opened()
      expect(await store.restoreSplit(splitOf(1, 's'))).toBe('committed')
      expect(await store.restoreSplit(splitOf(1, 's'))).toBe('already')
      expect(await store.changedDays(allDays)).toEqual([])
      await store.restoreRerun(await kept(lost.store, 1))
      expect(await store.changedDays(allDays)).toMatchObject([touch('a', 3)])
      expect(await store.restoreSplit({ ...splitOf(1, 't'), days: [touch('b', 7)] })).toBe('committed')
      expect(await store.splitsDone(1)).toEqual(new Set(['s', 't']))
      expect((await store.unpublished('hits')).map(({ name }) => name)).toEqual(['s-hits', 't-hits'])
      await expect(store.restoreSplit({ ...splitOf(1, 'u'), staged: [fileOf('s-hits')] })).rejects.toThrow(RangeError)
    })
  })

  it('commits nothing under a number of its own', async () => {
    const { store } = await opened()
    const { commit } = await store.versionsSince(0)
    const numbers = await Promise.all([store.skipCommit(), store.skipCommit()])
    expect(numbers.sort((a, b) => a - b)).toEqual([commit + 1, commit + 2])
    expect(await store.versionsSince(commit)).toMatchObject({ commit: commit + 2, changes: [] })
  })
}
