/** The roles of a cluster as simulated processes: the parts that `cli/cluster` joins, without HTTP. */
import { seededRandom } from '../../core/adapters/memory/seeded-random.ts'
import type { ReceivedTime } from '../../core/event-time.ts'
import type { Offset } from '../../core/ids.ts'
import { durableOf } from '../../core/log/durable-source.ts'
import { openSegmentLog } from '../../core/log/segment-log.ts'
import { createCollector } from '../../gateway/core/accept-hits.ts'
import { createAcceptedLedger } from '../../gateway/core/accepted-ledger.ts'
import { createCells } from '../../gateway/core/cells.ts'
import { createClusterFreshness } from '../../gateway/core/cluster-freshness.ts'
import { createEraser } from '../../gateway/core/erase.ts'
import { createForwarder, type Forwarder } from '../../gateway/core/forwarder.ts'
import type { KeptFile } from '../../gateway/core/kept-file.ts'
import { clockOnceKnown, onceKnown, openKnownCollector } from '../../gateway/core/known-collector.ts'
import { openReportedTime } from '../../gateway/core/reported-time.ts'
import { createTimeSeries } from '../../gateway/core/time-series.ts'
import { createVersions } from '../../gateway/core/versions.ts'
import { createVisitorSalts } from '../../gateway/core/visitor-salt.ts'
import { createMaintenance } from '../../lakehouse/core/maintenance/rounds.ts'
import { createPublisher } from '../../lakehouse/core/publisher.ts'
import { garbageBelowFence } from '../../lakehouse/core/staged-garbage.ts'
import { logFeed } from '../../pipelines/adapters/log/log-feed.ts'
import { createHitsJob, hitsPipeline } from '../../pipelines/jobs/hits.ts'
import { jobsOf } from '../../pipelines/runtime/plan-jobs.ts'
import { createStreamRunner } from '../../pipelines/runtime/stream-runner.ts'
import { jobTableNames } from '../../schemas/tables.ts'
import { clusterLake, type Taken } from './cluster-lake.ts'
import type { KeptRecords } from './collecting.ts'
import { logFolder } from './embedded.ts'
import type { Hands } from './hands.ts'
import type { SimGroup, SimTopic } from './kafka.ts'
import type { Knobs } from './plan.ts'
import type { SimProcess } from './process.ts'
import { createSimReruns, planVersions } from './reruns.ts'
import { hasher, type Servers, userAgents } from './servers.ts'
import { countryUnderSimulation } from './side-inputs.ts'
import type { SimDisk } from './sim-disk.ts'

export const clusterJobs = jobsOf(hitsPipeline)

export interface ClusterParts {
  readonly process: SimProcess
  readonly servers: Servers
  readonly taken: Taken
  readonly knobs: Knobs
  /** Of this life of the process. */
  readonly seed: number
  readonly hands: Hands
}

export type CollectorSystem = Awaited<ReturnType<typeof startCollector>>

export async function startCollector(
  parts: ClusterParts & {
    readonly disk: SimDisk
    readonly topic: SimTopic
    readonly records: KeptRecords
    /** By name: small files beside the log, replaced whole. */
    readonly files: Map<string, Buffer>
  },
) {
  const { process, servers, knobs, records, topic, hands } = parts
  const { clock, timers } = process
  const random = seededRandom(parts.seed)
  const store = process.port('store', 'network', servers.store)
  const disk = parts.disk.for(process)
  const opened = await openSegmentLog({
    ...{ disk, folder: logFolder, timers, random },
    segmentMaxBytes: knobs.segmentMaxBytes,
    segmentMaxAgeMs: 3_600_000,
  })
  const log = records.tap(hands.log(opened))
  const feed = logFeed({ source: log.id, disk, folder: logFolder, durable: durableOf(log), timers })
  const openReader = (from: Offset) => feed.read(0, from)
  const salts = createVisitorSalts({ store, clock, timers, random })
  const ledger = createAcceptedLedger({ log, store, openReader, timers, countThrough: () => forwarder.acked })
  const keptFile = (name: string): KeptFile => ({
    read: () => process.ask('disk', `read ${name}`, [], async () => parts.files.get(name)),
    replace(bytes) {
      const kept = Buffer.from(bytes)
      return process.ask('disk', `replace ${name}`, [], async () => void parts.files.set(name, kept))
    },
  })
  const reported = await openReportedTime(keptFile('reported'), log.id)
  const known = await openKnownCollector({ file: keptFile('known'), log: log.id, store })
  const forwarder: Forwarder = createForwarder({
    ...{ log, openReader, ledger, writer: topic.writer(process), store, clock, timers },
    markFile: keptFile('mark'),
    reported,
    known,
    jobs: clusterJobs.map(({ job }) => job),
    receivedNow: () => collector.receivedNow(),
    onProgress: () => {
      log.trim(Math.min(forwarder.trimmable, ledger.flushedThrough) as Offset).catch(() => undefined)
    },
  })
  await ledger.start()
  await salts.start()
  const collector = createCollector({
    ...{ clock: clockOnceKnown(clock, known), random, log: onceKnown(log, known), salts },
    confirm: (offset) => forwarder.confirm(offset),
    notBefore: Math.max(ledger.lastReceived ?? 0, reported.through) as ReceivedTime,
  })
  await forwarder.start()
  await known.wait(timers)
  return {
    log,
    ledger,
    forwarder,
    collector,
    accept: collector.accept,
    poison: () => log.append(Buffer.from('no batch of hits')),
    async stop() {
      await ledger.flush().catch(() => undefined)
      await forwarder.stop()
      salts.stop()
      ledger.stop()
      await log.close()
    },
  }
}

