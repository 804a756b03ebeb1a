/** What `hitlake lake prove-erased` searches of a cluster, and what it cannot from here: Kafka, and logs of collectors. */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createKafka } from '../../core/adapters/kafka/client.ts'
import { nodeDisk } from '../../core/adapters/node/node-disk.ts'
import { systemClock, systemRandom, systemTimers } from '../../core/adapters/node/system.ts'
import { s3ObjectStore } from '../../core/adapters/s3/s3-object-store.ts'
import type { ClusterConfig } from '../../core/config/cluster.ts'
import { CommandError } from '../../core/errors.ts'
import { searchedFolder, searchedObjects, searchedTogether } from '../../lakehouse/adapters/local/searched-files.ts'
import { openPostgresControlStore } from '../../lakehouse/adapters/postgres/control-store.ts'
import { createErasedRecords } from '../../lakehouse/adapters/postgres/erased-records.ts'
import { createTrino } from '../../lakehouse/adapters/trino/client.ts'
import type { ErasedQuestion } from '../../lakehouse/core/erasure-proof/question.ts'
import type { Unread } from '../../lakehouse/core/erasure-proof/report.ts'
import type { SearchedPlace } from './prove-erased.ts'

/**
 * How long a collector may have held a hit back before it reached the topic, ms: so much later than the erasure the oldest
 * record of the topic must be for none of it to be there. A backlog that old is seen in readiness and metrics.
 */
export const forwardedWithinMs = 24 * 3_600_000

/** @throws ControlStoreUnavailableError, TrinoUnavailableError; StartError where a server refuses us */
export async function openClusterPlace(config: ClusterConfig, scratch: string): Promise<SearchedPlace> {
  const closers: (() => Promise<unknown>)[] = []
  const close = async () => {
    for (const each of closers.reverse()) await each()
  }
  try {
    const store = await openPostgresControlStore({ url: config.postgresUrl, visible: 'published' })
    closers.push(() => store.close())
    const records = createErasedRecords(config.postgresUrl)
    closers.push(() => records.close())
    const opened = async (uri: string, name: string) => {
      const { files, close: closeFiles } = await openFiles(config, uri, join(scratch, name))
      closers.push(closeFiles)
      return files
    }
    const places = [{ prefix: '', files: await opened(config.objectsUri, 'objects') }]
    const outOfReach: Unread[] = []
    for (const [at, folder] of (await tableFolders(config)).entries()) {
      if (isReachable(folder)) places.push({ prefix: `${folder}/`, files: await opened(folder, `tables-${at}`) })
      else outOfReach.push({ object: folder, why: 'tables lie there that Trino reaches and this command does not' })
    }
    return {
      files: searchedTogether(places),
      records,
      isControlStore: () => false,
      store,
      async elsewhere(question) {
        const live = (await store.collectors()).filter(({ state }) => state === 'live')
        const logs = live.map(({ log }) => ({
          object: `log of collector ${log}`,
          why: 'it lies on its machine; it keeps records until they are processed and their segment is full or an hour old',
        }))
        return [...outOfReach, ...(await searchTopic(config, question)), ...logs]
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

const isReachable = (uri: string) => /^(s3|file):/.test(uri)

async function openFiles(config: ClusterConfig, uri: string, scratch: string) {
  const { protocol, hostname, pathname } = new URL(uri)
  // Not as an object store: that begins by removing what others may just be writing.
  if (protocol === 'file:') return { files: searchedFolder(nodeDisk(fileURLToPath(uri))), close: async () => undefined }
  const { endpoint, region, accessKey, secretKey } = config.s3
  const store = await s3ObjectStore({
    ...(endpoint !== '' && { endpoint }),
    region,
    ...(accessKey !== '' && { accessKey, secretKey }),
    bucket: hostname,
    prefix: decodeURIComponent(pathname).replace(/^\/+|\/+$/g, ''),
    ...{ scratch, timers: systemTimers, random: systemRandom },
  })
  return { files: searchedObjects(store), close: () => store.close() }
}

/** Folders of the schemas' tables, as Trino names them, that are not below the objects: dropped tables lie beside them. */
async function tableFolders({ trino: place, objectsTrinoUri }: ClusterConfig): Promise<readonly string[]> {
  const schema = place.tableSchema
  const options = { url: place.url, user: place.user, catalog: place.catalog, schema }
  const trino = createTrino({ ...options, source: 'hitlake prove-erased', clock: systemClock, timers: systemTimers })
  try {
    const found = await trino.query(`SHOW TABLES FROM "${place.catalog}"."${schema}"`)
    const folders = new Set<string>()
    for (const [table] of found) {
      const [[text] = []] = await trino.query(`SHOW CREATE TABLE "${place.catalog}"."${schema}"."${String(table)}"`)
      const location = /location = '([^']+)'/.exec(String(text))?.[1]
      if (location === undefined) throw new CommandError(`Trino does not say where the table ${String(table)} lies`)
      if (!`${location}/`.startsWith(`${objectsTrinoUri}/`)) folders.add(location.slice(0, location.lastIndexOf('/')))
    }
    return [...folders]
  } finally {
    await trino.close()
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
