/**
 * The embedded system: everything in one process, from npm alone. This module joins the HTTP thread's half (collector,
 * log, gateway) with the backend's (job, lake, queries) and owns the order of starting and stopping.
 *
 * Start: data folder → backend opens the control store (whose lock is the lock on the folder) → log → ledger → job →
 * HTTP. Stop, the other way round: no new requests → all accepted hits processed, committed and published → closed.
 */
import { pino } from 'pino'
import { folderObjectStore } from '../../core/adapters/folder-object-store.ts'
import { nodeDisk } from '../../core/adapters/node/node-disk.ts'
import { systemClock, systemRandom, systemTimers } from '../../core/adapters/node/system.ts'
import type { EmbeddedConfig } from '../../core/config/embedded.ts'
import type { Offset } from '../../core/ids.ts'
import { durableOf } from '../../core/log/durable-source.ts'
import type { HitLog } from '../../core/ports/hit-log.ts'
import { createReadiness, embeddedParts } from '../../gateway/core/readiness.ts'
import { createMetrics } from '../../gateway/http/plugins/metrics.ts'
import { logFeed } from '../../pipelines/adapters/log/log-feed.ts'
import { ensureFirstKeys } from '../first-start.ts'
import { greeting } from '../greeting.ts'
import { listen } from '../listen.ts'
import { logEventSentence, openCollectorLog } from '../open-log.ts'
import { type BackendLink, startBackendThread } from './backend-link.ts'
import { dataFolderNames, prepareDataFolder } from './data-folder.ts'
import { createFront, type Front } from './front.ts'

export interface Embedded {
  /** Where it answers. */
  readonly url: string
  /** Takes no more requests, processes and publishes what was accepted, closes. Resolves when the process may end. */
  stop(): Promise<void>
}

/**
 * Starts the system and prints the greeting once it answers.
 * @throws StartError with one sentence that names the mend
 */
export async function startEmbedded(
  config: EmbeddedConfig,
  io: { readonly out: (line: string) => void },
): Promise<Embedded> {
  const logger = pino({ level: config.logLevel, base: null }, pino.destination(2))
  const dataDir = await prepareDataFolder(config.dataDir)
  const readiness = createReadiness(embeddedParts)
  const metrics = createMetrics()
  let front: Front | undefined
  let trimTo = (_processed: Offset): void => {}

  const backend = startBackendThread(
    {
      committed(epoch) {
        void front?.versions.refresh()
        metrics.commits.inc()
        metrics.epochDuration.observe(epoch.tookMs / 1_000)
        metrics.hitsProcessed('stored', epoch.stored)
        metrics.hitsProcessed('duplicate', epoch.duplicates)
        metrics.hitsProcessed('failed', epoch.failed)
        metrics.hitsProcessed('dropped', epoch.dropped)
        front?.observe(epoch)
        for (const { partition, next } of epoch.positions) if (partition === 0) trimTo(next)
      },
      published: (table, rows) => metrics.published(table, rows),
      planned: (says) => logger.warn(says),
      rerun: ({ id, state, note }) => logger.info({ rerun: id, state, note }, 'a rerun went on'),
      maintained(done) {
        if (done.did === 'derived') metrics.derived(done.table, done.rows)
        else if (done.did === 'rewritten') metrics.rewritten(done.table)
        else if (done.did === 'erased') logger.info({ erasure: done.id, state: done.state }, 'an erasure went on')
        else if (done.did === 'took out')
          logger.info({ table: done.table, rows: done.rows }, 'rows were taken out for good')
        else if (done.did === 'round') metrics.maintenanceRounds.inc()
        else {
          metrics.maintenanceFailures.inc()
          logger.warn({ message: done.message }, 'a step of maintenance failed and is tried again; numbers are right')
        }
      },
      part(part, reason) {
        if (reason === null) return readiness.set(part, true)
        readiness.set(part, false, reason)
        logger.error({ part, reason }, `the ${part} cannot do its work`)
      },
      retried(what, message) {
        if (what === 'epoch') metrics.epochRetries.inc()
        else if (what === 'publication') metrics.publishFailures.inc()
        logger.warn({ what, message }, `the ${what} failed and begins again; nothing is lost`)
      },
    },
    (error) => {
      readiness.set('worker', false, 'the backend thread ended')
      logger.fatal({ err: error }, 'the backend thread ended; start again, nothing accepted is lost')
      process.exit(1)
    },
  )

  let log: HitLog | undefined
  try {
    await backend.open(config, dataDir)
    readiness.set('store', true)
    const keys = await ensureFirstKeys({
      store: backend.store,
      random: systemRandom,
      dataDir,
      adminKey: config.adminKey,
    })
    log = await openCollectorLog(config, dataDir, (event) => {
      if (event.kind === 'unavailable') readiness.set('log', false, event.reason)
      if (event.kind === 'available') readiness.set('log', true)
      logger.warn({ ...event }, logEventSentence(event))
    })
    readiness.set('log', true)
    const opened = log
    const feed = logFeed({
      source: log.id,
      disk: nodeDisk(dataDir),
      folder: dataFolderNames.log,
      durable: durableOf(log),
      timers: systemTimers,
    })
    front = await createFront({
      config,
      clock: systemClock,
      timers: systemTimers,
      random: systemRandom,
      // Fastify's own line about listening says less than the greeting.
      logger: logger.child({}, { level: config.logLevel === 'info' ? 'warn' : config.logLevel }),
      readiness,
      metrics,
      log,
      openLogReader: (from) => feed.read(0, from),
      store: backend.store,
      engine: backend.engine,
      lake: backend.lake,
      reruns: backend.reruns,
      objects: await folderObjectStore(nodeDisk(dataDir), '', { leftovers: 'keep' }),
    })
    const { ledger } = front
    trimTo = (processed) => {
      const safe = Math.min(processed, ledger.flushedThrough) as Offset
      opened
        .trim(safe)
        .catch((error: unknown) => logger.warn({ err: error }, 'the log was not trimmed; it is tried again'))
    }
    // Before the job: what it says of itself from its first moment on is not overwritten.
    readiness.set('lake', true)
    readiness.set('worker', true)
    await backend.startJob(log.id, log.durable)
    log.onDurable((durable) => backend.durable(durable))

    const url = await listen(front.app, config)
    for (const line of greeting({ url, dataDir, keys })) io.out(line)
    const running = front
    return { url, stop: () => stop(running, backend, opened) }
  } catch (error) {
    await front?.close().catch(() => undefined)
    await log?.close().catch(() => undefined)
    await backend.close().catch(() => undefined)
    await backend.terminate()
    throw error
  }
}

async function stop(front: Front, backend: BackendLink, log: HitLog): Promise<void> {
  await front.close()
  await front.ledger.flush()
  await backend.drain()
  await front.versions.refresh()
  const processed = front.versions.positions.find(({ partition }) => partition === 0)?.next ?? (0 as Offset)
  await log.trim(Math.min(processed, front.ledger.flushedThrough) as Offset)
  front.stop()
  await log.close()
  await backend.close()
  await backend.terminate()
}
