import { describe, expect, it } from 'vitest'
import { hourMs } from '../../core/event-time.ts'
import type { MerchantId, Offset } from '../../core/ids.ts'
import { partitionOf } from '../../core/partition-of.ts'
import { createClusterBooksWorld, partitions } from '../test/cluster-books-world.ts'
import { clusterBooksMaxWaitMs, clusterBooksPauseMs, takeClusterBooks } from './cluster-books.ts'

const always = { from: 0, to: 2 ** 45 }
const ann = 'ann' as MerchantId
const home = partitionOf(ann, partitions)
const all = 1_000
const acked = { kind: 'acked' } as const
const doubt = (lands: 'everything' | 'nothing') => ({ kind: 'doubt', lands: () => lands === 'everything' }) as const

/** A world with one collector, and its books: `onPause` runs in each pause of a reading, which takes no time. */
async function setUp() {
  const world = await createClusterBooksWorld(['log-a'])
  const state = { readings: 0, onPause: async () => {} }
  const take = takeClusterBooks({
    store: {
      books: (range) => {
        state.readings += 1
        return world.store.books(range)
      },
    },
    scan: world.feed,
    clock: world.clock,
    timers: {
      after(delayMs, action) {
        const cancel = world.clock.after(delayMs, action)
        void state.onPause().then(() => world.clock.advance(delayMs))
        return cancel
      },
    },
  })
  return { ...world, world, state, take }
}

describe('the books of a cluster', () => {
  it('hold as in flight what is in Kafka and not processed, each place once', async () => {
    const { world, take } = await setUp()
    world.accept(0, ann, 4)
    world.forward(0, all, doubt('everything'))
    world.forward(0, all, doubt('everything'))
    world.forward(0, all, acked)
    await world.flush(0, all)
    expect(await take(always)).toEqual({ accepted: 4, stored: 0, duplicates: 0, failed: 0, dropped: {}, inFlight: 4 })
    await world.commit(home, 1)
    // The two repeats lie before the mark.
    expect(await take(always)).toMatchObject({ accepted: 4, stored: 1, duplicates: 1, failed: 1, inFlight: 0 })
  })

  it('leave out what no ledger has counted', async () => {
    const { world, take } = await setUp()
    world.accept(0, ann, 2)
    world.forward(0, all, acked)
    await world.flush(0, all)
    world.accept(0, ann, 3)
    world.forward(0, all, acked)
    expect(await take(always)).toMatchObject({ accepted: 2, inFlight: 2 })
  })

  it('wait for a ledger that workers have overtaken, and then count what they processed meanwhile as in flight', async () => {
    const { world, take, state } = await setUp()
    for (const hits of [1, 2]) {
      world.accept(0, ann, hits)
      world.forward(0, all, acked)
    }
    await world.commit(home, 1)
    state.onPause = async () => {
      await world.commit(home, 1)
      await world.flush(0, all)
    }
    expect(await take(always)).toMatchObject({ accepted: 3, stored: 1, duplicates: 0, inFlight: 2 })
    expect(state.readings).toBe(2)
  })

  it('count rubbish of others as accepted once the worker has met it, in the hour of the batch before it', async () => {
    const { world, take, state } = await setUp()
    const hour = Math.floor(world.clock.now() / hourMs) * hourMs
    const nextHour = { from: hour + hourMs, to: hour + 2 * hourMs }
    world.accept(0, ann, 1)
    world.forward(0, all, acked)
    await world.commit(home, 1)
    world.clock.advance(hourMs)
    world.produce(home, ann, 1)
    world.produceRubbish(home)
    expect(await take(always).catch(({ status }) => status)).toBe(503)
    state.onPause = async () => {
      await world.commit(home, all)
      await world.flush(0, all)
    }
    world.clock.advance(3 * hourMs)
    expect(await take(nextHour)).toMatchObject({ accepted: 2, stored: 0, failed: 0, inFlight: 2 })
    expect(await take(nextHour)).toMatchObject({ accepted: 2, stored: 1, failed: 1, inFlight: 0 })
    expect(await take({ ...nextHour, merchant: ann })).toMatchObject({ accepted: 1, stored: 1, failed: 0, inFlight: 0 })
  })

  it('are 503 and name the log where a ledger does not catch up, after a bounded wait', async () => {
    const { world, take, state } = await setUp()
    world.accept(0, ann, 1)
    // It landed, and the collector does not know: its ledger may not count it yet.
    world.forward(0, all, doubt('everything'))
    await world.commit(home, 1)
    const before = world.clock.monotonic()
    await expect(take(always)).rejects.toMatchObject({
      status: 503,
      code: 'overloaded',
      detail: expect.stringContaining('log-a'),
    })
    expect(world.clock.monotonic() - before).toBe(clusterBooksMaxWaitMs)
    expect(state.readings).toBe(clusterBooksMaxWaitMs / clusterBooksPauseMs + 1)
  })

  it('are 503 while Kafka does not answer: what is in flight is not guessed', async () => {
    const { world, take } = await setUp()
    world.feed.state = 'away'
    await expect(take(always)).rejects.toMatchObject({ status: 503, code: 'overloaded' })
  })

  it('go by the job that keeps them', async () => {
    const { world, take } = await setUp()
    world.accept(0, ann, 2)
    world.forward(0, all, acked)
    await world.flush(0, all)
    const { fence } = await world.store.acquirePartitions('hits-rollups', 'kafka:test/hits', 'other', [home])
    const facts = { checkpoint: null, watermark: null, received: null, forwarded: { 'log-a': 1 } }
    await world.store.commitEpoch({
      job: 'hits-rollups',
      source: 'kafka:test/hits',
      plan: '',
      fence,
      partitions: [{ partition: home, from: 0 as Offset, next: 1 as Offset, ...facts }],
      staged: [],
      touched: [],
      books: [],
    })
    expect(await take(always)).toMatchObject({ accepted: 2, stored: 0, inFlight: 2 })
  })
})
