/**
 * What every store of a cluster does beyond a control store, as tests. `clusterStoreContract` registers all of it for one
 * adapter, which opens the store with versions that rise as files are published.
 */
import { describe, expect, it } from 'vitest'
import type { ClusterStore } from './cluster-store.ts'
import type { ControlStoreUnderTest } from './control-store.contract.ts'
import { merchantId } from './control-store.contract.ts'
import type { EpochCommit } from './control-store.ts'
import { epochOf, fileOf, offset, positionOf } from './control-store-epochs.contract.ts'
import { rerunRestoreContract } from './rerun-restore.contract.ts'

export interface ClusterStoreUnderTest {
  /** A new, empty store, visible as published; the adapter's test closes it. */
  open: (options?: Parameters<ControlStoreUnderTest['open']>[0]) => Promise<ClusterStore>
}

const touch = (merchant: string, day: number) => ({ merchant: merchantId(merchant), day })

/** Files of `hits` and `failed_hits` under names that say so. */
const hits = (name: string) => fileOf(`${name}-hits`)
const failed = (name: string) => fileOf(`${name}-failed`, { table: 'failed_hits' })

/** A store with a publisher's lease and a job that holds partitions 0 and 1. */
async function setUp(under: ClusterStoreUnderTest, options?: { readonly maxVersions?: number }) {
  const store = await under.open(options)
  const lease = (await store.acquireLease('publish', 'me', 100_000, 0))?.fence ?? 0
  const { fence } = await store.acquirePartitions('hits', 'feed-1', 'me', [0, 1])
  const next = [0, 0]
  return {
    store,
    /** Moves a partition by one record and commits. */
    async commit(partition: number, forwarded: Record<string, number>, more: Partial<EpochCommit> = {}) {
      const from = next[partition] ?? 0
      next[partition] = from + 1
      const moved = { ...positionOf(partition, from + 1, { forwarded }), from: offset(from) }
      return (await store.commitEpoch(epochOf(fence, 0, 0, { partitions: [moved], ...more }))).commit
    },
    async publish(...names: readonly string[]) {
      const table = names[0]?.endsWith('-failed') ? ('failed_hits' as const) : ('hits' as const)
      const { id } = await store.beginPublication(table, 'publish', lease, names)
      return () => store.finishPublication(table, 'publish', lease, id, `s${id}`)
    },
  }
}

async function changed(store: ClusterStore, since: number): Promise<readonly string[]> {
  const { changes } = await store.versionsSince(since)
  return changes.map(({ merchant, day }) => `${merchant} ${day}`).sort()
}

export function clusterStoreContract(name: string, under: ClusterStoreUnderTest): void {
  describe(`${name} as store of a cluster`, () => {
    visibilityContract(under)
    progressContract(under)
    membersContract(under)
    rerunRestoreContract(under)
  })
}

