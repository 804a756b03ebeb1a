import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../core/adapters/memory/seeded-random.ts'
import type { Offset } from '../../core/ids.ts'
import { hitRow, rowsOf } from '../../core/ports/lake.contract.ts'
import type { LakeReader, LakeWriter } from '../../core/ports/lake.ts'
import type { TableName } from '../../core/tables.ts'
import { createMemoryControlStore } from '../adapters/memory/memory-control-store.ts'
import { createMemoryLake, MemoryLakeState } from '../adapters/memory/memory-lake.ts'
import { createPublisher, defaultDiscardGraceMs, type Published, type PublisherOptions } from './publisher.ts'
import { garbageBelowFence } from './staged-garbage.ts'

const everyMs = 60_000

interface Rig {
  readonly clock: ManualClock
  readonly store: ReturnType<typeof createMemoryControlStore>
  readonly lake: LakeWriter & LakeReader
  readonly published: Published[]
  readonly errors: { readonly message: string; readonly retryInMs: number }[]
  publisher(change?: Partial<PublisherOptions>): ReturnType<typeof createPublisher>
  /** Stages and commits one hit as one epoch; the name of its file. */
  epoch(id: string, table?: TableName): Promise<string>
  visible(): Promise<unknown[]>
}

function rig(): Rig {
  const clock = new ManualClock()
  const store = createMemoryControlStore()
  const lake = createMemoryLake({ state: new MemoryLakeState(), random: seededRandom(1), clock })
  const published: Published[] = []
  const errors: { message: string; retryInMs: number }[] = []
  let next = 0
  let fence: number | undefined
  return {
    clock,
    store,
    lake,
    published,
    errors,
    publisher: (change = {}) =>
      createPublisher({
        store,
        lake,
        clock,
        timers: clock,
        owner: 'one',
        tables: ['hits', 'failed_hits'],
        everyMs,
        onPublished: (one) => published.push(one),
        onError: (error, { retryInMs }) => errors.push({ message: (error as Error).message, retryInMs }),
        ...change,
      }),
    async epoch(id, table = 'hits') {
      fence ??= (await store.acquirePartitions('hits', 'log', 'one', [0])).fence
      const file = await lake.stage(table, `staged/${id}`, [hitRow({ id, _off: next })])
      const position = { partition: 0, checkpoint: null, watermark: null, received: null, forwarded: {} }
      const [from, to] = [next as Offset, (next + 1) as Offset]
      await store.commitEpoch({
        job: 'hits',
        source: 'log',
        plan: 'plan',
        fence,
        partitions: [{ ...position, from, next: to }],
        staged: [file],
        touched: [],
        books: [],
      })
      next++
      return file.name
    },
    async visible() {
      return (await rowsOf(lake, await store.tableView('hits'))).map((row) => row.id).sort()
    },
  }
}

