/** What `hitlake lake prove-erased` searches of a cluster, and what it cannot from here: Kafka, and logs of collectors. */
import { createKafka } from '../../core/adapters/kafka/client.ts'
import type { ClusterConfig } from '../../core/config/cluster.ts'
import { searchedObjects } from '../../lakehouse/adapters/local/searched-files.ts'
import { openPostgresControlStore } from '../../lakehouse/adapters/postgres/control-store.ts'
import { createErasedRecords } from '../../lakehouse/adapters/postgres/erased-records.ts'
import type { ErasedQuestion } from '../../lakehouse/core/erasure-proof/question.ts'
import type { Unread } from '../../lakehouse/core/erasure-proof/report.ts'
import { openObjects } from '../cluster/process.ts'
import type { SearchedPlace } from './prove-erased.ts'

/**
 * How long a collector may have held a hit back before it reached the topic, ms: so much later than the erasure the oldest
 * record of the topic must be for none of it to be there. A backlog that old is seen in readiness and metrics.
 */
export const forwardedWithinMs = 24 * 3_600_000

/** @throws ControlStoreUnavailableError; StartError where a server refuses us */
export async function openClusterPlace(config: ClusterConfig, scratch: string): Promise<SearchedPlace> {
  const objects = await openObjects(config, scratch)
  const store = await openPostgresControlStore({ url: config.postgresUrl, visible: 'published' })
  const records = createErasedRecords(config.postgresUrl)
  return {
    files: searchedObjects(objects.store),
    records,
    isControlStore: () => false,
    store,
    async elsewhere(question) {
      const live = (await store.collectors()).filter(({ state }) => state === 'live')
      const logs = live.map(({ log }) => ({
        object: `log of collector ${log}`,
        why: 'it lies on its machine; it keeps records until they are processed and their segment is full',
      }))
      return [...(await searchTopic(config, question)), ...logs]
    },
    async close() {
      await records.close()
      await store.close()
      await objects.close()
    },
  }
}

/** Nothing where every record of the topic is newer than the erasure: then the topic's retention has taken the rest. */
async function searchTopic(config: ClusterConfig, question: ErasedQuestion): Promise<readonly Unread[]> {
  const { topic, brokers } = config.kafka
  const admin = createKafka({ brokers, clientId: 'hitlake-prove-erased', say: () => undefined }).admin()
  const object = `Kafka topic ${topic}`
  try {
    await admin.connect()
    const after = question.through + forwardedWithinMs
    const held = await admin.fetchTopicOffsets(topic)
    const newer = new Map(
      (await admin.fetchTopicOffsetsByTimestamp(topic, after)).map(({ partition, offset }) => [partition, offset]),
    )
    // A partition without records that new answers with its end.
    const old = held.filter(({ partition, low, high }) => low !== high && newer.get(partition) !== low)
    if (old.length === 0) return []
    const keptMs = await retentionMs(admin, topic)
    const until = keptMs === undefined ? 'its retention has passed' : new Date(after + keptMs).toISOString()
    return [{ object, why: `it is not searched, and keeps records of that time until ${until}` }]
  } catch (error) {
    return [{ object, why: error instanceof Error ? error.message : String(error) }]
  } finally {
    await admin.disconnect().catch(() => undefined)
  }
}

/** Undefined where it keeps records for ever, or does not say. */
async function retentionMs(
  admin: ReturnType<ReturnType<typeof createKafka>['admin']>,
  topic: string,
): Promise<number | undefined> {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    // 2: a topic.
    resources: [{ type: 2, name: topic, configNames: ['retention.ms'] }],
  })
  const ms = Number(resources[0]?.configEntries.find(({ configName }) => configName === 'retention.ms')?.configValue)
  return Number.isFinite(ms) && ms >= 0 ? ms : undefined
}