function visibilityContract(under: ClusterStoreUnderTest): void {
  describe('versions that rise as files are published', () => {
    it('do not rise with the commit, nor as publication begins, but as it finishes', async () => {
      const { store, commit, publish } = await setUp(under)
      const first = await commit(0, {}, { staged: [hits('a')], touched: [touch('m', 1), touch('m', 2), touch('m', 1)] })
      expect(await store.versionsSince(0)).toMatchObject({ commit: first, changes: [], reset: false })
      const finish = await publish('a-hits')
      expect(await changed(store, 0)).toEqual([])
      await finish()
      const { commit: newest, changes } = await store.versionsSince(first)
      expect(newest).toBeGreaterThan(first)
      expect(changes.map(({ version }) => version)).toEqual([newest, newest])
      expect(await changed(store, first)).toEqual(['m 1', 'm 2'])
      expect(await changed(store, newest)).toEqual([])
    })

    it('rise with every table of an epoch', async () => {
      const { store, commit, publish } = await setUp(under)
      await commit(0, {}, { staged: [hits('a'), failed('a')], touched: [touch('m', 1)] })
      await (await publish('a-hits'))()
      const between = (await store.versionsSince(0)).commit
      expect(await changed(store, 0)).toEqual(['m 1'])
      await (await publish('a-failed'))()
      expect(await changed(store, between)).toEqual(['m 1'])
    })

    it('rise for what was published, and not for what waits', async () => {
      const { store, commit, publish } = await setUp(under)
      await commit(0, {}, { staged: [hits('a')], touched: [touch('a', 1), touch('both', 1)] })
      await commit(1, {}, { staged: [hits('b')], touched: [touch('b', 1), touch('both', 1)] })
      await commit(0, {}, { staged: [hits('c')], touched: [touch('c', 1)] })
      await (await publish('a-hits', 'b-hits'))()
      expect(await changed(store, 0)).toEqual(['a 1', 'b 1', 'both 1'])
      const between = (await store.versionsSince(0)).commit
      await (await publish('c-hits'))()
      expect(await changed(store, between)).toEqual(['c 1'])
    })

    it('rise at once for an epoch without files', async () => {
      const { store, commit } = await setUp(under)
      const number = await commit(0, {}, { touched: [touch('m', 1)] })
      expect((await store.versionsSince(0)).changes).toEqual([{ ...touch('m', 1), version: number }])
    })

    it('do not rise when a finished publication is finished again', async () => {
      const { store, commit, publish } = await setUp(under)
      await commit(0, {}, { staged: [hits('a')], touched: [touch('m', 1)] })
      const finish = await publish('a-hits')
      await finish()
      const before = await store.versionsSince(0)
      await finish()
      expect(await store.versionsSince(0)).toEqual(before)
    })

    it('tell readers to forget everything where an epoch touched more than can be listed, once it is published', async () => {
      const { store, commit, publish } = await setUp(under, { maxVersions: 10 })
      const number = await commit(
        0,
        {},
        {
          staged: [hits('a')],
          touched: Array.from({ length: 11 }, (_, day) => touch('m', day)),
        },
      )
      expect(await store.versionsSince(number)).toMatchObject({ reset: false, changes: [] })
      await (await publish('a-hits'))()
      expect((await store.versionsSince(number)).reset).toBe(true)
      const { commit: newest } = await store.versionsSince(number)
      expect(await store.versionsSince(newest)).toMatchObject({ reset: false, changes: [] })
    })

    it('are listed up to the limit, each (merchant, day) of a publication once', async () => {
      const { store, commit, publish } = await setUp(under, { maxVersions: 10 })
      for (const name of ['a', 'b', 'c']) {
        const touched = Array.from({ length: 6 }, (_, day) => touch('m', day))
        await commit(0, {}, { staged: [hits(name)], touched })
      }
      await (await publish('a-hits', 'b-hits', 'c-hits'))()
      expect(await changed(store, 0)).toHaveLength(6)
    })
  })
}

function progressContract(under: ClusterStoreUnderTest): void {
  describe('progress of a log', () => {
    const of = async (store: ClusterStore, log: string) =>
      (await store.logProgress(log)).map(({ job, partition, committed, published }) => [
        `${job} ${partition}`,
        committed,
        published,
      ])

    it('names every job and partition that committed something of it, and no others', async () => {
      const { store, commit } = await setUp(under)
      const other = await store.acquirePartitions('rollups', 'feed-1', 'me', [0])
      await commit(0, { 'log-1': 5 })
      await commit(1, { 'log-1': 7, 'log-2': 9 })
      const moved = { ...positionOf(0, 1, { forwarded: { 'log-1': 3 } }), from: offset(0) }
      await store.commitEpoch(epochOf(other.fence, 0, 0, { job: 'rollups', partitions: [moved] }))
      expect(await of(store, 'log-1')).toEqual([
        ['hits 0', 5, 5],
        ['hits 1', 7, 7],
        ['rollups 0', 3, 3],
      ])
      expect(await of(store, 'log-2')).toEqual([['hits 1', 9, 9]])
      expect(await store.logProgress('log-3')).toEqual([])
    })

    // commit      1: a(hits, failed)   2: b(hits)   3: nothing
    // published   b                -> still before 1
    //             a hits           -> still before 1
    //             a failed         -> 3
    it('is published as far as no file of the job waits, of that commit or any before', async () => {
      const { store, commit, publish } = await setUp(under)
      await commit(0, { l: 1 })
      await commit(0, { l: 2 }, { staged: [hits('a'), failed('a')] })
      await commit(1, { l: 3 }, { staged: [hits('b')] })
      await commit(0, { l: 4 })
      const before = [
        ['hits 0', 4, 1],
        ['hits 1', 3, 0],
      ]
      expect(await of(store, 'l')).toEqual(before)
      await (await publish('b-hits'))()
      expect(await of(store, 'l')).toEqual(before)
      const finish = await publish('a-hits')
      expect(await of(store, 'l')).toEqual(before)
      await finish()
      expect(await of(store, 'l')).toEqual(before)
      await (await publish('a-failed'))()
      expect(await of(store, 'l')).toEqual([
        ['hits 0', 4, 4],
        ['hits 1', 3, 3],
      ])
    })

    it('goes on by parts, each commit as its files are published', async () => {
      const { store, commit, publish } = await setUp(under)
      for (const [index, name] of ['a', 'b', 'c'].entries()) await commit(0, { l: index + 1 }, { staged: [hits(name)] })
      await (await publish('a-hits', 'b-hits'))()
      expect(await of(store, 'l')).toEqual([['hits 0', 3, 2]])
      await (await publish('c-hits'))()
      expect(await of(store, 'l')).toEqual([['hits 0', 3, 3]])
    })

    it('does not wait for files of another job', async () => {
      const { store, commit } = await setUp(under)
      const other = await store.acquirePartitions('rollups', 'feed-1', 'me', [0])
      const moved = { ...positionOf(0, 1, { forwarded: { l: 3 } }), from: offset(0) }
      const staged = [fileOf('r', { table: 'hourly' })]
      await store.commitEpoch(epochOf(other.fence, 0, 0, { job: 'rollups', partitions: [moved], staged }))
      await commit(0, { l: 5 })
      expect(await of(store, 'l')).toEqual([
        ['hits 0', 5, 5],
        ['rollups 0', 3, 0],
      ])
    })
  })
}

