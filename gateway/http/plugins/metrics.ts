/**
 * What the process tells Prometheus. Counters are raised where things happen; gauges are read when somebody scrapes, so
 * an idle system does nothing. No label holds what a client chose: codes are of the error table, outcomes and tables are
 * closed sets, and no merchant is named.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { TableName } from '../../../core/tables.ts'

/** Seconds. Up to 1 s for what should be fast, above it to see how slow the slow is. */
const durationBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/** Read at scrape time. A gauge without a reader is left out; NaN is exported as NaN: not known now. */
export interface GaugeReaders {
  readonly logBytes?: () => number
  readonly logState?: () => 'open' | 'full' | 'failed' | 'closed'
  readonly lagRecords?: () => number
  readonly lagSeconds?: () => number
  /** Of the pipeline, ms since 1970. */
  readonly watermarkMs?: () => number
  readonly stateBytes?: () => number
  readonly unpublishedFiles?: () => number | Promise<number>
  readonly cellsBytes?: () => number
  readonly ready?: () => boolean
}

export type Metrics = ReturnType<typeof createMetrics>

/** A registry of its own and everything this process counts. */
export function createMetrics() {
  const registry = new Registry()
  const counter = (name: string, help: string) => new Counter({ name, help, registers: [registry] })
  const counterBy = <L extends string>(name: string, help: string, label: L) =>
    new Counter({ name, help, labelNames: [label], registers: [registry] })
  const seconds = (name: string, help: string) =>
    new Histogram({ name, help, buckets: durationBuckets, registers: [registry] })

  const refused = counterBy('ingest_hits_refused_total', 'Hits the collector rejected, by code.', 'code')
  const problems = counterBy('http_problems_total', 'Requests answered with a problem, by code.', 'code')
  const outcomes = counterBy('pipeline_hits_total', 'Hits of committed epochs, by outcome.', 'outcome')
  const publications = counterBy('lake_publications_total', 'Snapshots published, by table.', 'table')
  const rows = counterBy('lake_rows_published_total', 'Rows published, by table.', 'table')
  const lastPublication = new Gauge({
    name: 'lake_last_publication_seconds',
    help: 'When a table was last published, seconds since 1970. Late is where lake_unpublished_files is above 0 as well.',
    labelNames: ['table'],
    registers: [registry],
  })

  return {
    registry,
    /** Hits answered as accepted, which means stored. */
    hitsAccepted: counter('ingest_hits_accepted_total', 'Hits answered as accepted.'),
    hitRefused: (code: string, count: number) => refused.inc({ code }, count),
    sentAtIgnored: counter('ingest_sent_at_ignored_total', 'Requests whose sentAt was not plausible and not used.'),
    problem: (code: string) => problems.inc({ code }),
    connectionsRefused: counter('http_connections_refused_total', 'Connections over the limit of their address.'),

    hitsProcessed: (outcome: 'stored' | 'duplicate' | 'failed' | 'dropped', count: number) =>
      outcomes.inc({ outcome }, count),
    commits: counter('pipeline_commits_total', 'Epochs committed.'),
    epochRetries: counter('pipeline_epoch_retries_total', 'Epochs thrown away and begun again.'),
    epochDuration: seconds('pipeline_epoch_duration_seconds', 'From the first record of an epoch to its commit.'),
    published: (table: TableName, rowCount: number) => {
      lastPublication.setToCurrentTime({ table })
      publications.inc({ table })
      rows.inc({ table }, rowCount)
    },
    publishFailures: counter('lake_publish_failures_total', 'Publications that failed and are repeated.'),

    /** Joins the gauges to what they read. Call once. */
    read: (readers: GaugeReaders) => registerGauges(registry, readers),
  }
}

const logStates = ['open', 'full', 'failed', 'closed'] as const

function registerGauges(registry: Registry, readers: GaugeReaders): void {
  const gauge = (name: string, help: string, read: (() => number | Promise<number>) | undefined) => {
    if (read === undefined) return
    new Gauge({
      name,
      help,
      registers: [registry],
      async collect() {
        this.set(await read())
      },
    })
  }
  const { logState, ready } = readers
  gauge('log_bytes', 'Bytes of the log on disk.', readers.logBytes)
  if (logState !== undefined) {
    new Gauge({
      name: 'log_state',
      help: '1 for the state the log is in.',
      labelNames: ['state'],
      registers: [registry],
      collect() {
        const now = logState()
        for (const state of logStates) this.set({ state }, state === now ? 1 : 0)
      },
    })
  }
  gauge('pipeline_lag_records', 'Records in the log that no epoch has committed.', readers.lagRecords)
  gauge(
    'pipeline_lag_seconds',
    'Age of the oldest record that no epoch has committed; 0 without one.',
    readers.lagSeconds,
  )
  const { watermarkMs } = readers
  gauge('pipeline_watermark_seconds', 'Watermark, seconds since 1970.', watermarkMs && (() => watermarkMs() / 1_000))
  gauge('pipeline_state_bytes', 'Memory held by the state of the job.', readers.stateBytes)
  gauge('lake_unpublished_files', 'Committed files that no snapshot holds.', readers.unpublishedFiles)
  gauge('query_cells_bytes', 'Memory held by cached cells.', readers.cellsBytes)
  gauge('ready', '1 where /readyz says yes.', ready && (() => (ready() ? 1 : 0)))
  gauge('process_resident_memory_bytes', 'Resident memory.', () => process.memoryUsage.rss())
  gauge('process_heap_used_bytes', 'JavaScript heap in use.', () => process.memoryUsage().heapUsed)
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'CPU time of all threads.',
    registers: [registry],
    collect() {
      const { user, system } = process.cpuUsage()
      this.reset()
      this.inc((user + system) / 1_000_000)
    },
  })
}
