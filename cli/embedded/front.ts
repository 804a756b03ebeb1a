/**
 * The half of the embedded system that speaks HTTP: keys, collector with its ledger and salts, query side, admin API.
 * Built over ports, never listening: `start.ts` listens, a test or a simulator injects.
 */
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import type { EmbeddedConfig } from '../../core/config/embedded.ts'
import type { ReceivedTime } from '../../core/event-time.ts'
import type { Offset } from '../../core/ids.ts'
import type { Clock, Random, Timers } from '../../core/ports/clock.ts'
import type { ControlStore } from '../../core/ports/control-store.ts'
import type { FeedReader } from '../../core/ports/feed.ts'
import type { HitLog } from '../../core/ports/hit-log.ts'
import type { LakeReader, LakeUpkeep } from '../../core/ports/lake.ts'
import type { ObjectStore } from '../../core/ports/object-store.ts'
import type { QueryEngine } from '../../core/ports/query-engine.ts'
import { buildApp } from '../../gateway/app.ts'
import { createCollector } from '../../gateway/core/accept-hits.ts'
import { type AcceptedLedger, createAcceptedLedger } from '../../gateway/core/accepted-ledger.ts'
import { createCells } from '../../gateway/core/cells.ts'
import { createClientAddress, trustedPeer } from '../../gateway/core/client-address.ts'
import { createEraser } from '../../gateway/core/erase.ts'
import { createFreshness, defaultJob } from '../../gateway/core/freshness.ts'
import { createImports } from '../../gateway/core/imports.ts'
import { createKeyDirectory } from '../../gateway/core/keys.ts'
import { takeLogBooks } from '../../gateway/core/log-books.ts'
import { createQueries } from '../../gateway/core/query/query.ts'
import { createKeyQuotas } from '../../gateway/core/quota.ts'
import type { Readiness } from '../../gateway/core/readiness.ts'
import { createTimeSeries } from '../../gateway/core/time-series.ts'
import { createVersions, type Versions } from '../../gateway/core/versions.ts'
import { createVisitorSalts } from '../../gateway/core/visitor-salt.ts'
import { collectorMetrics, type Metrics } from '../../gateway/http/plugins/metrics.ts'
import { adminRoutes } from '../../gateway/http/routes/admin.ts'
import { hitsRoutes } from '../../gateway/http/routes/hits.ts'
import { metaRoutes } from '../../gateway/http/routes/meta.ts'
import { queryRoutes } from '../../gateway/http/routes/query.ts'
import { timeSeriesRoutes } from '../../gateway/http/routes/time-series.ts'
import { jobTableNames, tableNames } from '../../schemas/tables.ts'
import { createPipelineCatalog } from '../explain/catalog.ts'
import { loadPipelines } from '../explain/release-pipelines.ts'
import type { RerunCalls } from './backend.ts'
import type { CommittedEpoch } from './backend-protocol.ts'

export interface FrontParts {
  readonly config: EmbeddedConfig
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly logger: FastifyBaseLogger
  readonly readiness: Readiness
  readonly metrics: Metrics
  readonly log: HitLog
  readonly openLogReader: (from: Offset) => Promise<FeedReader>
  readonly store: ControlStore
  readonly engine: QueryEngine
  readonly lake: Pick<LakeReader, 'snapshots'> & LakeUpkeep
  readonly reruns: RerunCalls
  /** Where plans are kept. */
  readonly objects: ObjectStore
}

export interface Front {
  readonly app: FastifyInstance
  readonly ledger: AcceptedLedger
  readonly versions: Versions
  /** For the gauges: what the last committed epoch said. */
  observe(epoch: CommittedEpoch): void
  /** Takes no more requests and waits for those under way. */
  close(): Promise<void>
  /** No more timers; after it nothing is asked of the store. */
  stop(): void
}