function membersContract(under: ClusterStoreUnderTest): void {
  describe('collectors', () => {
    it('are known by their newest report; what is visible never falls', async () => {
      const store = await under.open()
      expect(await store.collectors()).toEqual([])
      await store.reportCollector({ log: 'b', visibleThrough: 1_700_000_000_000, state: 'live' })
      await store.reportCollector({ log: 'a', visibleThrough: 5, state: 'live' })
      await store.reportCollector({ log: 'a', visibleThrough: 4, state: 'retired' })
      expect(await store.collectors()).toEqual([
        { log: 'a', visibleThrough: 5, state: 'retired' },
        { log: 'b', visibleThrough: 1_700_000_000_000, state: 'live' },
      ])
      await store.reportCollector({ log: 'a', visibleThrough: 6, state: 'live' })
      expect((await store.collectors())[0]).toEqual({ log: 'a', visibleThrough: 6, state: 'live' })
    })
  })

  describe('the newest asking that is fenced', () => {
    it('is told, 0 at first, and never falls', async () => {
      const store = await under.open()
      const shop = { name: 'a', timeZone: 'UTC', currency: 'EUR', blockedNames: [], retentionDays: null }
      await store.createMerchant({ ...shop, id: merchantId('a'), visitorSeed: '00ff00ff00ff00ff' }, [])
      const erase = (value: string, through: number) =>
        store.eraseHits({
          ...{ merchant: merchantId('a'), through, by: 'me', now: 1 },
          subject: { kind: 'user', value },
        })
      await erase('u', 5)
      await erase('v', 5)
      expect(await store.newestFenced()).toBe(0)
      await store.fenceErasures([{ id: 2, through: 5 }])
      expect(await store.newestFenced()).toBe(2)
      await store.fenceErasures([{ id: 1, through: 5 }])
      await erase('v', 6)
      expect(await store.newestFenced()).toBe(2)
      await store.fenceErasures([{ id: 2, through: 6 }])
      expect(await store.newestFenced()).toBe(3)
    })
  })

  describe('the lowest fence', () => {
    it('is that of the partition taken longest ago, in any source', async () => {
      const store = await under.open()
      expect(await store.lowestFence('hits')).toBeUndefined()
      const first = await store.acquirePartitions('hits', 'feed-1', 'a', [0, 1])
      const second = await store.acquirePartitions('hits', 'feed-1', 'b', [1])
      await store.acquirePartitions('other', 'feed-1', 'b', [1])
      expect(await store.lowestFence('hits')).toBe(first.fence)
      const third = await store.acquirePartitions('hits', 'feed-2', 'a', [0])
      expect(await store.lowestFence('hits')).toBe(first.fence)
      await store.acquirePartitions('hits', 'feed-1', 'a', [0])
      expect(await store.lowestFence('hits')).toBe(second.fence)
      await store.acquirePartitions('hits', 'feed-1', 'a', [1])
      expect(await store.lowestFence('hits')).toBe(third.fence)
    })
  })
}
