/** The topic of the feed: made where it is missing, and looked at whether it is what everybody here reckons with. */
import { setTimeout } from 'node:timers/promises'
import kafkajs, { type Admin, type ITopicConfig, type Kafka } from 'kafkajs'
import { FeedUnavailableError, PlatformError, UnfitTopicError } from '../../errors.ts'

/** A batch of records, packed: the longest record of a log (5 MiB) and a chunk of the forwarder around it. */
export const topicRecordMaxBytes = 8 * 1024 * 1024

/** Looks at a topic that no broker knows yet. */
export const unknownTopicRetriesMax = 50
const unknownTopicRetryMs = 100

export interface TopicSettings {
  readonly topic: string
  /** Fixed for ever: which partition a merchant's hits go to depends on it. */
  readonly partitions: number
  readonly replication: number
  /** How long Kafka keeps records; used when the topic is made, and left to the operator afterwards. */
  readonly retentionMs: number
}

export interface TopicFacts {
  /** `kafka:<cluster id>/<topic>`: the incarnation of the feed. */
  readonly source: string
  readonly partitions: number
}

/**
 * Makes the topic where it is missing; of several callers at once one makes it.
 * @throws UnfitTopicError where it has another number of partitions or takes only smaller records
 * @throws FeedUnavailableError where Kafka gives no answer; safe to repeat
 */
export async function ensureTopic(kafka: Kafka, settings: TopicSettings): Promise<TopicFacts> {
  const admin = kafka.admin()
  try {
    await admin.connect()
    const { topic } = settings
    if (!(await admin.listTopics()).includes(topic)) {
      await untilKnown(() => admin.createTopics({ topics: [topicConfig(settings)] }))
    }
    const { clusterId } = await admin.describeCluster()
    const { topics } = await untilKnown(() => admin.fetchTopicMetadata({ topics: [topic] }))
    const partitions = topics.find(({ name }) => name === topic)?.partitions.length ?? 0
    if (partitions !== settings.partitions) {
      throw new UnfitTopicError(
        topic,
        `has ${partitions} partitions and ${settings.partitions} are configured; set HITLAKE_KAFKA_PARTITIONS to ${partitions}, or use another topic`,
      )
    }
    const recordMaxBytes = await maxMessageBytes(admin, topic)
    if (recordMaxBytes < topicRecordMaxBytes) {
      throw new UnfitTopicError(
        topic,
        `takes records up to ${recordMaxBytes} bytes only; set its max.message.bytes to ${topicRecordMaxBytes} or more`,
      )
    }
    return { source: `kafka:${clusterId}/${topic}`, partitions }
  } catch (error) {
    throw error instanceof PlatformError ? error : new FeedUnavailableError('a look at its topic', { cause: error })
  } finally {
    await admin.disconnect().catch(() => undefined)
  }
}

/** A broker may hear of a topic some time after it was made; a creation that is repeated finds it there. */
async function untilKnown<T>(look: () => Promise<T>): Promise<T> {
  for (let again = 0; ; again++) {
    try {
      return await look()
    } catch (error) {
      const isUnknown = error instanceof kafkajs.KafkaJSProtocolError && error.type === 'UNKNOWN_TOPIC_OR_PARTITION'
      if (!isUnknown || again === unknownTopicRetriesMax) throw error
      await setTimeout(unknownTopicRetryMs)
    }
  }
}

function topicConfig({ topic, partitions, replication, retentionMs }: TopicSettings): ITopicConfig {
  const entries = {
    'cleanup.policy': 'delete',
    'retention.ms': `${retentionMs}`,
    'max.message.bytes': `${topicRecordMaxBytes}`,
    // With three copies one broker may be away, and still two have every record that was acknowledged.
    'min.insync.replicas': replication >= 3 ? '2' : '1',
  }
  return {
    topic,
    numPartitions: partitions,
    replicationFactor: replication,
    configEntries: Object.entries(entries).map(([name, value]) => ({ name, value })),
  }
}

async function maxMessageBytes(admin: Admin, topic: string): Promise<number> {
  const name = 'max.message.bytes'
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configNames: [name] }],
  })
  return Number(resources[0]?.configEntries.find(({ configName }) => configName === name)?.configValue ?? Number.NaN)
}
