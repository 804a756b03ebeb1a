import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { memoryObjectStore } from '../../../core/adapters/memory/memory-object-store.ts'
import {
  CommitConflictError,
  ControlStoreBehindError,
  ControlStoreUnavailableError,
  ObjectStoreUnavailableError,
  StaleEpochError,
  StaleLeaseError,
} from '../../../core/errors.ts'
import type { Offset } from '../../../core/ids.ts'
import { clusterStoreContract } from '../../../core/ports/cluster-store.contract.ts'
import { controlStoreContract, keyOf, merchantId, merchantOf } from '../../../core/ports/control-store.contract.ts'
import { epochOf, fileOf } from '../../../core/ports/control-store-epochs.contract.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import { createMemoryControlStore } from '../../adapters/memory/memory-control-store.ts'
import { journaledStore } from './journaled-store.ts'
import { journalFolder } from './names.ts'

let processes = 0
function processOver(store: ReturnType<typeof createMemoryControlStore>, objects: ObjectStore) {
  return journaledStore(store, { objects, owner: `process-${processes++}`, clock: new ManualClock() })
}

controlStoreContract('a journaled store', {
  open: async (options) => processOver(createMemoryControlStore(options), memoryObjectStore()),
})
clusterStoreContract('a journaled store', {
  open: async (options) =>
    processOver(createMemoryControlStore({ ...options, visible: 'published' }), memoryObjectStore()),
})

function world() {
  const real = createMemoryControlStore()
  const objects = memoryObjectStore()
  /** Calls of the object store that fail, by method and what the name begins with. */
  const failing = new Set<string>()
  const shaky: ObjectStore = {
    ...objects,
    async put(name, body) {
      for (const prefix of failing) {
        if (name.startsWith(prefix)) throw new ObjectStoreUnavailableError('put', name, 1)
      }
      await objects.put(name, body)
    },
  }
  return { real, objects, failing, open: () => processOver(real, shaky), entries: () => objects.list(journalFolder) }
}

const at = (value: number) => value as Offset

