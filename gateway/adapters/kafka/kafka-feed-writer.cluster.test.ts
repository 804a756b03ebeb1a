/** Over the Kafka that HITLAKE_KAFKA_BROKERS names. */
import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createKafka } from '../../../core/adapters/kafka/client.ts'
import { ensureTopic, topicRecordMaxBytes } from '../../../core/adapters/kafka/topic.ts'
import { FeedUnavailableError, UnfitTopicError } from '../../../core/errors.ts'
import { feedWriterContract } from '../../../core/ports/feed-writer.contract.ts'
import { kafkaFeedWriter } from './kafka-feed-writer.ts'
import { readPartition } from './read-partition-under-test.ts'

const brokers = (process.env.HITLAKE_KAFKA_BROKERS ?? '').split(',')
const kafka = createKafka({ brokers, clientId: 'hitlake-test', say: () => {} })
const newTopic = () => ({
  topic: `writer-${randomBytes(4).toString('hex')}`,
  partitions: 3,
  replication: 1,
  retentionMs: 3_600_000,
})

async function deleteTopic(topic: string): Promise<void> {
  const admin = kafka.admin()
  await admin.connect()
  await admin.deleteTopics({ topics: [topic] }).catch(() => undefined)
  await admin.disconnect()
}

feedWriterContract('kafkaFeedWriter', async () => {
  const topic = newTopic()
  const writer = kafkaFeedWriter({ kafka, topic })
  const another = kafkaFeedWriter({ kafka, topic })
  return {
    writer,
    another,
    read: async (partition, count) =>
      (await readPartition(kafka, topic.topic, partition, count)).map(({ value }) => value),
    async cleanup() {
      await Promise.all([writer.close(), another.close()])
      await deleteTopic(topic.topic)
    },
  }
})

describe('the topic of the feed', () => {
  it('is made once, however many ask for it at the same time', async () => {
    const settings = newTopic()
    try {
      const found = await Promise.all([1, 2, 3].map(() => ensureTopic(kafka, settings)))
      expect(new Set(found.map(({ source }) => source)).size).toBe(1)
      expect(found[0]).toEqual({
        source: expect.stringMatching(new RegExp(`^kafka:.+/${settings.topic}$`)),
        partitions: 3,
      })
    } finally {
      await deleteTopic(settings.topic)
    }
  })

  it('is refused where it has another number of partitions than is configured', async () => {
    const settings = newTopic()
    try {
      await ensureTopic(kafka, settings)
      const asked = ensureTopic(kafka, { ...settings, partitions: 4 })
      await expect(asked).rejects.toThrow(UnfitTopicError)
      await expect(asked).rejects.toThrow('has 3 partitions and 4 are configured')
    } finally {
      await deleteTopic(settings.topic)
    }
  })

  it('is refused where it takes no record as long as ours', async () => {
    const settings = newTopic()
    const admin = kafka.admin()
    await admin.connect()
    try {
      await admin.createTopics({ topics: [{ topic: settings.topic, numPartitions: 3, replicationFactor: 1 }] })
      await expect(ensureTopic(kafka, settings)).rejects.toThrow(`max.message.bytes to ${topicRecordMaxBytes}`)
    } finally {
      await admin.disconnect()
      await deleteTopic(settings.topic)
    }
  })

  it('is unavailable where nobody listens, within seconds', async () => {
    const nobody = createKafka({ brokers: ['127.0.0.1:1'], clientId: 'hitlake-test', say: () => {} })
    const started = performance.now()
    await expect(ensureTopic(nobody, newTopic())).rejects.toThrow(FeedUnavailableError)
    expect(performance.now() - started).toBeLessThan(10_000)
  })
})
