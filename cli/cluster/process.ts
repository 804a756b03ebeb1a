/**
 * What every process of a cluster has, whatever its roles: its data folder (locked by the DuckDB file in it), the control
 * store behind its journal, the objects, a client of Trino and one of Kafka. Only the folder must be usable at the start;
 * a server that is away is waited for by whoever needs it.
 */
import { existsSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { DuckDBInstance } from '@duckdb/node-api'
import type { Kafka } from 'kafkajs'
import { type Logger, pino } from 'pino'
import { folderObjectStore } from '../../core/adapters/folder-object-store.ts'
import { createKafka } from '../../core/adapters/kafka/client.ts'
import { nodeDisk } from '../../core/adapters/node/node-disk.ts'
import { systemClock, systemRandom, systemTimers } from '../../core/adapters/node/system.ts'
import { s3ObjectStore } from '../../core/adapters/s3/s3-object-store.ts'
import type { ClusterConfig } from '../../core/config/cluster.ts'
import { StartError } from '../../core/errors.ts'
import type { Clock, Random, Timers } from '../../core/ports/clock.ts'
import type { ClusterStore } from '../../core/ports/cluster-store.ts'
import type { ObjectStore } from '../../core/ports/object-store.ts'
import { createReadiness, type Readiness } from '../../gateway/core/readiness.ts'
import { createMetrics, type Metrics } from '../../gateway/http/plugins/metrics.ts'
import { openDatabase, openStagingDatabase } from '../../lakehouse/adapters/duckdb/database.ts'
import { keepReturningMemory } from '../../lakehouse/adapters/duckdb/freed-memory.ts'
import { openPostgresControlStore } from '../../lakehouse/adapters/postgres/control-store.ts'
import { createTrino, type Trino } from '../../lakehouse/adapters/trino/client.ts'
import { journaledStore } from '../../lakehouse/core/journal/journaled-store.ts'
import { emptyScratch, prepareDataFolder } from '../embedded/data-folder.ts'
import { lateStore } from './late-store.ts'
import { countServerError } from './server-errors.ts'

export interface ClusterProcess {
  readonly config: ClusterConfig
  /** Absolute. */
  readonly dataDir: string
  readonly scratch: string
  /** Names this process among all there are and were. */
  readonly owner: string
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly logger: Logger
  readonly metrics: Metrics
  readonly readiness: Readiness
  /** DuckDB for what the process publishes, rewrites and asks; its file is the lock on the data folder. */
  readonly instance: DuckDBInstance
  /** DuckDB for staging alone, which must not wait for memory that the other has taken. */
  readonly stagingInstance: DuckDBInstance
  /** Refuses as unavailable until it is open. */
  readonly store: ClusterStore
  readonly storeOpened: Promise<void>
  readonly objects: ObjectStore
  readonly trino: Trino
  readonly kafka: Kafka
  close(): Promise<void>
}

const lockFile = 'process.duckdb'

/** @throws StartError where the data folder cannot be used or is another process's */
export async function openProcess(config: ClusterConfig, parts: readonly string[]): Promise<ClusterProcess> {
  const logger = pino({ level: config.logLevel, base: null }, pino.destination(2))
  const metrics = createMetrics()
  const dataDir = await prepareDataFolder(config.dataDir)
  const instance = await openDatabase({
    file: join(dataDir, lockFile),
    memoryLimitBytes: config.duckdbMemoryBytes,
    threads: config.duckdbThreads,
    scratch: join(dataDir, 'scratch', 'duckdb'),
  })
  const stagingInstance = await openStagingDatabase(join(dataDir, 'scratch', 'staging'))
  const memory = keepReturningMemory({ instance, memoryLimitBytes: config.duckdbMemoryBytes, timers: systemTimers })
  const scratch = await emptyScratch(dataDir)
  const owner = `${hostname()}-${process.pid}-${Buffer.from(systemRandom.bytes(4)).toString('hex')}`
  const objects = await openObjects(config, scratch)
  const late = lateStore({
    timers: systemTimers,
    async open() {
      const store = await openPostgresControlStore({ url: config.postgresUrl, visible: 'published' })
      return journaledStore(store, { objects: objects.store, owner, clock: systemClock })
    },
    onWaiting(error) {
      countServerError(metrics, error)
      logger.warn({ err: error }, 'the control store does not answer yet; it is tried again')
    },
  })
  const trino = createTrino({
    url: config.trino.url,
    user: config.trino.user,
    source: `hitlake ${owner}`,
    catalog: config.trino.catalog,
    schema: config.trino.tableSchema,
    clock: systemClock,
    timers: systemTimers,
  })
  const kafka = createKafka({
    brokers: config.kafka.brokers,
    clientId: `hitlake-${owner}`,
    say: (message, facts) => logger.warn(facts, message),
  })
  return {
    config,
    dataDir,
    scratch,
    owner,
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    logger,
    metrics,
    readiness: createReadiness(parts),
    instance,
    stagingInstance,
    store: late.store,
    storeOpened: late.opened,
    objects: objects.store,
    trino,
    kafka,
    async close() {
      await trino.close()
      await late.close()
      await objects.close()
      await memory.stop()
      stagingInstance.closeSync()
      instance.closeSync()
    },
  }
}

interface Objects {
  readonly store: ObjectStore
  close(): Promise<void>
}

/**
 * The object store that `HITLAKE_OBJECTS_URI` names.
 * @throws StartError where it is a folder that is not there
 */
export async function openObjects(config: ClusterConfig, scratch: string): Promise<Objects> {
  const uri = new URL(config.objectsUri)
  if (uri.protocol === 'file:') {
    // Not made where it is missing: a shared folder that is not mounted must not pass for an empty one.
    if (!existsSync(fileURLToPath(uri))) {
      throw new StartError(`HITLAKE_OBJECTS_URI names ${fileURLToPath(uri)}, which is not there; make or mount it`)
    }
    const store = await folderObjectStore(nodeDisk(fileURLToPath(uri)), '')
    return { store, close: async () => undefined }
  }
  const { endpoint, region, accessKey, secretKey } = config.s3
  const store = await s3ObjectStore({
    ...(endpoint !== '' && { endpoint }),
    region,
    ...(accessKey !== '' && { accessKey, secretKey }),
    bucket: uri.hostname,
    prefix: uri.pathname.replace(/^\/+|\/+$/g, ''),
    scratch: join(scratch, 'objects'),
    timers: systemTimers,
    random: systemRandom,
  })
  return { store, close: () => store.close() }
}

/** What the lake through Trino is made of, for all roles that write it. */
export function lakeParts(host: ClusterProcess) {
  const { config, trino, objects, instance, stagingInstance, scratch, random, clock, timers } = host
  return {
    trino,
    objects,
    instance,
    stagingInstance,
    scratch,
    random,
    clock,
    timers,
    objectsUri: config.objectsTrinoUri,
    catalog: config.trino.catalog,
    schema: config.trino.tableSchema,
  }
}
