/** The books over a real Kafka and a real PostgreSQL, those that HITLAKE_KAFKA_BROKERS and HITLAKE_POSTGRES_URL name. */
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createKafka } from '../../core/adapters/kafka/client.ts'
import type { TopicSettings } from '../../core/adapters/kafka/topic.ts'
import { systemClock, systemRandom, systemTimers } from '../../core/adapters/node/system.ts'
import { hourMs } from '../../core/event-time.ts'
import type { MerchantId, Offset } from '../../core/ids.ts'
import { partitionOf } from '../../core/partition-of.ts'
import type { ClusterStore } from '../../core/ports/cluster-store.ts'
import type { FeedWriter } from '../../core/ports/feed-writer.ts'
import { createSchema, type Schema } from '../../lakehouse/adapters/postgres/test/schemas.ts'
import { encodeHitPack } from '../../schemas/avro/hit-pack.ts'
import { kafkaFeedScan } from '../adapters/kafka/feed-scan.ts'
import { kafkaFeedWriter } from '../adapters/kafka/kafka-feed-writer.ts'
import { clusterBooksJob, takeClusterBooks } from '../core/cluster-books.ts'
import { encodeBatch } from './cluster-books-world.ts'

const brokers = (process.env.HITLAKE_KAFKA_BROKERS ?? '').split(',')
const kafka = createKafka({ brokers, clientId: 'hitlake-test', say: () => {} })
const topic: TopicSettings = {
  topic: `books-${randomBytes(4).toString('hex')}`,
  partitions: 3,
  replication: 1,
  retentionMs: hourMs,
}
const shop = 'shop' as MerchantId
const partition = partitionOf(shop, topic.partitions)
const received = Date.parse('2026-03-01T09:30:00Z')
const hour = Math.floor(received / hourMs) * hourMs

let schema: Schema
let store: ClusterStore
let writer: FeedWriter
let source: string

beforeAll(async () => {
  schema = await createSchema()
  store = await schema.open({ visible: 'published' })
  writer = kafkaFeedWriter({ kafka, topic })
  source = await writer.connect()
})

afterAll(async () => {
  await writer?.close()
  const admin = kafka.admin()
  await admin.connect()
  await admin.deleteTopics({ topics: [topic.topic] }).catch(() => undefined)
  await admin.disconnect()
  await schema?.close()
})

/** Places of log-a, one batch of two hits each, in one record. */
async function forward(...places: number[]): Promise<void> {
  const batches = places.map(() => encodeBatch(shop, received, 2))
  await writer.send([{ partition, key: 'log-a', value: encodeHitPack({ log: 'log-a', places, batches }) }])
}

const counted = (from: number, through: number) =>
  store.addAccepted('log-a', from as Offset, through as Offset, [{ merchant: shop, hour, hits: 2 * (through - from) }])

it('balance before, while and after hits are processed, with a place that was forwarded twice', async () => {
  const scan = kafkaFeedScan({ kafka, topic: topic.topic, timers: systemTimers, random: systemRandom })
  const take = takeClusterBooks({ store, scan, clock: systemClock, timers: systemTimers })
  const question = { merchant: shop, from: hour, to: hour + hourMs }
  const none = { accepted: 0, stored: 0, duplicates: 0, failed: 0, dropped: {}, inFlight: 0 }
  expect(await take(question)).toEqual(none)

  await forward(0, 1)
  await forward(0, 1, 2)
  expect(await take(question)).toEqual(none)
  await counted(0, 3)
  expect(await take(question)).toEqual({ ...none, accepted: 6, inFlight: 6 })

  // A worker commits the first record, and another producer brings three hits.
  await writer.send([{ partition, key: shop, value: encodeBatch(shop, received, 3) }])
  const { fence } = await store.acquirePartitions(clusterBooksJob, source, 'worker', [partition])
  const commit = async (from: number, next: number, mark: number, counts: { accepted: number; stored: number }) => {
    const position = { partition, checkpoint: null, watermark: received, received, forwarded: { 'log-a': mark } }
    await store.commitEpoch({
      job: clusterBooksJob,
      source,
      plan: '',
      fence,
      partitions: [{ ...position, from: from as Offset, next: next as Offset }],
      staged: [],
      touched: [],
      books: [{ merchant: shop, hour, duplicates: 0, failed: 0, dropped: {}, ...counts }],
    })
  }
  await commit(0, 1, 2, { accepted: 0, stored: 4 })
  expect(await take(question)).toEqual({ ...none, accepted: 6, stored: 4, inFlight: 2 })

  // The ledger is behind: the books wait for it.
  await forward(3)
  await commit(1, 4, 4, { accepted: 3, stored: 7 })
  const waiting = take(question)
  setTimeout(() => void counted(3, 4), 700)
  expect(await waiting).toEqual({ ...none, accepted: 11, stored: 11 })
})
