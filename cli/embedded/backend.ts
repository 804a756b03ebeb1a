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
import type { RerunPlanner } from '../../core/ports/rerun-service.ts'
import { createHasher } from '../../core/sketch/hasher.ts'
import { openDuckDbControlStore } from '../../lakehouse/adapters/duckdb/control-store.ts'
import { keepReturningMemory } from '../../lakehouse/adapters/duckdb/freed-memory.ts'
import { createDuckDbGenerationComparer } from '../../lakehouse/adapters/duckdb/generation-comparer.ts'
import { createDuckDbQueryEngine, type DuckDbQueryEngine } from '../../lakehouse/adapters/duckdb/query-engine.ts'
import { createLocalLake, type LocalLake } from '../../lakehouse/adapters/local/local-lake.ts'
import { localPublishedThrough } from '../../lakehouse/adapters/local/published-through.ts'
import { createLocalRerunLake } from '../../lakehouse/adapters/local/rerun-lake.ts'
import { createMaintenance, type Maintenance } from '../../lakehouse/core/maintenance/rounds.ts'
import { createPublisher, type Publisher } from '../../lakehouse/core/publisher.ts'
import { dataSetVersions, loadCountryData } from '../../pipelines/adapters/local/country-data.ts'
import { nodeSyncReader } from '../../pipelines/adapters/local/node-sync-reader.ts'
import { logFeed } from '../../pipelines/adapters/log/log-feed.ts'
import { createRerunThreads, type RerunThreads } from '../../pipelines/adapters/rerun/rerun-threads.ts'
import { createHitsJob, hitsPipeline } from '../../pipelines/jobs/hits.ts'
import { createUserAgentReader } from '../../pipelines/jobs/user-agent.ts'
import type { EpochFacts } from '../../pipelines/runtime/runner-options.ts'
import { createStreamRunner, type StreamRunner } from '../../pipelines/runtime/stream-runner.ts'
import { jobTableNames } from '../../schemas/tables.ts'
import { openLivePlan, openPlanBook, type PlanBook } from '../plans/live-plan.ts'
import { openReruns, type Reruns } from '../reruns/open-reruns.ts'
import type { HostCalls } from './backend-protocol.ts'
import { dataFolderNames, emptyScratch } from './data-folder.ts'
import { type Databases, openDatabases } from './databases.ts'
import type { RerunThreadSettings } from './rerun-thread.ts'

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

/** What the HTTP thread asks of reruns, beside what it asks of the control store. */
export interface RerunCalls extends RerunPlanner {
  /** Something of them was changed. */
  kick(): Promise<void>
}

export interface Backend {
  readonly store: ControlStore
  readonly engine: DuckDbQueryEngine
  readonly lake: Pick<LakeReader, 'snapshots'> & LakeUpkeep
  readonly reruns: RerunCalls
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
  const { control, staging, lake: instance } = await openDatabases({ dataDir, config })
  const scratch = await emptyScratch(dataDir)
  const objects = await folderObjectStore(nodeDisk(dataDir), '')
  const store = await openDuckDbControlStore({ instance: control })
  const location = pathToFileURL(join(dataDir, 'lake')).href
  const lake = createLocalLake({ objects, instance, stagingInstance: staging, scratch, random, clock, location })
  const engine = createDuckDbQueryEngine({
    instance,
    files: lake,
    timers,
    concurrency: config.queryConcurrency,
    timeoutMs: config.queryTimeoutMs,
  })
  const book = await openPlanBook({
    pipeline: hitsPipeline,
    objects,
    cache: join(scratch, 'plans'),
    ...(config.plansDir !== undefined && { folder: config.plansDir }),
  })
  const memory = keepReturningMemory({ instance, memoryLimitBytes: config.duckdbMemoryBytes, timers })
  const durable = toldDurable()
  let job: Job | undefined
  const started = () => {
    if (job === undefined) throw new TypeError('the job has not started, or ended')
    return job
  }

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

    reruns: {
      plan: (question) => started().reruns.planner.plan(question),
      kick: async () => job?.reruns.driver.kick(),
    },

    async startJob(id, upTo) {
      durable.set(upTo)
      job = await startJob({ ...parts, objects, store, lake, source: id, durable, book, instance, scratch, location })
    },

    durable: (offset) => durable.set(offset),

