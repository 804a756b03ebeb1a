/** The contract of leases and publications; registered by `controlStoreContract`. */
import { describe, expect, it } from 'vitest'
import { PublicationOpenError, StaleLeaseError } from '../errors.ts'
import type { ControlStoreUnderTest } from './control-store.contract.ts'
import type { ControlStore } from './control-store.ts'
import { epochOf, fileOf } from './control-store-epochs.contract.ts'
import type { StagedFile } from './lake.ts'

const names = (files: readonly StagedFile[]) => files.map(({ name }) => name)

/** Commits one epoch a list of files. */
async function commitFiles(store: ControlStore, ...epochs: readonly (readonly StagedFile[])[]): Promise<void> {
  const { fence, positions } = await store.acquirePartitions('hits', 'feed-1', 'me', [0])
  let from = positions[0]?.next ?? 0
  for (const staged of epochs) {
    await store.commitEpoch(epochOf(fence, from, from + 1, { staged }))
    from += 1
  }
}

export function publicationsContract(under: ControlStoreUnderTest): void {
  describe('leases', () => {
    // So long that what a test takes by itself does not matter where the store's clock is a real one.
    const ttlMs = 100_000

    async function storeWithTime() {
      const store = await under.open()
      let now = 1_000
      const time = {
        now: () => now,
        async pass(ms: number) {
          now += ms
          await under.passTime?.(store, ms)
        },
      }
      return { store, time }
    }

    it('gives a lease to one owner until it has expired', async () => {
      const { store, time } = await storeWithTime()
      const a = await store.acquireLease('publish/hits', 'a', ttlMs, time.now())
      await time.pass(0.9 * ttlMs)
      expect(await store.acquireLease('publish/hits', 'b', ttlMs, time.now())).toBeUndefined()
      await time.pass(0.1 * ttlMs)
      const b = await store.acquireLease('publish/hits', 'b', ttlMs, time.now())
      expect(b?.fence).toBeGreaterThan(a?.fence ?? Number.POSITIVE_INFINITY)
      await time.pass(0.9 * ttlMs)
      expect(await store.acquireLease('publish/hits', 'a', ttlMs, time.now())).toBeUndefined()
    })

    it('renews a lease for its owner under the same fence', async () => {
      const { store, time } = await storeWithTime()
      const first = await store.acquireLease('l', 'a', ttlMs, time.now())
      await time.pass(0.5 * ttlMs)
      expect(await store.acquireLease('l', 'a', ttlMs, time.now())).toEqual(first)
      await time.pass(0.9 * ttlMs)
      expect(await store.acquireLease('l', 'b', ttlMs, time.now())).toBeUndefined()
      await time.pass(9 * ttlMs)
      expect(await store.acquireLease('l', 'a', ttlMs, time.now())).toEqual(first)
    })

    it('gives a released lease at once, under a higher fence', async () => {
      const { store, time } = await storeWithTime()
      const a = await store.acquireLease('l', 'a', ttlMs, time.now())
      await store.releaseLease('l', a?.fence ?? 0)
      const b = await store.acquireLease('l', 'b', ttlMs, time.now())
      expect(b?.fence).toBeGreaterThan(a?.fence ?? Number.POSITIVE_INFINITY)
      await store.releaseLease('l', b?.fence ?? 0)
      const again = await store.acquireLease('l', 'b', ttlMs, time.now())
      expect(again?.fence).toBeGreaterThan(b?.fence ?? Number.POSITIVE_INFINITY)
    })

    it('does not release a lease for a stale fence', async () => {
      const { store, time } = await storeWithTime()
      const a = await store.acquireLease('l', 'a', ttlMs, time.now())
      await time.pass(10 * ttlMs)
      await store.acquireLease('l', 'b', ttlMs, time.now())
      await store.releaseLease('l', a?.fence ?? 0)
      await store.releaseLease('none', 1)
      await time.pass(0.5 * ttlMs)
      expect(await store.acquireLease('l', 'c', ttlMs, time.now())).toBeUndefined()
    })

    it('keeps leases apart by name, and gives one to one of many callers at once', async () => {
      const { store, time } = await storeWithTime()
      const take = (name: string, owner: string) => store.acquireLease(name, owner, ttlMs, time.now())
      expect(await take('other', 'x')).toBeDefined()
      const calls = ['a', 'b', 'c', 'd'].map((owner) => take('l', owner))
      expect((await Promise.all(calls)).filter((lease) => lease !== undefined)).toHaveLength(1)
    })
  })

  describe('publications', () => {
    async function storeWithLease(): Promise<{ store: ControlStore; fence: number }> {
      const store = await under.open()
      const lease = await store.acquireLease('publish', 'me', 1_000, 0)
      return { store, fence: lease?.fence ?? 0 }
    }

    it('shows committed files as unpublished and pending, in commit order, by table', async () => {
      const { store } = await storeWithLease()
      const hourly = fileOf('h', { table: 'hourly', rows: 3, bytes: 2 ** 40, firstDay: -3, lastDay: 30_000 })
      await commitFiles(store, [fileOf('z'), fileOf('a'), hourly], [fileOf('m')])
      expect(names(await store.unpublished('hits'))).toEqual(['z', 'a', 'm'])
      expect(await store.unpublished('hourly')).toEqual([hourly])
      expect(await store.unpublished('failed_hits')).toEqual([])
      const view = await store.tableView('hits')
      expect(view).toEqual({ table: 'hits', snapshot: null, pending: ['z', 'a', 'm'].map((name) => fileOf(name)) })
    })

    // committed   a b c       begin {a,b}      finish
    // unpublished a b c       c                c
    // pending     a b c       a b c            c        <- readers miss nothing, and see nothing twice
    it('keeps files of an open publication in the view until it is finished', async () => {
      const { store, fence } = await storeWithLease()
      await commitFiles(store, [fileOf('a')], [fileOf('b')], [fileOf('c')])
      const publication = await store.beginPublication('hits', 'publish', fence, ['b', 'a'])
      expect(publication).toEqual({ table: 'hits', id: publication.id, files: [fileOf('a'), fileOf('b')] })
      expect(names(await store.unpublished('hits'))).toEqual(['c'])
      expect(names((await store.tableView('hits')).pending)).toEqual(['a', 'b', 'c'])
      expect(await store.openPublication('hits')).toEqual(publication)
      expect(await store.openPublication('hourly')).toBeUndefined()

      await store.finishPublication('hits', 'publish', fence, publication.id, 'snapshot-1')
      expect(names(await store.unpublished('hits'))).toEqual(['c'])
      expect(await store.tableView('hits')).toEqual({ table: 'hits', snapshot: 'snapshot-1', pending: [fileOf('c')] })
      expect(await store.openPublication('hits')).toBeUndefined()
    })

    it('raises the id with every publication of a table, and takes what came while one was open', async () => {
      const { store, fence } = await storeWithLease()
      const ids = []
      for (const name of ['a', 'b', 'c']) {
        await commitFiles(store, [fileOf(name)])
        const { id } = await store.beginPublication('hits', 'publish', fence, [name])
        await commitFiles(store, [fileOf(`${name}-meanwhile`)])
        await store.finishPublication('hits', 'publish', fence, id, `s${id}`)
        ids.push(id)
      }
      expect(ids).toEqual([...new Set(ids)].sort((x, y) => x - y))
      expect(names(await store.unpublished('hits'))).toEqual(['a-meanwhile', 'b-meanwhile', 'c-meanwhile'])
      expect((await store.tableView('hits')).snapshot).toBe(`s${ids[2]}`)
    })

    it('begins none while one is open', async () => {
      const { store, fence } = await storeWithLease()
      await commitFiles(store, [fileOf('a'), fileOf('b'), fileOf('h', { table: 'hourly' })])
      const open = await store.beginPublication('hits', 'publish', fence, ['a'])
      await expect(store.beginPublication('hits', 'publish', fence, ['b'])).rejects.toThrow(PublicationOpenError)
      await expect(store.beginPublication('hits', 'publish', fence, ['a'])).rejects.toThrow(PublicationOpenError)
      expect(await store.openPublication('hits')).toEqual(open)
      await store.beginPublication('hourly', 'publish', fence, ['h'])
    })

    it('survives its publisher: the next one repeats and finishes it', async () => {
      const { store, fence } = await storeWithLease()
      await commitFiles(store, [fileOf('a')])
      const begun = await store.beginPublication('hits', 'publish', fence, ['a'])
      await under.passTime?.(store, 5_000)
      const next = (await store.acquireLease('publish', 'successor', 1_000, 5_000))?.fence ?? 0
      expect(await store.openPublication('hits')).toEqual(begun)
      await expect(store.finishPublication('hits', 'publish', fence, begun.id, 'x')).rejects.toThrow(StaleLeaseError)
      expect((await store.tableView('hits')).snapshot).toBeNull()
      await store.finishPublication('hits', 'publish', next, begun.id, 's')
      expect((await store.tableView('hits')).snapshot).toBe('s')
    })

    it('finishes once: a repeat changes nothing', async () => {
      const { store, fence } = await storeWithLease()
      await commitFiles(store, [fileOf('a')], [fileOf('b')])
      const first = await store.beginPublication('hits', 'publish', fence, ['a'])
      await store.finishPublication('hits', 'publish', fence, first.id, 's1')
      await store.finishPublication('hits', 'publish', fence, first.id, 'other')
      expect((await store.tableView('hits')).snapshot).toBe('s1')
      const second = await store.beginPublication('hits', 'publish', fence, ['b'])
      await store.finishPublication('hits', 'publish', fence, first.id, 'other')
      expect(await store.openPublication('hits')).toEqual(second)
    })

    it('refuses whoever does not hold the lease', async () => {
      const { store, fence } = await storeWithLease()
      await commitFiles(store, [fileOf('a')])
      for (const [lease, wrong] of [
        ['publish', fence + 1],
        ['publish', fence - 1],
        ['none', fence],
      ] as const) {
        await expect(store.beginPublication('hits', lease, wrong, ['a'])).rejects.toThrow(StaleLeaseError)
      }
      await store.releaseLease('publish', fence)
      await expect(store.beginPublication('hits', 'publish', fence, ['a'])).rejects.toThrow(StaleLeaseError)
      expect(await store.openPublication('hits')).toBeUndefined()
    })

    it('refuses files that are not unpublished ones of the table, and a publication of nothing', async () => {
      const { store, fence } = await storeWithLease()
      await commitFiles(store, [fileOf('a'), fileOf('h', { table: 'hourly' })])
      for (const wrong of [['none'], ['a', 'none'], ['h'], ['a', 'a'], []]) {
        await expect(store.beginPublication('hits', 'publish', fence, wrong)).rejects.toThrow(RangeError)
      }
      expect(names(await store.unpublished('hits'))).toEqual(['a'])
      const { id } = await store.beginPublication('hits', 'publish', fence, ['a'])
      await store.finishPublication('hits', 'publish', fence, id, 's')
      await expect(store.beginPublication('hits', 'publish', fence, ['a'])).rejects.toThrow(RangeError)
    })

    it('refuses to finish what was never begun', async () => {
      const { store, fence } = await storeWithLease()
      await expect(store.finishPublication('hits', 'publish', fence, 1, 's')).rejects.toThrow(RangeError)
    })
  })
}