describe('a journaled store', () => {
  it('has the entries of pins made and taken off, and none of what was refused', async () => {
    const { open, entries } = world()
    const store = open()
    const pin = { table: 'hits', snapshot: '1', name: 'audit', until: 9e12, by: 'me' } as const
    expect(await store.pinSnapshot(pin)).toBe('pinned')
    expect(await store.pinSnapshot({ ...pin, snapshot: '2' })).toBe('name taken')
    expect(await store.unpinSnapshot('hits', 'other')).toBe(false)
    expect(await entries()).toHaveLength(1)
    expect(await store.unpinSnapshot('hits', 'audit')).toBe(true)
    expect(await entries()).toHaveLength(2)
  })

  it('has the entry of an epoch before the store has the epoch', async () => {
    const { real, open, failing } = world()
    const store = open()
    const { fence } = await store.acquirePartitions('hits', 'feed-1', 'me', [0])
    failing.add('journal/epochs/')
    await expect(store.commitEpoch(epochOf(fence, 0, 1, { staged: [fileOf('a')] }))).rejects.toMatchObject({
      retry: 'afterBackoff',
    })
    expect((await real.versionsSince(0)).commit).toBe(0)
    failing.clear()
    await store.commitEpoch(epochOf(fence, 0, 1, { staged: [fileOf('a')] }))
  })

  // What "unavailable" says of the store, that nothing was committed, would be a lie here: the caller would discard files.
  it('does not say that nothing was committed where only the head is missing, and writes it when the job is taken', async () => {
    const { real, open, failing, objects } = world()
    const store = open()
    const { fence } = await store.acquirePartitions('hits', 'feed-1', 'me', [0])
    failing.add('journal/heads/')
    const error = await store.commitEpoch(epochOf(fence, 0, 1)).catch((thrown) => thrown)
    expect(error).toBeInstanceOf(Error)
    expect(error).not.toHaveProperty('retry')
    expect((await real.versionsSince(0)).commit).toBe(1)
    await expect(store.acquirePartitions('hits', 'feed-1', 'me', [0])).rejects.toThrow(ObjectStoreUnavailableError)
    failing.clear()
    await store.acquirePartitions('hits', 'feed-1', 'me', [0])
    expect((await objects.list('journal/heads/')).at(-1)).toMatch(/heads\/0{15}1-/)
  })

  it('keeps one head a process, and leaves no entry of what the directory refused', async () => {
    const { open, entries } = world()
    const store = open()
    await store.createMerchant(merchantOf('a'), [])
    const before = await entries()
    expect(await store.createMerchant(merchantOf('a'), [])).toBe('exists')
    expect(await store.updateMerchant(merchantId('none'), { name: 'x' })).toBeUndefined()
    await expect(store.addKey(keyOf('none', 'h'))).rejects.toThrow(RangeError)
    expect(await entries()).toEqual(before)
    const { fence } = await store.acquirePartitions('hits', 'feed-1', 'me', [0])
    for (let from = 0; from < 5; from++) await store.commitEpoch(epochOf(fence, from, from + 1))
    expect((await entries()).filter((name) => name.includes('/heads/'))).toHaveLength(1)
  })

  it('has the entry of a rewrite before the store reads it, and none of one that the store refused', async () => {
    const { real, open, failing, objects } = world()
    const store = open()
    const { fence } = await store.acquirePartitions('hits', 'feed-1', 'me', [0])
    await store.commitEpoch(epochOf(fence, 0, 1, { staged: [fileOf('a')] }))
    const lease = (await store.acquireLease('publish/hits', 'me', 1_000, 0))?.fence ?? 0
    const { id } = await store.beginPublication('hits', 'publish/hits', lease, ['a'])
    await store.finishPublication('hits', 'publish/hits', lease, id, 's')
    const rewrite = { snapshot: 'r', replaces: 's', touched: [] }
    failing.add('journal/rewrites/')
    await expect(store.finishRewrite('hits', 'publish/hits', lease, rewrite)).rejects.toMatchObject({
      retry: 'afterBackoff',
    })
    expect((await real.tableView('hits')).snapshot).toBe('s')
    failing.clear()
    const late = { ...rewrite, replaces: 'older' }
    await expect(store.finishRewrite('hits', 'publish/hits', lease, late)).rejects.toThrow(CommitConflictError)
    await expect(store.finishRewrite('hits', 'publish/hits', lease + 1, rewrite)).rejects.toThrow(StaleLeaseError)
    expect(await objects.list('journal/rewrites/')).toEqual([])
    await store.finishRewrite('hits', 'publish/hits', lease, rewrite)
    expect(await objects.list('journal/rewrites/')).toHaveLength(1)
    expect((await real.tableView('hits')).snapshot).toBe('r')
  })

  it('writes no daily secret anywhere', async () => {
    const { open, entries } = world()
    await open().dailySecrets(['2026-03-01'], '2026-03-01', () => 'secret')
    expect(await entries()).toEqual([])
  })
})