export async function startWorker(
  parts: ClusterParts & { readonly topic: SimTopic; readonly groups: ReadonlyMap<string, SimGroup> },
) {
  const { process, servers, knobs, topic, hands, taken } = parts
  const { clock, timers, name } = process
  const random = seededRandom(parts.seed)
  const store = process.port('store', 'network', servers.store)
  const lake = clusterLake(process, servers.lake, taken)
  const objects = process.port('objects', 'network', servers.objects.port)
  const runners = clusterJobs.map((job) => {
    const { plan, inputs } = hitsJob(store)
    const assignment = (parts.groups.get(job.job) as SimGroup).join(process)
    const ports = { feed: topic.feed(process), assignment, store: hands.store(store), lake: hands.lake(lake), objects }
    return createStreamRunner({
      ...{ ...job, ...ports, plan, inputs, clock, timers, random, owner: `${name}-${parts.seed}` },
      versions: planVersions,
      epochMs: knobs.epochMs,
      epochMaxHits: knobs.epochMaxHits,
      onError: (error, then) => hands.onRunnerError(error, then),
    })
  })
  for (const runner of runners) await runner.start()
  return {
    runners,
    async stop() {
      await Promise.all(runners.map((runner) => runner.stop()))
    },
  }
}

const hitsJob = (store: Servers['store']) =>
  createHitsJob({
    store,
    visitorHash: hasher.visitorHash,
    country: countryUnderSimulation,
    userAgents,
    dataSets: { country: '1' },
  })

export type UpkeepSystem = Awaited<ReturnType<typeof startUpkeep>>

export async function startUpkeep(parts: ClusterParts) {
  const { process, servers, knobs, hands, taken } = parts
  const { clock, timers, name } = process
  const owner = `${name}-${parts.seed}`
  const store = process.port('store', 'network', servers.store)
  const lake = clusterLake(process, servers.lake, taken)
  const publisher = createPublisher({
    ...{ store, lake: hands.lake(lake), clock, timers, owner, tables: jobTableNames },
    everyMs: knobs.publishEveryMs,
    pollMs: 1_000,
    maxFiles: knobs.publishMaxFiles,
    leaseTtlMs: knobs.leaseMs,
    discardGraceMs: knobs.discardGraceMs,
    garbage: garbageBelowFence(store, 60_000),
  })
  await publisher.start()
  const [warehouse, rollups] = clusterJobs.map(({ job }) => job)
  const maintenance = createMaintenance({
    ...{ store, lake, clock, timers, owner, reads: 'published' },
    jobs: { hits: warehouse ?? '', hourly: rollups ?? '' },
    everyMs: knobs.maintainEveryMs,
    leaseTtlMs: knobs.leaseMs,
    erasureSettleMs: knobs.erasureSettleMs,
    onError: (error, during) => hands.onMaintenanceError(error, `${during.step} ${during.table}`),
  })
  await maintenance.start()
  const reruns = createSimReruns({
    ...{ process, servers, store, lake: hands.lake(lake), owner, seed: parts.seed },
    inputs: () => hitsJob(store).inputs,
    jobs: { hits: warehouse ?? '', hourly: rollups ?? '' },
    // Publishers of other processes publish when they do.
    publishSoon: () => undefined,
    onError: (error) => hands.onMaintenanceError(error, 'reruns'),
  })
  reruns.driver.start()
  return {
    maintenance,
    reruns,
    async stop() {
      await reruns.driver.stop()
      await maintenance.stop()
      await publisher.stop()
    },
  }
}

export type GatewaySystem = Awaited<ReturnType<typeof startGateway>>

export async function startGateway(parts: ClusterParts) {
  const { process, servers } = parts
  const { clock, timers } = process
  const store = process.port('store', 'network', servers.store)
  const engine = process.port('engine', 'network', servers.engine)
  const versions = createVersions({ store, timers })
  const freshness = createClusterFreshness({ store, versions, clock, timers })
  await freshness.start()
  const series = () =>
    createTimeSeries({ cells: createCells({ engine, store, versions }), versions, freshness, clock, timers })
  return {
    timeSeries: series(),
    uncached: series,
    erase: createEraser({ store, engine, versions, clock }),
    async stop() {
      freshness.stop()
      versions.stop()
    },
  }
}