export async function createFront(parts: FrontParts): Promise<Front> {
  const { config, clock, timers, random, log, store, metrics, logger } = parts
  const keys = createKeyDirectory({ store, clock })
  const salts = createVisitorSalts({ store, clock, timers, random })
  const ledger = createAcceptedLedger({
    log,
    store,
    openReader: parts.openLogReader,
    timers,
    onPoison: (offset, error) => logger.error({ offset, err: error }, 'a record of the log cannot be decoded'),
    onFlushError: (error) => logger.warn({ err: error }, 'accepted hits were not counted yet; it is tried again'),
  })
  await ledger.start()
  await salts.start()
  const versions = createVersions({ store, timers })
  await versions.start()
  // The clock may have been set back while nothing ran; `received` goes on from the newest record there ever was.
  const newestReceived = Math.max(ledger.lastReceived ?? 0, ...versions.positions.map(({ received }) => received ?? 0))
  const clientAddress = createClientAddress(config.trustedProxies)
  const collector = createCollector({
    clock,
    random,
    log,
    salts,
    ledger,
    quotas: createKeyQuotas({ clock, perSecond: config.keyQuota }),
    notBefore: newestReceived as ReceivedTime,
    limits: { maxHitAgeMs: config.maxHitAgeMs },
    metrics: collectorMetrics(metrics),
  })

  const cells = createCells({
    engine: parts.engine,
    store,
    versions,
    maxBytes: config.cellsMaxBytes,
    rawRowBudget: config.rawRowBudget,
  })
  // The collector's time: it never gives out one again that was promised complete, also where the clock was set back
  // and nobody asked meanwhile.
  const freshness = createFreshness({ log, versions, clock: { now: () => collector.receivedNow() } })
  // Before the first hit everything received is visible: from then on `asOf` has something to stand on.
  freshness.read()
  const timeSeries = createTimeSeries({ cells, versions, freshness, clock, timers })
  const queries = createQueries({ cells, versions, freshness, clock, timers })
  const imports = createImports({ store, collector, engine: parts.engine, clock })

  let last: CommittedEpoch | undefined
  const position = () => versions.positions.find(({ job, partition }) => job === defaultJob && partition === 0)
  metrics.read({
    logBytes: () => log.bytes,
    logState: () => log.state,
    partitions: () => [
      {
        job: defaultJob,
        partition: 0,
        lagRecords: log.durable - (position()?.next ?? 0),
        lagSeconds: (clock.now() - freshness.read()) / 1_000,
        watermarkMs: position()?.watermark ?? Number.NaN,
      },
    ],
    jobs: () => [{ job: defaultJob, stateBytes: last?.stateBytes ?? 0 }],
    asOfMs: () => freshness.read(),
    unpublishedFiles: async () =>
      (await Promise.all(jobTableNames.map((table) => store.unpublished(table)))).flat().length,
    cellsBytes: () => cells.bytes,
    ready: () => parts.readiness.ready(),
  })

  const rerunsChanged = async () => {
    // Where it is not heard the driver finds out by itself.
    parts.reruns.kick().catch(() => undefined)
    await versions.refresh()
  }
  const app = await buildApp({
    limits: {
      connectionsPerAddress: config.connectionsPerAddress,
      exemptFromConnectionLimit: trustedPeer(config.trustedProxies),
    },
    timers,
    logger,
    readiness: parts.readiness,
    metrics,
    plugins: [
      adminRoutes({
        store,
        keys,
        random,
        erase: createEraser({ store, engine: parts.engine, versions, clock }),
        lake: parts.lake,
        upkeep: parts.lake,
        tables: tableNames,
        clock,
        imports,
        takeBooks: takeLogBooks({ store, ledger, log: log.id, job: defaultJob }),
        pipelines: createPipelineCatalog({
          load: () => loadPipelines(config.plansDir),
          live: { store, objects: parts.objects, clock },
        }),
        reruns: { planner: parts.reruns, freshness, onChanged: rerunsChanged },
      }),
      hitsRoutes({ collector, keys, timers, clientAddress, onSocketProblem: metrics.problem }),
      timeSeriesRoutes({ keys, timeSeries, store }),
      queryRoutes({ keys, queries, store, timers }),
      metaRoutes({ keys, rawRowBudget: config.rawRowBudget }),
    ],
  })

  return {
    app,
    ledger,
    versions,
    observe(epoch) {
      last = epoch
    },
    close: () => app.close(),
    stop() {
      versions.stop()
      salts.stop()
      ledger.stop()
    },
  }
}