/** Lets everything that waits only for promises happen. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 200; turn++) await Promise.resolve()
}

describe('the publisher', () => {
  it('publishes what was committed when its time has come, all in one snapshot', async () => {
    const { publisher, epoch, clock, published, visible, store } = rig()
    const one = publisher()
    await one.start()
    for (const id of ['a', 'b', 'c']) {
      await epoch(id)
      one.committed()
    }
    clock.advance(everyMs - 1)
    await settle()
    expect(published).toEqual([])
    expect(await visible()).toEqual(['a', 'b', 'c'])
    clock.advance(1)
    await settle()
    expect(published).toMatchObject([{ table: 'hits', files: 3, stagedRows: 3 }])
    expect(await store.unpublished('hits')).toEqual([])
    expect(await visible()).toEqual(['a', 'b', 'c'])
  })

  it('sets no timer and touches nothing while nothing is unpublished', async () => {
    const { publisher, epoch, clock, published, store } = rig()
    const one = publisher()
    await one.start()
    expect(clock.pendingTimers).toBe(0)
    await epoch('a')
    one.committed()
    one.committed()
    expect(clock.pendingTimers).toBe(1)
    clock.advance(everyMs)
    await settle()
    clock.advance(defaultDiscardGraceMs)
    await settle()
    expect(published).toHaveLength(1)
    expect(clock.pendingTimers).toBe(0)
    const before = store.snapshot()
    clock.advance(100 * everyMs)
    await settle()
    expect(store.snapshot()).toEqual(before)
  })

  it('publishes at once when as many bytes wait as one publication takes', async () => {
    const { publisher, epoch, published } = rig()
    const one = publisher({ maxBytes: 1_000 })
    await one.start()
    await epoch('a')
    one.committed(999)
    await settle()
    expect(published).toEqual([])
    await epoch('b')
    one.committed(1)
    await settle()
    expect(published).toHaveLength(1)
  })

  it('takes no more files and bytes than the limits in one publication, in the order of commits', async () => {
    const { publisher, epoch, published, lake } = rig()
    const one = publisher({ maxFiles: 2 })
    await one.start()
    for (const id of ['a', 'b', 'c', 'd', 'e']) await epoch(id)
    await one.publishNow()
    expect(published.map(({ files }) => files)).toEqual([2, 2, 1])
    const added = []
    for (const { id } of (await lake.snapshots('hits')).toReversed()) {
      added.push((await rowsOf(lake, { table: 'hits', snapshot: id, pending: [] })).map((row) => row.id))
    }
    expect(added.map((ids) => ids.length)).toEqual([2, 4, 5])
    expect(added[0]).toEqual(['a', 'b'])
  })

  it('takes a file larger than the limit alone', async () => {
    const { publisher, epoch, published } = rig()
    const one = publisher({ maxBytes: 1 })
    await one.start()
    await epoch('a')
    await epoch('b')
    await one.publishNow()
    expect(published.map(({ files }) => files)).toEqual([1, 1])
  })

  it('discards published files after the grace readers get, at once when it stops', async () => {
    const { publisher, epoch, clock, lake } = rig()
    const one = publisher()
    await one.start()
    await epoch('a')
    await one.publishNow()
    clock.advance(defaultDiscardGraceMs - 1)
    await settle()
    expect(await lake.stagedNames()).toEqual(['staged/a'])
    clock.advance(1)
    await settle()
    expect(await lake.stagedNames()).toEqual([])
    await epoch('b')
    await one.publishNow()
    await one.stop()
    expect(await lake.stagedNames()).toEqual([])
    expect(clock.pendingTimers).toBe(0)
  })

  it('removes at its start what no commit names, and nothing else', async () => {
    const { publisher, epoch, lake } = rig()
    await epoch('kept')
    await lake.stage('hits', 'staged/orphan', [hitRow()])
    await publisher().start()
    expect(await lake.stagedNames()).toEqual(['staged/kept'])
  })

  it('leaves orphans alone while another publisher lives: they may be an epoch under way', async () => {
    const { publisher, lake } = rig()
    await publisher({ owner: 'other' }).start()
    await lake.stage('hits', 'staged/young', [hitRow()])
    await publisher().start()
    expect(await lake.stagedNames()).toEqual(['staged/young'])
  })

  it('publishes after a restart what a dead process left committed', async () => {
    const { publisher, epoch, clock, published } = rig()
    await epoch('a')
    await publisher().start()
    clock.advance(everyMs)
    await settle()
    expect(published).toHaveLength(1)
  })

  it('repeats an open publication with its own files before it begins another', async () => {
    const { publisher, epoch, store, lake, clock, published, visible } = rig()
    const first = await epoch('a')
    const lease = await store.acquireLease('publish/hits', 'one', 1_000, clock.now())
    const open = await store.beginPublication('hits', 'publish/hits', lease?.fence ?? 0, [first])
    await lake.publish('hits', open.id, open.files)
    await epoch('b')
    const one = publisher()
    await one.start()
    await one.publishNow()
    expect(published.map(({ id, files }) => [id, files])).toEqual([
      [open.id, 1],
      [open.id + 1, 1],
    ])
    expect(await visible()).toEqual(['a', 'b'])
    expect(await lake.snapshots('hits')).toHaveLength(2)
  })

  it('keeps the files of an open publication that never reached the lake', async () => {
    const { publisher, epoch, store, clock, visible } = rig()
    const file = await epoch('a')
    const lease = await store.acquireLease('publish/hits', 'one', 1_000, clock.now())
    await store.beginPublication('hits', 'publish/hits', lease?.fence ?? 0, [file])
    const one = publisher()
    await one.start()
    expect(await visible()).toEqual(['a'])
    await one.publishNow()
    await one.stop()
    expect(await visible()).toEqual(['a'])
  })

  it('tries again after growing, bounded pauses, loses nothing and says so', async () => {
    const { publisher, epoch, lake, clock, errors, published, visible } = rig()
    let broken = 5
    const flaky: LakeWriter = {
      ...lake,
      publish: (...given) => (broken-- > 0 ? Promise.reject(new Error('disk full')) : lake.publish(...given)),
    }
    const one = publisher({ lake: flaky, retryMinMs: 1_000, retryMaxMs: 4_000 })
    await one.start()
    await epoch('a')
    one.committed()
    clock.advance(everyMs)
    await settle()
    for (const pause of [1_000, 2_000, 4_000, 4_000, 4_000]) {
      expect(errors.at(-1)).toEqual({ message: 'disk full', retryInMs: pause })
      expect(published).toEqual([])
      expect(await visible()).toEqual(['a'])
      clock.advance(pause - 1)
      await settle()
      const tries = errors.length
      clock.advance(1)
      await settle()
      if (published.length === 0) expect(errors).toHaveLength(tries + 1)
    }
    expect(errors).toHaveLength(5)
    expect(published).toHaveLength(1)
    expect(await visible()).toEqual(['a'])
  })

  it('goes on with other tables where one fails', async () => {
    const { publisher, epoch, lake, published } = rig()
    const flaky: LakeWriter = {
      ...lake,
      publish: (table, ...given) =>
        table === 'hits' ? Promise.reject(new Error('damaged')) : lake.publish(table, ...given),
    }
    const one = publisher({ lake: flaky })
    await one.start()
    await epoch('a')
    await epoch('f', 'failed_hits')
    await expect(one.publishNow()).rejects.toThrow('damaged')
    expect(published.map(({ table }) => table)).toEqual(['failed_hits'])
  })

  it('publishes nothing while another holds the lease, and takes over when that has run out', async () => {
    const { publisher, epoch, clock, published } = rig()
    const other = publisher({ owner: 'other', leaseTtlMs: 90_000 })
    await other.start()
    const one = publisher()
    await one.start()
    await epoch('a')
    one.committed()
    clock.advance(everyMs)
    await settle()
    expect(published).toEqual([])
    clock.advance(everyMs)
    await settle()
    expect(published).toHaveLength(1)
  })

  it('overtaken while it publishes records nothing; the rows are there once', async () => {
    const { publisher, epoch, lake, clock, published, errors, visible } = rig()
    let release = () => {}
    const slow: LakeWriter = {
      ...lake,
      async publish(...given) {
        await new Promise<void>((resolve) => {
          release = resolve
        })
        return lake.publish(...given)
      },
    }
    // A process that was stopped for long: its timers did not run, so its lease was not renewed.
    const frozen = new ManualClock()
    const one = publisher({ lake: slow, timers: frozen, leaseTtlMs: 10_000 })
    await one.start()
    await epoch('a')
    const doomed = one.publishNow()
    await settle()
    clock.advance(10_001)
    const two = publisher({ owner: 'two' })
    await two.publishNow()
    expect(published).toHaveLength(1)
    release()
    await expect(doomed).rejects.toThrow('no longer held')
    expect(errors).toHaveLength(1)
    expect(published).toHaveLength(1)
    expect(await visible()).toEqual(['a'])
  })

  it('renews its lease while a publication runs', async () => {
    const { publisher, epoch, lake, clock, published } = rig()
    let release = () => {}
    const slow: LakeWriter = {
      ...lake,
      async publish(...given) {
        await new Promise<void>((resolve) => {
          release = resolve
        })
        return lake.publish(...given)
      },
    }
    const one = publisher({ lake: slow, leaseTtlMs: 9_000 })
    await one.start()
    await epoch('a')
    const publishing = one.publishNow()
    await settle()
    for (let n = 0; n < 20; n++) {
      clock.advance(3_000)
      await settle()
    }
    await publisher({ owner: 'two' }).publishNow()
    expect(published).toEqual([])
    release()
    await publishing
    expect(published).toHaveLength(1)
  })

  it('gives its leases back when it stops, and publishes nothing more', async () => {
    const { publisher, epoch, clock, published } = rig()
    const one = publisher()
    await one.start()
    await epoch('a')
    one.committed()
    await one.stop()
    clock.advance(10 * everyMs)
    await settle()
    expect(published).toEqual([])
    await publisher({ owner: 'two' }).publishNow()
    expect(published).toHaveLength(1)
  })
})

describe('publishers of several processes', () => {
  const pollMs = 1_000
  const polling = { pollMs, everyMs: 100, tables: ['hits'] as const }

  it('find what other processes commit, without being told', async () => {
    const { publisher, epoch, clock, published } = rig()
    await publisher(polling).start()
    await settle()
    await epoch('a')
    clock.advance(pollMs)
    await settle()
    expect(published).toEqual([])
    clock.advance(100)
    await settle()
    expect(published).toMatchObject([{ files: 1 }])
    await epoch('b')
    clock.advance(pollMs + 100)
    await settle()
    clock.advance(100)
    await settle()
    expect(published).toHaveLength(2)
  })

  it('take no lease and write nothing while nothing is unpublished', async () => {
    const { publisher, clock, store } = rig()
    const garbage = { everyMs: null, find: async () => [] }
    await publisher({ ...polling, garbage }).start()
    const before = store.snapshot()
    for (let n = 0; n < 100; n++) {
      clock.advance(pollMs)
      await settle()
    }
    expect(store.snapshot()).toEqual(before)
    expect(clock.pendingTimers).toBe(1)
  })

  it('publish one at a time: the other goes on when the first is gone and its lease has run out', async () => {
    const { publisher, epoch, clock, published, lake } = rig()
    const dies: PublisherOptions['lake'] = { ...lake, publish: () => new Promise(() => {}) }
    const leaseTtlMs = 30_000
    // Its timers stand still: nothing renews for a dead process.
    await epoch('a')
    void publisher({ ...polling, owner: 'dead', lake: dies, leaseTtlMs, timers: new ManualClock() }).publishNow()
    await settle()
    await publisher({ ...polling, owner: 'two', leaseTtlMs }).start()
    for (let passed = 0; passed < leaseTtlMs - pollMs; passed += 100) {
      clock.advance(100)
      await settle()
    }
    expect(published).toEqual([])
    for (let passed = 0; passed < 2 * pollMs + 100; passed += 100) {
      clock.advance(100)
      await settle()
    }
    expect(published).toMatchObject([{ id: 1, files: 1 }])
  })

  it('poll no further while a publication runs, so that no rounds queue up behind it', async () => {
    const { publisher, epoch, clock, store, lake } = rig()
    let asked = 0
    const counting = Object.assign(Object.create(store), {
      acquireLease: (...given: Parameters<typeof store.acquireLease>) => {
        asked++
        return store.acquireLease(...given)
      },
    })
    let release = () => {}
    const slow: PublisherOptions['lake'] = {
      ...lake,
      async publish(table, id, files) {
        await new Promise<void>((resolve) => {
          release = resolve
        })
        return lake.publish(table, id, files)
      },
    }
    await publisher({ ...polling, store: counting, lake: slow, leaseTtlMs: 3_600_000 }).start()
    await epoch('a')
    for (let n = 0; n < 500; n++) {
      clock.advance(100)
      await settle()
    }
    const before = asked
    release()
    await settle()
    expect(asked).toBe(before)
  })

  it('remove garbage by the rule they were given, at the start and again and again', async () => {
    const { publisher, epoch, clock, lake } = rig()
    let fence = 1
    const garbage = garbageBelowFence({ lowestFence: async () => fence }, 60_000)
    const file = 'staged/hits/hits-1-0000000001.parquet'
    await lake.stage('hits', file, [hitRow()])
    await epoch('pending')
    await publisher({ ...polling, garbage, everyMs: 3_600_000 }).start()
    expect(await lake.stagedNames()).toContain(file)
    fence = 2
    clock.advance(60_000)
    await settle()
    expect(await lake.stagedNames()).toEqual(['staged/pending'])
  })

  it('that lost the lease record nothing, though they got it back under another fence meanwhile', async () => {
    const { publisher, epoch, lake, clock, store, published } = rig()
    let release = () => {}
    const slow: PublisherOptions['lake'] = {
      ...lake,
      async publish(table, id, files) {
        await new Promise<void>((resolve) => {
          release = resolve
        })
        return lake.publish(table, id, files)
      },
    }
    const frozen = new ManualClock()
    const one = publisher({ lake: slow, tables: ['hits'], leaseTtlMs: 10_000, timers: frozen })
    await epoch('a')
    const doomed = one.publishNow().then(
      () => 'published',
      (error) => error.code,
    )
    await settle()
    clock.advance(10_001)
    const other = await store.acquireLease('publish/hits', 'two', 10, clock.now())
    clock.advance(11)
    expect(other).toBeDefined()
    // It wakes and renews: the lease is its own again, another's in between.
    frozen.advance(10_000 / 3 + 1)
    await settle()
    release()
    expect(await doomed).toBe('LEASE_STALE')
    expect(published).toEqual([])
  })
})
