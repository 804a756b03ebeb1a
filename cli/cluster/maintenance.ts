/**
 * The role `maintenance`: publishes what workers committed, one process a table at a time by lease, and keeps in order what
 * it publishes into: tables, views, the age of the journal.
 */

import type { TableName } from '../../core/tables.ts'
import { type KeptViews, keepViews } from '../../lakehouse/adapters/trino/kept-views.ts'
import { createTrinoLake } from '../../lakehouse/adapters/trino/lake.ts'
import { ensureTables } from '../../lakehouse/adapters/trino/tables.ts'
import { ensureViews } from '../../lakehouse/adapters/trino/views.ts'
import { expireJournal } from '../../lakehouse/core/journal/expire-journal.ts'
import { createMaintenance, type Maintenance } from '../../lakehouse/core/maintenance/rounds.ts'
import { createPublisher, defaultPublishPollMs, type Publisher } from '../../lakehouse/core/publisher.ts'
import { garbageBelowFence } from '../../lakehouse/core/staged-garbage.ts'
import { hitsPipeline } from '../../pipelines/jobs/hits.ts'
import { jobsOf } from '../../pipelines/runtime/plan-jobs.ts'
import { jobTableNames } from '../../schemas/tables.ts'
import type { Reruns } from '../reruns/open-reruns.ts'
import { type ClusterProcess, lakeParts } from './process.ts'
import { openClusterReruns } from './reruns.ts'
import { isFinal, keepBeginning, type RunningRole } from './role.ts'
import { countServerError } from './server-errors.ts'
import { answerUpkeep } from './upkeep-requests.ts'

/** Committed files wait so long for others to go with them. */
export const gatherMs = 500
/** How often the journal is looked through for what is too old. */
export const journalExpiryEveryMs = 3_600_000

/** The job that writes a table. */
function jobOf(table: TableName): string {
  const found = jobsOf(hitsPipeline).find(({ tables }) => tables.includes(table))
  if (found === undefined) throw new RangeError(`no job writes ${table}`)
  return found.job
}

export async function startMaintenance(host: ClusterProcess, onEnded: (error: unknown) => void): Promise<RunningRole> {
  const { config, store, objects, trino, clock, timers, logger, metrics, readiness } = host
  const lake = createTrinoLake(lakeParts(host))
  let publisher: Publisher | undefined
  let maintenance: Maintenance | undefined
  let requests: ReturnType<typeof answerUpkeep> | undefined
  let views: KeptViews | undefined
  let reruns: Reruns | undefined
  let cancelExpiry = () => {}

  function expireLater(): void {
    cancelExpiry = timers.after(journalExpiryEveryMs, () => {
      expireJournal(objects, { olderThanMs: config.journalKeepMs, clock })
        .catch((error: unknown) => logger.warn({ err: error }, 'the journal was not looked through; it is tried again'))
        .finally(expireLater)
    })
  }

  metrics.read({
    unpublishedFiles: async () =>
      (await Promise.all(jobTableNames.map((table) => store.unpublished(table)))).flat().length,
  })

  const begin = keepBeginning({
    timers,
    after: host.storeOpened,
    isFinal,
    onFinal: onEnded,
    onWaiting(error) {
      countServerError(metrics, error)
      readiness.set('publisher', false, error instanceof Error ? error.message : String(error))
      logger.warn({ err: error }, 'the publisher cannot begin yet; it is tried again')
    },
    async begin() {
      const place = { trino, timers, catalog: config.trino.catalog, schema: config.trino.tableSchema }
      await ensureTables(place)
      const kept = keepViews({
        store,
        timers,
        make: (shown) => ensureViews({ ...place, viewSchema: config.trino.viewSchema }, shown),
        onError(error) {
          countServerError(metrics, error)
          logger.warn({ err: error }, 'the views do not leave out what was erased yet; it is tried again')
        },
      })
      await kept.start()
      views = kept
      const made = createPublisher({
        store,
        lake,
        clock,
        timers,
        owner: host.owner,
        tables: jobTableNames,
        everyMs: gatherMs,
        pollMs: defaultPublishPollMs,
        maxBytes: config.publishMaxBytes,
        leaseTtlMs: config.leaseMs,
        garbage: garbageBelowFence(store),
        onPublished({ table, stagedRows }) {
          metrics.published(table, stagedRows)
          readiness.set('publisher', true)
        },
        onError(error, { table }) {
          metrics.publishFailures.inc()
          countServerError(metrics, error)
          if (isFinal(error)) return onEnded(error)
          readiness.set('publisher', false, `${table ?? 'a table'} is not published: ${String(error)}`)
          logger.warn({ err: error, table }, 'a publication failed and begins again; nothing is lost')
        },
      })
      await made.start()
      publisher = made
      maintenance = createMaintenance({
        store,
        lake,
        clock,
        timers,
        owner: host.owner,
        reads: 'published',
        jobs: { hits: jobOf('hits'), hourly: jobOf('hourly') },
        everyMs: config.maintainEveryMs,
        deriveAfterMs: config.deriveAfterMs,
        leaseTtlMs: config.leaseMs,
        // A recovery replays rewrites as long as the journal has them, and makes readers read their snapshots.
        ladder: {
          ...config.snapshotLadder,
          hourlyMs: Math.max(config.snapshotLadder.hourlyMs, config.journalKeepMs),
        },
        onDerived: ({ table, rows }) => metrics.derived(table, rows),
        onRewritten: ({ table }) => metrics.rewritten(table),
        onErasure: ({ id, state }) => logger.info({ erasure: id, state }, 'an erasure went on'),
        onRowsRemoved: ({ table, rows }) => logger.info({ table, rows }, 'rows were taken out for good'),
        onRound: () => metrics.maintenanceRounds.inc(),
        onError(error, { step, table }) {
          metrics.maintenanceFailures.inc()
          countServerError(metrics, error)
          logger.warn({ err: error, step, table }, 'a step of maintenance failed and is tried again; numbers are right')
        },
      })
      await maintenance.start()
      const opened = await openClusterReruns(host, lake)
      opened.driver.start()
      reruns = opened
      requests = answerRequests(host, maintenance, opened)
      expireLater()
      readiness.set('publisher', true)
    },
  })

  return {
    plugins: [],
    async drain() {
      begin.stop()
      await begin.ended
      await requests?.stop()
      await reruns?.driver.stop()
      await views?.stop()
      await maintenance?.stop()
      await publisher?.stop()
    },
    async close() {
      cancelExpiry()
    },
  }
}

/** What gateways ask for at once. */
function answerRequests(
  host: ClusterProcess,
  maintenance: Maintenance,
  reruns: Reruns,
): ReturnType<typeof answerUpkeep> {
  const { objects, clock, timers, logger } = host
  return answerUpkeep({
    objects,
    clock,
    timers,
    calls: {
      expire: (table, mode) => maintenance.remove('expire', table, mode),
      removeOrphans: (table, mode) => maintenance.remove('orphans', table, mode),
      compact: (table, mode) => maintenance.compact(table, mode),
      rollback: (table, snapshot, mode) => maintenance.rollback(table, snapshot, mode),
      planRerun: (question) => reruns.planner.plan(question),
    },
    holds: (table) => maintenance.holds(table),
    onError: (error) =>
      logger.warn({ err: error }, 'requests to maintenance could not be looked for; it is tried again'),
  })
}
