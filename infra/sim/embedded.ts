/**
 * The embedded system in one simulated process: the parts that `cli/embedded` joins, in its order, without HTTP and
 * threads. DuckDB's store and the lake's folder are stood in for by those in memory, which take effect at once or not at
 * all.
 */
import { seededRandom } from '../../core/adapters/memory/seeded-random.ts'
import type { ReceivedTime } from '../../core/event-time.ts'
import type { Offset } from '../../core/ids.ts'
import { toldDurable } from '../../core/log/durable-source.ts'
import { openSegmentLog } from '../../core/log/segment-log.ts'
import { createCollector } from '../../gateway/core/accept-hits.ts'
import { createAcceptedLedger } from '../../gateway/core/accepted-ledger.ts'
import { createCells } from '../../gateway/core/cells.ts'
import { createEraser } from '../../gateway/core/erase.ts'
import { createFreshness, defaultJob } from '../../gateway/core/freshness.ts'
import { takeLogBooks } from '../../gateway/core/log-books.ts'
import { createTimeSeries } from '../../gateway/core/time-series.ts'
import { createVersions } from '../../gateway/core/versions.ts'
import { createVisitorSalts } from '../../gateway/core/visitor-salt.ts'
import { createMaintenance } from '../../lakehouse/core/maintenance/rounds.ts'
import { createPublisher } from '../../lakehouse/core/publisher.ts'
import { logFeed } from '../../pipelines/adapters/log/log-feed.ts'
import { createHitsJob } from '../../pipelines/jobs/hits.ts'
import { createStreamRunner } from '../../pipelines/runtime/stream-runner.ts'
import { jobTableNames } from '../../schemas/tables.ts'
import type { KeptRecords } from './collecting.ts'
import type { Hands } from './hands.ts'
import type { Knobs } from './plan.ts'
import type { SimProcess } from './process.ts'
import { createSimReruns, planVersions, type SimReruns } from './reruns.ts'
import { hasher, type Servers, userAgents } from './servers.ts'
import { countryUnderSimulation } from './side-inputs.ts'
import type { SimDisk } from './sim-disk.ts'

export const logFolder = 'log'
const owner = 'embedded'

export interface EmbeddedParts {
  readonly process: SimProcess
  readonly disk: SimDisk
  readonly servers: Servers
  readonly records: KeptRecords
  readonly knobs: Knobs
  /** Of this life of the process. */
  readonly seed: number
  readonly hands: Hands
}

export interface EmbeddedSystem {
  readonly log: { readonly id: string; readonly next: Offset; readonly durable: Offset }
  readonly collector: ReturnType<typeof createCollector>
  readonly timeSeries: ReturnType<typeof createTimeSeries>
  /** Cells of its own, so that nothing it answers was kept. */
  readonly uncached: () => ReturnType<typeof createTimeSeries>
  readonly erase: ReturnType<typeof createEraser>
  readonly books: ReturnType<typeof takeLogBooks>
  readonly maintenance: ReturnType<typeof createMaintenance>
  readonly runner: ReturnType<typeof createStreamRunner>
  readonly reruns: SimReruns
  poison(): Promise<unknown>
  stop(): Promise<void>
}

