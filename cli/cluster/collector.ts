/**
 * The role `collector`: accepts hits into its own log and forwards that log to Kafka. Needs no server to accept; its data
 * folder must survive it. Started with everything away, it answers `disk` from keys and salts that it kept. Imports come to
 * a collector too, and so that `hitlake import` needs one address only, it makes and tells merchants as the gateway does.
 */
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { nodeDisk } from '../../core/adapters/node/node-disk.ts'
import type { ReceivedTime } from '../../core/event-time.ts'
import type { Offset } from '../../core/ids.ts'
import { durableOf } from '../../core/log/durable-source.ts'
import { sleep } from '../../core/ports/clock.ts'
import { kafkaFeedWriter } from '../../gateway/adapters/kafka/kafka-feed-writer.ts'
import { nodeKeptFile } from '../../gateway/adapters/node/kept-file.ts'
import { createCollector } from '../../gateway/core/accept-hits.ts'
import { createAcceptedLedger } from '../../gateway/core/accepted-ledger.ts'
import { createClientAddress } from '../../gateway/core/client-address.ts'
import { createForwarder } from '../../gateway/core/forwarder.ts'
import { createImports } from '../../gateway/core/imports.ts'
import type { KeyDirectory } from '../../gateway/core/keys.ts'
import { clockOnceKnown, onceKnown, openKnownCollector } from '../../gateway/core/known-collector.ts'
import { createKeyQuotas } from '../../gateway/core/quota.ts'
import { openReportedTime } from '../../gateway/core/reported-time.ts'
import { createVisitorSalts } from '../../gateway/core/visitor-salt.ts'
import { collectorMetrics } from '../../gateway/http/plugins/metrics.ts'
import { adminImportsRoutes } from '../../gateway/http/routes/admin-imports.ts'
import { adminMerchantsRoutes } from '../../gateway/http/routes/admin-merchants.ts'
import { hitsRoutes } from '../../gateway/http/routes/hits.ts'
import { logFeed } from '../../pipelines/adapters/log/log-feed.ts'
import { hitsPipeline } from '../../pipelines/jobs/hits.ts'
import { jobsOf } from '../../pipelines/runtime/plan-jobs.ts'
import { dataFolderNames } from '../embedded/data-folder.ts'
import { logEventSentence, openCollectorLog } from '../open-log.ts'
import type { ClusterProcess } from './process.ts'
import { queryEngine } from './query-engine.ts'
import type { RunningRole } from './role.ts'
import { countServerError } from './server-errors.ts'

/**
 * How long a stop waits for everything accepted to be published, after which the collector retires. Not done by then, it
 * ends all the same: its log stays on its disk, and the next start goes on with it.
 */
export const drainMaxMs = 150_000

/** `directory` is the store behind the collector's kept answers (`directory-cache.ts`). */
export async function startCollector(
  host: ClusterProcess,
  keys: KeyDirectory,
  directory: Parameters<typeof createVisitorSalts>[0]['store'],
): Promise<RunningRole> {
  const { config, dataDir, clock, timers, random, store, logger, metrics, readiness } = host
  const log = await openCollectorLog(config, dataDir, (event) => {
    if (event.kind === 'unavailable') readiness.set('log', false, event.reason)
    if (event.kind === 'available') readiness.set('log', true)
    logger.warn({ ...event }, logEventSentence(event))
  })
  readiness.set('log', true)
  const feed = logFeed({
    source: log.id,
    disk: nodeDisk(dataDir),
    folder: dataFolderNames.log,
    durable: durableOf(log),
    timers,
  })
  const openReader = (from: Offset) => feed.read(0, from)
  const salts = createVisitorSalts({ store: directory, clock, timers, random })
  const ledger = createAcceptedLedger({
    log,
    store,
    openReader,
    timers,
    countThrough: () => forwarder.acked,
    onPoison: (offset, error) => logger.error({ offset, err: error }, 'a record of the log cannot be decoded'),
    onFlushError: (error) => logger.warn({ err: error }, 'accepted hits were not counted yet; it is tried again'),
  })
  const trim = () => {
    const safe = Math.min(forwarder.trimmable, ledger.flushedThrough) as Offset
    log.trim(safe).catch((error: unknown) => logger.warn({ err: error }, 'the log was not trimmed; it is tried again'))
  }
  const reported = await openReportedTime(nodeKeptFile(join(dataDir, 'reported.json')), log.id)
  const known = await openKnownCollector({ file: nodeKeptFile(join(dataDir, 'known.json')), log: log.id, store })
  const forwarder = createForwarder({
    log,
    openReader,
    // Told of each record once Kafka has it: what is in flight in the feed is counted there.
    ledger,
    writer: kafkaFeedWriter({ kafka: host.kafka, topic: config.kafka }),
    store,
    jobs: jobsOf(hitsPipeline).map(({ job }) => job),
    markFile: nodeKeptFile(join(dataDir, 'forwarded.json')),
    reported,
    known,
    receivedNow: () => collector.receivedNow(),
    clock,
    timers,
    onState(state, error) {
      countServerError(metrics, error)
      logger.warn({ state, ...(error !== undefined && { err: error }) }, `forwarding to Kafka is ${state}`)
    },
    onProgress: trim,
    onTrouble(what, error) {
      countServerError(metrics, error)
      logger.warn({ what, err: error }, `the forwarder's ${what} does not answer`)
    },
  })
  await ledger.start()
  await salts.start()
  const collector = createCollector({
    clock: clockOnceKnown(clock, known),
    random,
    log: onceKnown(log, known),
    salts,
    quotas: createKeyQuotas({ clock, perSecond: config.keyQuota }),
    confirm: (offset) => forwarder.confirm(offset),
    notBefore: Math.max(ledger.lastReceived ?? 0, reported.through) as ReceivedTime,
    limits: { maxHitAgeMs: config.maxHitAgeMs },
    metrics: collectorMetrics(metrics),
  })
  const engine = queryEngine(host)
  const imports = createImports({ store, collector, engine, clock })
  await forwarder.start()
  await known.wait(timers)
  if (!known.isKnown) logger.warn('the control store does not know this collector yet; hits are refused until it does')
  metrics.read({
    logBytes: () => log.bytes,
    logState: () => log.state,
    forwarder: () => ({
      state: forwarder.state,
      backlogRecords: log.durable - forwarder.acked,
      visibleThroughMs: forwarder.visibleThrough,
    }),
  })
  readiness.set('keys', true)

  return {
    plugins: [
      hitsRoutes({
        collector,
        keys,
        timers,
        clientAddress: createClientAddress(config.trustedProxies),
        onSocketProblem: metrics.problem,
      }),
      async (app: FastifyInstance) => {
        await app.register(adminImportsRoutes, { imports, keys, store })
        // Beside a gateway in one process these routes are the gateway's.
        if (!config.roles.includes('gateway')) await app.register(adminMerchantsRoutes, { store, keys, random, clock })
      },
    ],
    async drain() {
      await ledger.flush().catch(() => undefined)
      const how = await Promise.race([forwarder.drain(), sleep(timers, drainMaxMs).then(() => 'late' as const)])
      await ledger.flush().catch(() => undefined)
      if (how !== 'retired') logger.warn('the log is not drained; it is kept, and the next start goes on with it')
    },
    async close() {
      await forwarder.stop()
      salts.stop()
      ledger.stop()
      await engine.close()
      await log.close()
    },
  }
}
