/** Over the Kafka that HITLAKE_KAFKA_BROKERS names. */
import { randomBytes } from 'node:crypto'
import { afterAll, describe, expect, it } from 'vitest'
import { createKafka } from '../../../core/adapters/kafka/client.ts'
import { ensureTopic } from '../../../core/adapters/kafka/topic.ts'
import { systemRandom, systemTimers } from '../../../core/adapters/node/system.ts'
import { FeedUnavailableError } from '../../../core/errors.ts'
import type { Offset } from '../../../core/ids.ts'
import { encodeHitPack } from '../../../schemas/avro/hit-pack.ts'
import { feedScanContract, type PushedBatch } from '../../core/cluster-feed-scan.contract.ts'
import { kafkaFeedScan, maxScansWaiting } from './feed-scan.ts'
import { kafkaFeedWriter } from './kafka-feed-writer.ts'

const brokers = (process.env.HITLAKE_KAFKA_BROKERS ?? '').split(',')
const kafka = createKafka({ brokers, clientId: 'hitlake-test', say: () => {} })
const topics: string[] = []

async function newTopic() {
  const settings = {
    topic: `scan-${randomBytes(4).toString('hex')}`,
    partitions: 3,
    replication: 1,
    retentionMs: 3_600_000,
  }
  await ensureTopic(kafka, settings)
  topics.push(settings.topic)
  return settings
}

async function withAdmin<T>(work: (admin: ReturnType<typeof kafka.admin>) => Promise<T>): Promise<T> {
  const admin = kafka.admin()
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await admin.disconnect()
  }
}

afterAll(async () => {
  if (topics.length > 0) await withAdmin((admin) => admin.deleteTopics({ topics }).catch(() => undefined))
})

const scanOf = (topic: string, timeoutMs?: number) =>
  kafkaFeedScan({
    kafka,
    topic,
    timers: systemTimers,
    random: systemRandom,
    ...(timeoutMs !== undefined && { timeoutMs }),
  })
const range = (partition: number, from: number, through: number) => ({
  partition,
  from: from as Offset,
  through: through as Offset,
})

function recordOf(batches: readonly PushedBatch[]): Buffer {
  const [first] = batches
  if (first?.origin == null) return first?.payload ?? Buffer.alloc(0)
  return encodeHitPack({
    log: first.origin.log,
    places: batches.map(({ origin }) => origin?.place ?? -1),
    batches: batches.map(({ payload }) => payload),
  })
}

feedScanContract('kafkaFeedScan', async () => {
  const settings = await newTopic()
  const writer = kafkaFeedWriter({ kafka, topic: settings })
  await writer.connect()
  return {
    scan: scanOf(settings.topic),
    async push(partition, records) {
      // In one send: a reader that begins in the middle of a broker's batch is sent the whole of it.
      await writer.send(records.map((record) => ({ partition, key: 'k', value: recordOf(record) })))
    },
    cleanup: () => writer.close(),
  }
})

describe('a look through Kafka', () => {
  async function texts(topic: string, ...ranges: readonly ReturnType<typeof range>[]): Promise<readonly string[]> {
    const found: string[] = []
    await scanOf(topic).read(ranges, (partition, { offset, payload }) => {
      found.push(`${partition}/${offset} ${payload}`)
    })
    return found.toSorted()
  }

  async function sent(count: number) {
    const settings = await newTopic()
    const writer = kafkaFeedWriter({ kafka, topic: settings })
    await writer.connect()
    for (let at = 0; at < count; at += 1) {
      await writer.send([{ partition: 1, key: 'k', value: Buffer.from(`record ${at}`) }])
    }
    await writer.close()
    return settings.topic
  }

  it('passes over what retention has removed, also where it was all', async () => {
    const topic = await sent(4)
    const remove = (offset: string) =>
      withAdmin(async (admin) => {
        await admin.fetchTopicOffsets(topic) // makes the client learn where the topic is
        await admin.deleteTopicRecords({ topic, partitions: [{ partition: 1, offset }] })
      })
    await remove('2')
    expect(await texts(topic, range(1, 0, 4))).toEqual(['1/2 record 2', '1/3 record 3'])
    await remove('4')
    expect(await texts(topic, range(1, 0, 4))).toEqual([])
  })

  it('comes to an end behind the marks of a transaction, and sees nothing of one that was undone', async () => {
    const { topic } = await newTopic()
    const producer = kafka.producer({ transactionalId: topic, idempotent: true, maxInFlightRequests: 1 })
    await producer.connect()
    for (const end of ['commit', 'abort', 'commit'] as const) {
      const transaction = await producer.transaction()
      await transaction.send({ topic, messages: [{ partition: 1, value: end }] })
      await transaction[end]()
    }
    await producer.disconnect()
    const end = (await scanOf(topic).ends()).get(1) ?? 0
    expect(end).toBe(6)
    expect(await texts(topic, range(1, 0, end))).toEqual(['1/0 commit', '1/4 commit'])
  })

  it('takes a record without a value for one that holds nothing', async () => {
    const { topic } = await newTopic()
    const producer = kafka.producer()
    await producer.connect()
    await producer.send({ topic, messages: [{ partition: 1, key: 'k', value: null }] })
    await producer.disconnect()
    expect(await texts(topic, range(1, 0, 1))).toEqual(['1/0 '])
  })

  it('is given up at its limit of time, and the next one works', async () => {
    const topic = await sent(1)
    const scan = scanOf(topic, 1)
    await expect(scan.read([range(1, 0, 1)], () => {})).rejects.toMatchObject({ status: 503, code: 'overloaded' })
    expect(await texts(topic, range(1, 0, 1))).toHaveLength(1)
  })

  it('is refused where too many wait', async () => {
    const topic = await sent(1)
    const scan = scanOf(topic)
    const looks = Array.from({ length: maxScansWaiting + 1 }, () => scan.read([range(1, 0, 1)], () => {}))
    const ends = await Promise.allSettled(looks)
    expect(ends.map(({ status }) => status)).toEqual([
      ...Array.from({ length: maxScansWaiting }, () => 'fulfilled'),
      'rejected',
    ])
  })

  it('hands an error of the caller on', async () => {
    const topic = await sent(1)
    const look = scanOf(topic).read([range(1, 0, 1)], () => {
      throw new FeedUnavailableError('the test')
    })
    await expect(look).rejects.toThrow('the test')
  })

  it('says that Kafka gives no answer where there is none', async () => {
    const nobody = createKafka({ brokers: ['127.0.0.1:9'], clientId: 'hitlake-test', say: () => {} })
    const scan = kafkaFeedScan({ kafka: nobody, topic: 'x', timers: systemTimers, random: systemRandom })
    await expect(scan.ends()).rejects.toThrow(FeedUnavailableError)
    await expect(scan.read([range(0, 0, 1)], () => {})).rejects.toThrow(FeedUnavailableError)
  })
})