    async drain() {
      if (!job) return
      const { runner, publisher, maintenance, reruns, threads } = job
      job = undefined
      await reruns.driver.stop()
      await threads.close()
      await runner.stop()
      await maintenance.stop()
      // Where it fails the next start publishes: what is committed stays so.
      await publisher.publishNow().catch((error: Error) => parts.host.retried('publication', error.message))
      await publisher.stop()
    },

    async close() {
      // Where nothing was drained: what asks the store by itself ends before the store does.
      await job?.reruns.driver.stop()
      await job?.threads.close()
      await engine.close()
      await store.close()
      await memory.stop()
      control.closeSync()
      staging.closeSync()
      instance.closeSync()
    },
  }
}

interface JobParts extends BackendParts {
  readonly objects: ObjectStore
  readonly store: ControlStore
  readonly lake: LocalLake
  readonly source: string
  readonly book: PlanBook
  readonly instance: Databases['lake']
  readonly scratch: string
  /** URI of the lake's folder. */
  readonly location: string
  readonly durable: DurableSource
}

interface Job {
  readonly runner: StreamRunner
  readonly publisher: Publisher
  readonly maintenance: Maintenance
  readonly reruns: Reruns
  readonly threads: RerunThreads
}

async function startJob(parts: JobParts): Promise<Job> {
  const { config, dataDir, clock, timers, random, host, objects, store, lake, source, durable, book } = parts
  const { instance, scratch, location } = parts
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
  const versions = await dataSetVersions()
  const hitsInputs = () =>
    createHitsJob({
      store,
      visitorHash: hasher.visitorHash,
      country: country.country,
      userAgents: createUserAgentReader(),
      dataSets: versions,
    }).inputs
  const inputs = hitsInputs()
  const { dataSets } = inputs
  const live = await openLivePlan(book, { store, policy: config.planChanges, dataSets, clock })
  if (live.says !== null) host.planned(live.says)
  const disk = nodeDisk(dataDir)
  const runner = createStreamRunner({
    plan: book.release,
    versions: book.versions,
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
  const settings: RerunThreadSettings = {
    dataDir,
    scratch,
    location,
    plansDir: config.plansDir ?? null,
    duckdbMemoryBytes: config.duckdbMemoryBytes,
    hitsPerSecond: config.rerunHitsPerSecond,
    threads: config.rerunThreads,
  }
  const threads = createRerunThreads({
    entry: new URL('./rerun-thread.js', import.meta.url),
    settings,
    threads: config.rerunThreads,
    store,
    timers,
  })
  const rows = createLocalRerunLake({ objects, instance, scratch: join(scratch, 'reruns'), random, location })
  const reruns = openReruns({
    book,
    store,
    rows,
    inputs,
    clock,
    timers,
    random,
    owner,
    jobs: 'one job',
    lake: {
      snapshots: (table) => lake.snapshots(table),
      discard: (name) => lake.discard(name),
      stagedNames: () => lake.stagedNames(),
      publishedThrough: (table, snapshot) => localPublishedThrough({ instance, files: lake }, table, snapshot),
    },
    comparer: createDuckDbGenerationComparer({ instance, files: lake, clock, view: () => store.tableView('hourly') }),
    runner: threads,
    parallel: config.rerunThreads,
    // As if so much waited that it has to be published early.
    publishSoon: () => publisher.committed(config.publishMaxBytes),
    onMoved: ({ id, state, events }) => host.rerun({ id, state, note: events.at(-1)?.note ?? null }),
    onTrouble: ({ id, state }, { code, says }) => host.rerun({ id, state, note: `${code}: ${says}` }),
    onReminder: ({ id, state }, days) =>
      host.rerun({
        id,
        state,
        note: `both plans have run for ${days} days; release it, or roll it back and cancel it`,
      }),
    onError: (error) => host.retried('rerun', error instanceof Error ? error.message : String(error)),
  })
  // Before the runner: what is staged and not committed at this moment was left by a process that is gone.
  await publisher.start()
  // HTTP is not listening yet.
  await maintenance.start()
  await runner.start()
  reruns.driver.start()
  return { runner, publisher, maintenance, reruns, threads }
}

function committedEpoch({ counts, positions, totalMs, stateBytes }: EpochFacts): Parameters<HostCalls['committed']>[0] {
  return { ...counts, positions, tookMs: totalMs, stateBytes }
}