export async function startEmbedded(parts: EmbeddedParts): Promise<EmbeddedSystem> {
  const { process, servers, records, knobs, hands } = parts
  const { clock, timers } = process
  const random = seededRandom(parts.seed)
  const store = process.port('store', 'in process', servers.store)
  const lake = process.port('lake', 'in process', servers.lake)
  const objects = process.port('objects', 'in process', servers.objects.port)
  const engine = process.port('engine', 'in process', servers.engine)
  const disk = parts.disk.for(process)

  const opened = await openSegmentLog({
    ...{ disk, folder: logFolder, timers, random },
    segmentMaxBytes: knobs.segmentMaxBytes,
    segmentMaxAgeMs: 3_600_000,
    diskMaxShare: 0.9,
  })
  const log = records.tap(hands.log(opened))
  const durable = toldDurable()
  durable.set(log.durable)
  const feed = logFeed({ source: log.id, disk, folder: logFolder, durable, timers })

  const salts = createVisitorSalts({ store, clock, timers, random })
  const ledger = createAcceptedLedger({ log, store, openReader: (from) => feed.read(0, from), timers })
  await ledger.start()
  await salts.start()
  const versions = createVersions({ store, timers })
  await versions.start()
  const newestReceived = Math.max(ledger.lastReceived ?? 0, ...versions.positions.map(({ received }) => received ?? 0))
  const collector = createCollector({ clock, random, log, salts, ledger, notBefore: newestReceived as ReceivedTime })
  const freshness = createFreshness({ log, versions, clock: { now: () => collector.receivedNow() } })
  freshness.read()
  const series = () => {
    const cells = createCells({ engine, store, versions })
    return createTimeSeries({ cells, versions, freshness, clock, timers })
  }

  const trim = (processed: Offset) => {
    log.trim(Math.min(processed, ledger.flushedThrough) as Offset).catch(() => undefined)
  }
  const publisher = createPublisher({
    ...{ store, lake: hands.lake(lake), clock, timers, owner, tables: jobTableNames },
    everyMs: knobs.publishEveryMs,
    maxFiles: knobs.publishMaxFiles,
    discardGraceMs: knobs.discardGraceMs,
  })
  const { visitorHash } = hasher
  const job = () =>
    createHitsJob({ store, visitorHash, country: countryUnderSimulation, userAgents, dataSets: { country: '1' } })
  const { plan, inputs } = job()
  const runner = createStreamRunner({
    ...{ plan, inputs, feed, store: hands.store(store), lake: hands.lake(lake), objects, clock, timers, random, owner },
    versions: planVersions,
    epochMs: knobs.epochMs,
    epochMaxHits: knobs.epochMaxHits,
    onEpoch(facts) {
      for (const { partition, next } of facts.positions) if (partition === 0) trim(next)
      publisher.committed(facts.stagedBytes)
    },
    onError: (error, then) => hands.onRunnerError(error, then),
  })
  const maintenance = createMaintenance({
    ...{ store, lake, clock, timers, owner, reads: 'pending', readers: 'begin here' },
    everyMs: knobs.maintainEveryMs,
    erasureSettleMs: knobs.erasureSettleMs,
    onError: (error, during) => hands.onMaintenanceError(error, `${during.step} ${during.table}`),
  })
  const reruns = createSimReruns({
    ...{ process, servers, store, lake: hands.lake(lake), owner, seed: parts.seed },
    inputs: () => job().inputs,
    jobs: { hits: defaultJob, hourly: defaultJob },
    // As if more waited than ever may.
    publishSoon: () => publisher.committed(Number.MAX_SAFE_INTEGER),
    onError: (error) => hands.onMaintenanceError(error, 'reruns'),
  })
  await publisher.start()
  await maintenance.start()
  await runner.start()
  reruns.driver.start()
  log.onDurable((upTo) => durable.set(upTo))

  return {
    log,
    collector,
    timeSeries: series(),
    uncached: series,
    erase: createEraser({ store, engine, versions, clock }),
    books: takeLogBooks({ store, ledger, log: log.id, job: defaultJob }),
    maintenance,
    runner,
    reruns,
    poison: () => log.append(Buffer.from('no batch of hits')).then((offset) => ledger.notePoison(offset)),
    async stop() {
      await ledger.flush()
      await reruns.driver.stop()
      await runner.stop()
      await maintenance.stop()
      await publisher.publishNow().catch(() => undefined)
      await publisher.stop()
      await versions.refresh()
      const processed = versions.positions.find(({ partition }) => partition === 0)?.next ?? (0 as Offset)
      await log.trim(Math.min(processed, ledger.flushedThrough) as Offset)
      versions.stop()
      salts.stop()
      ledger.stop()
      await log.close()
    },
  }
}