describe('a store that was set back', () => {
  /** Two commits, a publication and counts of which a copy, made before them, knows nothing. */
  async function setBack() {
    const { real, open, objects } = world()
    const store = open()
    const { fence } = await store.acquirePartitions('hits', 'feed-1', 'me', [0])
    await store.commitEpoch(epochOf(fence, 0, 1, { staged: [fileOf('a')] }))
    const lease = (await store.acquireLease('publish/hits', 'me', 1_000, 0))?.fence ?? 0
    const copy = real.snapshot()
    const publication = await store.beginPublication('hits', 'publish/hits', lease, ['a'])
    await store.addAccepted('log', at(0), at(5), [])
    await store.addAccepted('log', at(5), at(7), [])
    return { real, open, objects, store, fence, lease, copy, publication }
  }

  const behind = (call: Promise<unknown>) => expect(call).rejects.toThrow(ControlStoreBehindError)

  it('is refused by whoever takes partitions or a lease, or asks what is garbage, or what to publish', async () => {
    const { real, open, store, fence, copy } = await setBack()
    await store.commitEpoch(epochOf(fence, 1, 2))
    real.restore(copy)
    for (const each of [store, open()]) {
      await behind(each.acquirePartitions('hits', 'feed-1', 'me', [0]))
      await behind(each.lowestFence('hits'))
      await behind(each.unpublished('hits'))
      await behind(each.openPublication('hits'))
      await behind(each.acquireLease('publish/hits', 'other', 1_000, 5_000))
    }
  })

  it('does not say that a key is unknown, which it may have forgotten', async () => {
    const { real, open, store, fence, copy } = await setBack()
    await store.createMerchant(merchantOf('shop'), [keyOf('shop', 'a-key')])
    await store.commitEpoch(epochOf(fence, 1, 2))
    expect(await store.findKey('a-key')).toBeDefined()
    expect(await open().findKey('another')).toBeUndefined()
    real.restore(copy)
    const asked = open().findKey('a-key')
    await expect(asked).rejects.toThrow(ControlStoreUnavailableError)
    await expect(asked).rejects.toThrow('hitlake recover')
  })

  it('does not say so while it cannot be looked up either: a store that is being put back is half empty', async () => {
    const { real, objects } = await setBack()
    const halfEmpty = {
      ...real,
      findKey: async () => undefined,
      versionsSince: async () => {
        throw new Error('relation "counters" does not exist')
      },
    }
    const asked = journaledStore(halfEmpty, { objects, owner: 'me', clock: new ManualClock() }).findKey('a-key')
    await expect(asked).rejects.toThrow(ControlStoreUnavailableError)
  })

  it('takes no epoch of a process that never noticed', async () => {
    const { real, store, fence, copy } = await setBack()
    await store.commitEpoch(epochOf(fence, 1, 2))
    real.restore(copy)
    await expect(store.commitEpoch(epochOf(fence, 2, 3))).rejects.toThrow(StaleEpochError)
  })

  it('is noticed after the first commit that others cannot have missed', async () => {
    const { real, open, store, fence } = await setBack()
    const other = open()
    const theirs = await other.acquirePartitions('rollups', 'feed-1', 'other', [0])
    const copy = real.snapshot()
    await store.commitEpoch(epochOf(fence, 1, 2))
    await store.commitEpoch(epochOf(fence, 2, 3))
    real.restore(copy)
    await behind(other.commitEpoch(epochOf(theirs.fence, 0, 1, { job: 'rollups' })))
  })

  it('begins no publication under a number that was used, and keeps its files for it', async () => {
    const { real, store, lease, copy, publication } = await setBack()
    await store.finishPublication('hits', 'publish/hits', lease, publication.id, 's')
    real.restore(copy)
    await behind(store.beginPublication('hits', 'publish/hits', lease, ['a']))
    expect(await real.openPublication('hits')).toBeUndefined()
    expect(await real.unpublished('hits')).toHaveLength(1)
  })

  it('begins publications on and on where it was not set back', async () => {
    const { open, store, fence, lease, publication } = await setBack()
    await store.finishPublication('hits', 'publish/hits', lease, publication.id, 's')
    for (const [from, each] of [store, open(), store].entries()) {
      await store.commitEpoch(epochOf(fence, from + 1, from + 2, { staged: [fileOf(`b${from}`)] }))
      const next = await each.beginPublication('hits', 'publish/hits', lease, [`b${from}`])
      expect(await each.openPublication('hits')).toEqual(next)
      await each.finishPublication('hits', 'publish/hits', lease, next.id, 's')
    }
  })

  it('is not believed by a collector that asks how far it was counted', async () => {
    const { real, store, copy } = await setBack()
    expect(await store.acceptedThrough('log')).toBe(7)
    real.restore(copy)
    await behind(store.acceptedThrough('log'))
    expect(await store.acceptedThrough('other log')).toBe(0)
  })

  it('counts a range that was refused as no proof of anything', async () => {
    const { store } = await setBack()
    await expect(store.addAccepted('log', at(5), at(9), [])).rejects.toThrow(StaleEpochError)
    expect(await store.acceptedThrough('log')).toBe(7)
  })

  it('with a publication open that the journal lacks gets its entry when its publisher comes back', async () => {
    const { real, open, objects, fence, store, lease, publication } = await setBack()
    await store.finishPublication('hits', 'publish/hits', lease, publication.id, 's')
    await store.commitEpoch(epochOf(fence, 1, 2, { staged: [fileOf('b')] }))
    // The process ended between the store and the journal.
    await real.beginPublication('hits', 'publish/hits', lease, ['b'])
    await open().openPublication('hits')
    expect((await objects.list('journal/publications/hits/')).at(-1)).toMatch(/2-begun/)
  })
})
