/**
 * The half of the embedded system that does not speak HTTP: control store, lake, query engine, the job `hits` and the
 * publisher, over the data folder. `backend-thread.ts` runs it in a thread of its own; nothing in here knows of threads.
 *
 * Two steps, because the control store's file is the lock on the whole data folder and must be held before the log is
 * opened: `openBackend`, then `startJob` with the log's id.
 */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { folderObjectStore } from '../../core/adapters/folder-object-store.ts'
import { nodeDisk } from '../../core/adapters/node/node-disk.ts'
import type { EmbeddedConfig } from '../../core/config/embedded.ts'
import type { Offset } from '../../core/ids.ts'
import { type DurableSource, toldDurable } from '../../core/log/durable-source.ts'
import type { Clock, Random, Timers } from '../../core/ports/clock.ts'
import type { ControlStore } from '../../core/ports/control-store.ts'
import type { LakeReader, LakeUpkeep } from '../../core/ports/lake.ts'
import type { ObjectStore } from '../../core/ports/object-store.ts'
import { createHasher } from '../../core/sketch/hasher.ts'
import { openDuckDbControlStore } from '../../lakehouse/adapters/duckdb/control-store.ts'
import { openDatabase } from '../../lakehouse/adapters/duckdb/database.ts'
import { createDuckDbQueryEngine, type DuckDbQueryEngine } from '../../lakehouse/adapters/duckdb/query-engine.ts'
import { createLocalLake, type LocalLake } from '../../lakehouse/adapters/local/local-lake.ts'
import { createMaintenance, type Maintenance } from '../../lakehouse/core/maintenance/rounds.ts'
import { createPublisher, type Publisher } from '../../lakehouse/core/publisher.ts'
import { dataSetVersions, loadCountryData } from '../../pipelines/adapters/local/country-data.ts'
import { nodeSyncReader } from '../../pipelines/adapters/local/node-sync-reader.ts'
import { logFeed } from '../../pipelines/adapters/log/log-feed.ts'
import { createHitsJob } from '../../pipelines/jobs/hits.ts'
import { createUserAgentReader } from '../../pipelines/jobs/user-agent.ts'
import type { EpochFacts } from '../../pipelines/runtime/runner-options.ts'
import { createStreamRunner, type StreamRunner } from '../../pipelines/runtime/stream-runner.ts'
import { jobTableNames } from '../../schemas/tables.ts'
import type { HostCalls } from './backend-protocol.ts'
import { dataFolderNames, emptyScratch } from './data-folder.ts'

/** A process that alone owns its data folder has a fixed name: a restart takes its own leases over at once. */
const owner = 'embedded'

export interface BackendParts {
  readonly config: EmbeddedConfig
  /** Absolute; exists. */
  readonly dataDir: string
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly host: HostCalls
}

export interface Backend {
  readonly store: ControlStore
  readonly engine: DuckDbQueryEngine
  readonly lake: Pick<LakeReader, 'snapshots'> & LakeUpkeep
  /** Publisher and job over the log `id`, which is durable up to `durable`. */
  startJob(id: string, durable: Offset): Promise<void>
  durable(offset: Offset): void
  /** Processes and commits what is durable, publishes it, and ends job and publisher. */
  drain(): Promise<void>
  close(): Promise<void>
}

/** @throws StartError where the data folder is another process's or damaged */
export async function openBackend(parts: BackendParts): Promise<Backend> {
  const { config, dataDir, timers, random, clock } = parts
  const instance = await openDatabase({
    file: join(dataDir, dataFolderNames.controlStore),
    memoryLimitBytes: config.duckdbMemoryBytes,
    threads: config.duckdbThreads,
    scratch: join(dataDir, dataFolderNames.scratch, 'duckdb'),
  })
  const scratch = await emptyScratch(dataDir)
  const objects = await folderObjectStore(nodeDisk(dataDir), '')
  const store = await openDuckDbControlStore({ instance })
  const location = pathToFileURL(join(dataDir, 'lake')).href
  const lake = createLocalLake({ objects, instance, scratch, random, clock, location })
  const engine = createDuckDbQueryEngine({
    instance,
    files: lake,
    timers,
    concurrency: config.queryConcurrency,
    timeoutMs: config.queryTimeoutMs,
  })
  const durable = toldDurable()
  let job: Job | undefined

  return {
    store,
    engine,
    lake: {
      snapshots: (table) => lake.snapshots(table),
      partitions: (table) => lake.partitions(table),
      verify: (table) => lake.verify(table),
      // Before the job has started and after it has stopped nobody maintains anything.
      expire: async (table, mode) => job?.maintenance.remove('expire', table, mode) ?? null,
      removeOrphans: async (table, mode) => job?.maintenance.remove('orphans', table, mode) ?? null,
      compact: async (table, mode) => job?.maintenance.compact(table, mode) ?? null,
      rollback: async (table, snapshot, mode) => job?.maintenance.rollback(table, snapshot, mode) ?? null,
      async pinned(table) {
        // Not waited for: a round may be under way. Where it fails the next round does it.
        job?.maintenance.showPins(table).catch(() => undefined)
      },
      changes: (table, from, to) => lake.changes(table, from, to),
    },

    async startJob(id, upTo) {
      durable.set(upTo)
      job = await startJob({ ...parts, objects, store, lake, source: id, durable })
    },

    durable: (offset) => durable.set(offset),

    async drain() {
      if (!job) return
      const { runner, publisher, maintenance } = job
      job = undefined
      await runner.stop()
      await maintenance.stop()
      // Where it fails the next start publishes: what is committed stays so.
      await publisher.publishNow().catch((error: Error) => parts.host.retried('publication', error.message))
      await publisher.stop()
    },

    async close() {
      await engine.close()
      await store.close()
      instance.closeSync()
    },
  }
}

