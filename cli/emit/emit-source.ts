/** What an emission reads: the tables of a data folder or of a cluster, and which generation answers where. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { folderObjectStore } from '../../core/adapters/folder-object-store.ts'
import { nodeDisk } from '../../core/adapters/node/node-disk.ts'
import { systemClock, systemRandom, systemTimers } from '../../core/adapters/node/system.ts'
import type { ClusterConfig } from '../../core/config/cluster.ts'
import type { EmbeddedConfig } from '../../core/config/embedded.ts'
import type { Config } from '../../core/config/parse-config.ts'
import type { GenerationMap } from '../../core/generations.ts'
import type { ControlStore } from '../../core/ports/control-store.ts'
import type { ObjectStore } from '../../core/ports/object-store.ts'
import type { RerunLake } from '../../core/ports/rerun-lake.ts'
import { openDatabase } from '../../lakehouse/adapters/duckdb/database.ts'
import { createLocalRerunLake } from '../../lakehouse/adapters/local/rerun-lake.ts'
import { openPostgresControlStore } from '../../lakehouse/adapters/postgres/control-store.ts'
import { createTrino } from '../../lakehouse/adapters/trino/client.ts'
import { createTrinoRerunLake } from '../../lakehouse/adapters/trino/rerun-lake.ts'
import { answeringHits } from '../../pipelines/runtime/rerun/answering.ts'
import { openObjects } from '../cluster/process.ts'
import { openStoreCopy } from '../embedded/control-store-copy.ts'

export interface EmitSource {
  readonly lake: Pick<RerunLake, 'days' | 'read'>
  /** Where progress of emissions into topics is kept. */
  readonly objects: ObjectStore
  /** As of now; what was promoted is in every snapshot that is taken later. */
  answers(): Promise<Answers>
  close(): Promise<void>
}

export interface Answers {
  readonly map: GenerationMap
  /** When the last rerun of the map was promoted, ms; null: none was. */
  readonly promotedAt: number | null
}

/** @throws CommandError where there is no data folder; StartError where a server of the cluster refuses us */
export async function openEmitSource(config: Config): Promise<EmitSource> {
  const scratch = await mkdtemp(join(tmpdir(), 'hitlake-emit-'))
  const removeScratch = () => rm(scratch, { recursive: true, force: true })
  try {
    const source = config.mode === 'embedded' ? await openFolder(config, scratch) : await openCluster(config, scratch)
    return {
      ...source,
      async close() {
        await source.close()
        await removeScratch()
      },
    }
  } catch (error) {
    await removeScratch()
    throw error
  }
}

async function openFolder(config: EmbeddedConfig, scratch: string): Promise<EmitSource> {
  const dataDir = resolve(config.dataDir)
  const instance = await openDatabase({
    ...{ file: ':memory:', memoryLimitBytes: config.duckdbMemoryBytes, threads: 1 },
    scratch: join(scratch, 'duckdb'),
  })
  const objects = await folderObjectStore(nodeDisk(dataDir), '', { leftovers: 'keep' })
  const location = pathToFileURL(join(dataDir, 'lake')).href
  return {
    lake: createLocalRerunLake({ objects, instance, scratch: join(scratch, 'files'), random: systemRandom, location }),
    objects,
    async answers() {
      const copy = await openStoreCopy(dataDir, scratch)
      try {
        return await answersOf(copy.store)
      } finally {
        await copy.close()
      }
    },
    close: async () => instance.closeSync(),
  }
}

async function openCluster(config: ClusterConfig, scratch: string): Promise<EmitSource> {
  const { trino: place, objectsUri } = config
  const objects = objectsUri.startsWith('file:')
    ? {
        // What others are just writing is not ours to remove.
        store: await folderObjectStore(nodeDisk(fileURLToPath(objectsUri)), '', { leftovers: 'keep' }),
        close: async () => undefined,
      }
    : await openObjects(config, scratch)
  const trino = createTrino({
    ...{ url: place.url, user: place.user, source: 'hitlake emit', catalog: place.catalog, schema: place.tableSchema },
    ...{ clock: systemClock, timers: systemTimers },
  })
  // Hours are staged by reruns alone.
  const writer = { stage: () => Promise.reject(new TypeError('an emission stages nothing')) }
  return {
    lake: createTrinoRerunLake({ trino, catalog: place.catalog, schema: place.tableSchema, writer }),
    objects: objects.store,
    async answers() {
      const store = await openPostgresControlStore({ url: config.postgresUrl, visible: 'published' })
      try {
        return await answersOf(store)
      } finally {
        await store.close()
      }
    },
    async close() {
      await trino.close()
      await objects.close()
    },
  }
}

async function answersOf(store: Pick<ControlStore, 'versionsSince' | 'rerun'>): Promise<Answers> {
  const map = await answeringHits(store)
  const { generations } = await store.versionsSince(Number.MAX_SAFE_INTEGER)
  const ids = new Set(generations.flatMap(({ sink, answers, rerun }) => (sink === 'hits' && answers ? [rerun] : [])))
  const promotions: number[] = []
  for (const id of ids) {
    const events = (await store.rerun(id))?.events ?? []
    promotions.push(...events.flatMap(({ state, at }) => (state === 'promoted' ? [at] : [])))
  }
  return { map, promotedAt: promotions.length === 0 ? null : Math.max(...promotions) }
}
