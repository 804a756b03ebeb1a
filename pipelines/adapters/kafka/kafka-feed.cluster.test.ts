import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { systemTimers } from '../../../core/adapters/node/system.ts'
import type { Offset } from '../../../core/ids.ts'
import { sleep } from '../../../core/ports/clock.ts'
import { feedContract } from '../../../core/ports/feed.contract.ts'
import type { FeedReader, FeedRecord } from '../../../core/ports/feed.ts'
import { encodeHitPack } from '../../../schemas/avro/hit-pack.ts'
import { type KafkaGroupFeed, kafkaGroupFeed } from './kafka-feed.ts'
import { type TopicUnderTest, topicUnderTest } from './topic-under-test.ts'

feedContract('the Kafka feed', async () => {
  const topic = await topicUnderTest()
  const { feed, close } = await kafkaGroupFeed(topic.options())
  return {
    feed,
    push: (partition, payload) => topic.push(partition, payload),
    trim: topic.trim,
    // It waits by the machine's clock.
    advance: () => {},
    readersPerPartition: 1,
    arrivesWithinMs: 1_500,
    async cleanup() {
      await close()
      await topic.cleanup()
    },
  }
})

describe('the Kafka feed', () => {
  let topic: TopicUnderTest
  const open: KafkaGroupFeed[] = []
  beforeEach(async () => {
    topic = await topicUnderTest({ partitions: 4 })
  })
  afterEach(async () => {
    await Promise.all(open.splice(0).map((each) => each.close()))
    await topic.cleanup()
  })
  async function join(options = topic.options()): Promise<KafkaGroupFeed> {
    const feed = await kafkaGroupFeed(options)
    open.push(feed)
    return feed
  }
  async function take(reader: FeedReader, count: number): Promise<readonly FeedRecord[]> {
    const taken: FeedRecord[] = []
    while (taken.length < count) {
      const more = await reader.next({ maxBytes: 1_000_000, waitMs: 10_000 })
      if (more.length === 0) break
      taken.push(...more)
    }
    return taken
  }
  const start = 0 as Offset

  it('gives the batches of a pack with their places, what is no pack as it is, and nothing for a null', async () => {
    const pack = encodeHitPack({ log: 'c1', places: [4, 5], batches: [Buffer.from('x'), Buffer.from('y')] })
    await topic.push(1, pack, Buffer.from('bare'), null)
    const { feed } = await join()
    const records = await take(await feed.read(1, start), 4)
    expect(records.map(({ offset, payload, origin }) => [offset, `${payload}`, origin])).toEqual([
      [0, 'x', { log: 'c1', place: 4 }],
      [0, 'y', { log: 'c1', place: 5 }],
      [1, 'bare', null],
      [2, '', null],
    ])
  })

  it('goes past markers of transactions and aborted records, from any offset', async () => {
    const producer = topic.kafka.producer({ transactionalId: topic.topic, idempotent: true, maxInFlightRequests: 1 })
    await producer.connect()
    for (const end of ['commit', 'abort', 'abort', 'commit'] as const) {
      const transaction = await producer.transaction()
      await transaction.send({ topic: topic.topic, messages: [{ partition: 0, value: end }] })
      await transaction[end]()
    }
    const { feed } = await join()
    // A commit is answered before its marker is in the partition.
    await vi.waitUntil(async () => (await feed.end(0)) === 8, { timeout: 10_000 })
    await topic.push(0, Buffer.from('plain'))
    await producer.disconnect()
    // 0 commit, 1 marker, 2 abort, 3 marker, 4 abort, 5 marker, 6 commit, 7 marker, 8 plain
    for (let from = 0; from <= 8; from++) {
      const wanted = [0, 6, 8].filter((offset) => offset >= from)
      const reader = await feed.read(0, from as Offset)
      expect((await take(reader, wanted.length)).map(({ offset }) => offset)).toEqual(wanted)
      await reader.close()
    }
    expect(await feed.end(0)).toBe(9)
  })

  it('pauses a partition whose reader does not read, and brings all of it when it does', async () => {
    const value = Buffer.alloc(500_000, 'x')
    for (let i = 0; i < 40; i++) await topic.push(0, value)
    await topic.push(1, Buffer.from('beside it'))
    const { feed } = await join()
    const full = await feed.read(0, start)
    const beside = await feed.read(1, start)
    expect(await take(beside, 1)).toHaveLength(1)
    await sleep(systemTimers, 1_000)
    let records = 0
    while (records < 40) records += (await full.next({ maxBytes: 600_000, waitMs: 10_000 })).length
    expect(records).toBe(40)
  })

  it('shares partitions among the members of a group, and gives those of one that leaves to the others', async () => {
    const one = await join()
    expect(one.assignment.partitions).toEqual([0, 1, 2, 3])
    let changes = 0
    one.assignment.onChange(() => {
      changes += 1
    })
    const two = await join()
    await vi.waitUntil(() => one.assignment.partitions.length === 2, { timeout: 10_000 })
    expect([...one.assignment.partitions, ...two.assignment.partitions].sort()).toEqual([0, 1, 2, 3])
    expect(changes).toBe(1)
    await open.pop()?.close()
    await vi.waitUntil(() => one.assignment.partitions.length === 4, { timeout: 10_000 })
    await one.assignment.confirm()
    expect(one.assignment.partitions).toEqual([0, 1, 2, 3])
  })

  it('reads on where it was after the group was joined anew, nothing twice and nothing left out', async () => {
    const one = await join()
    const reader = await one.feed.read(0, start)
    await topic.push(0, Buffer.from('a'))
    expect((await take(reader, 1)).map(({ offset }) => offset)).toEqual([0])
    // What the group has committed is elsewhere: it must not matter.
    await topic.push(0, Buffer.from('b'), Buffer.from('c'))
    await one.tellProcessed([{ partition: 0, next: 3 as Offset }])
    const two = await join()
    await vi.waitUntil(() => one.assignment.partitions.length === 2, { timeout: 10_000 })
    open.pop()
    await two.close()
    await vi.waitUntil(() => one.assignment.partitions.length === 4, { timeout: 10_000 })
    await topic.push(0, Buffer.from('d'))
    expect((await take(reader, 3)).map(({ offset }) => offset)).toEqual([1, 2, 3])
  })

  it('tells the group how far records are processed, and how many are left', async () => {
    await topic.push(0, Buffer.from('a'), Buffer.from('b'), Buffer.from('c'))
    const { tellProcessed, lag } = await join()
    await tellProcessed([{ partition: 0, next: 1 as Offset }])
    const admin = topic.kafka.admin()
    await admin.connect()
    const [fetched] = await admin.fetchOffsets({ groupId: topic.options().groupId, topics: [topic.topic] })
    await admin.disconnect()
    expect(fetched?.partitions.find(({ partition }) => partition === 0)?.offset).toBe('1')
    expect(await lag([{ partition: 0, next: 1 as Offset }])).toEqual(new Map([[0, 2]]))
  })

  it('refuses a position beyond the end: the topic is not the one it was reached in', async () => {
    await topic.push(0, Buffer.from('a'))
    const { feed } = await join()
    await expect(feed.read(0, 2 as Offset)).rejects.toMatchObject({
      code: 'FEED_POSITION_BEYOND_END',
      position: 2,
      end: 1,
    })
  })

  it('ends a reader whose records are trimmed before it came to them, after those it has', async () => {
    const { feed } = await join()
    await topic.push(0, ...Array.from({ length: 20 }, (_, i) => Buffer.from(`${i}`)))
    await feed.end(0)
    const two = await join()
    // Assigned to nobody who reads it: the position waits while the records go.
    await vi.waitUntil(() => two.assignment.partitions.length === 2, { timeout: 10_000 })
    const partition = two.assignment.partitions[0] ?? 0
    await topic.push(partition, ...Array.from({ length: 20 }, (_, i) => Buffer.from(`${i}`)))
    const reader = await feed.read(partition, start)
    await topic.trim(partition, 10)
    open.pop()
    await two.close()
    await expect(take(reader, 20)).rejects.toMatchObject({ code: 'LOG_OFFSET_TRIMMED', asked: 0 })
  })
})