interface JobParts extends BackendParts {
  readonly objects: ObjectStore
  readonly store: ControlStore
  readonly lake: LocalLake
  readonly source: string
  readonly durable: DurableSource
}

interface Job {
  readonly runner: StreamRunner
  readonly publisher: Publisher
  readonly maintenance: Maintenance
}

async function startJob(parts: JobParts): Promise<Job> {
  const { config, dataDir, clock, timers, random, host, objects, store, lake, source, durable } = parts
  const publisher = createPublisher({
    store,
    lake,
    clock,
    timers,
    owner,
    tables: jobTableNames,
    everyMs: config.publishEveryMs,
    maxBytes: config.publishMaxBytes,
    onPublished({ table, stagedRows }) {
      host.published(table, stagedRows)
      host.part('lake', null)
    },
    onError(error, { table }) {
      const message = error instanceof Error ? error.message : String(error)
      host.retried('publication', message)
      host.part('lake', `${table ?? 'a table'} is not published: ${message}`)
    },
  })

  const country = await loadCountryData()
  const hasher = await createHasher()
  const { plan, inputs } = createHitsJob({
    store,
    visitorHash: hasher.visitorHash,
    country: country.country,
    userAgents: createUserAgentReader(),
    dataSets: await dataSetVersions(),
  })
  const disk = nodeDisk(dataDir)
  const runner = createStreamRunner({
    plan,
    inputs,
    feed: logFeed({ source, disk, folder: dataFolderNames.log, durable, timers }),
    store,
    lake,
    objects,
    clock,
    timers,
    random,
    stateReader: nodeSyncReader(),
    owner,
    epochMs: config.epochMs,
    stateMaxBytes: config.stateMaxBytes,
    turn: () => new Promise((resolve) => setImmediate(resolve)),
    onEpoch(facts) {
      host.committed(committedEpoch(facts))
      host.part('worker', null)
      publisher.committed(facts.stagedBytes)
    },
    onError(error, then) {
      const message = error instanceof Error ? error.message : String(error)
      if (then === 'stopped') host.part('worker', message)
      else host.retried('epoch', message)
    },
  })
  const maintenance = createMaintenance({
    store,
    lake,
    clock,
    timers,
    owner,
    reads: 'pending',
    everyMs: config.maintainEveryMs,
    deriveAfterMs: config.deriveAfterMs,
    ladder: config.snapshotLadder,
    readers: 'begin here',
    onDerived: ({ table, rows }) => host.maintained({ did: 'derived', table, rows }),
    onRewritten: ({ table }) => host.maintained({ did: 'rewritten', table }),
    onErasure: ({ id, state }) => host.maintained({ did: 'erased', id, state }),
    onRowsRemoved: ({ table, rows }) => host.maintained({ did: 'took out', table, rows }),
    onRound: () => host.maintained({ did: 'round' }),
    onError(error, { step, table }) {
      const message = error instanceof Error ? error.message : String(error)
      host.maintained({ did: 'nothing', message: `${step} ${table}: ${message}` })
    },
  })
  // Before the runner: what is staged and not committed at this moment was left by a process that is gone.
  await publisher.start()
  // HTTP is not listening yet.
  await maintenance.start()
  await runner.start()
  return { runner, publisher, maintenance }
}

function committedEpoch({ counts, positions, totalMs, stateBytes }: EpochFacts): Parameters<HostCalls['committed']>[0] {
  return { ...counts, positions, tookMs: totalMs, stateBytes }
}
