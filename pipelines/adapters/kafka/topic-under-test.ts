/** A topic of its own on a real Kafka, for tests. */
import { randomBytes } from 'node:crypto'
import type { Kafka } from 'kafkajs'
import { createKafka } from '../../../core/adapters/kafka/client.ts'
import { ensureTopic } from '../../../core/adapters/kafka/topic.ts'
import { systemTimers } from '../../../core/adapters/node/system.ts'
import type { KafkaGroupFeedOptions } from './kafka-feed.ts'

export interface TopicUnderTest {
  readonly kafka: Kafka
  readonly topic: string
  /** For a feed over the topic; the group is one of its own, with the name's ending. */
  readonly options: (group?: string) => KafkaGroupFeedOptions
  /** Acknowledged by the broker. */
  readonly push: (partition: number, ...values: readonly (Uint8Array | null)[]) => Promise<void>
  readonly trim: (partition: number, before: number) => Promise<void>
  readonly said: readonly string[]
  readonly cleanup: () => Promise<void>
}

export async function topicUnderTest(
  settings: { readonly partitions?: number; readonly brokers?: string; readonly sessionTimeoutMs?: number } = {},
): Promise<TopicUnderTest> {
  const { partitions = 2, sessionTimeoutMs = 6_000, brokers = process.env.HITLAKE_KAFKA_BROKERS ?? '' } = settings
  const topic = `test-feed-${randomBytes(6).toString('hex')}`
  const said: string[] = []
  const say = (message: string, facts: Readonly<Record<string, unknown>>) => {
    said.push(`${message} ${JSON.stringify(facts)}`)
  }
  const kafka = createKafka({ brokers: brokers.split(','), clientId: 'hitlake-test', say })
  const { source } = await ensureTopic(kafka, { topic, partitions, replication: 1, retentionMs: 3_600_000 })
  const producer = kafka.producer()
  const admin = kafka.admin()
  await Promise.all([producer.connect(), admin.connect()])
  return {
    kafka,
    topic,
    said,
    options: (group = '1') => ({
      ...{ kafka, topic, source, partitions, sessionTimeoutMs, say },
      groupId: `${topic}-${group}`,
      timers: systemTimers,
    }),
    async push(partition, ...values) {
      const messages = values.map((value) => ({ partition, value: value === null ? null : Buffer.from(value) }))
      await producer.send({ topic, acks: -1, messages })
    },
    async trim(partition, before) {
      // Without it kafkajs does not know where the partition is.
      await admin.fetchTopicOffsets(topic)
      await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: `${before}` }] })
    },
    async cleanup() {
      await admin.deleteTopics({ topics: [topic] }).catch(() => undefined)
      await Promise.allSettled([producer.disconnect(), admin.disconnect()])
    },
  }
}
