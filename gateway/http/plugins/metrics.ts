/**
 * What the process tells Prometheus. Counters are raised where things happen; gauges are read when somebody scrapes, so
 * an idle system does nothing. No label holds what a client chose: codes are of the error table, outcomes and tables are
 * closed sets, and no merchant is named.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { TableName } from '../../../core/tables.ts'
import type { CollectorMetrics } from '../../core/accept-hits.ts'
import { createGauges } from './metrics-gauges.ts'

/** Seconds. Up to 1 s for what should be fast, above it to see how slow the slow is. */
const durationBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/** The servers of a cluster. */
export type ServerName = 'kafka' | 'postgres' | 'trino' | 'objects'

export type Metrics = ReturnType<typeof createMetrics>

/** What a collector counts, into these metrics. */
export function collectorMetrics(
  metrics: Pick<Metrics, 'hitsAccepted' | 'hitRefused' | 'sentAtIgnored'>,
): CollectorMetrics {
  return {
    onAccepted: (hits) => metrics.hitsAccepted.inc(hits),
    onRefused: (code, hits) => metrics.hitRefused(code, hits),
    onSentAtIgnored: (hits) => metrics.sentAtIgnored.inc(hits),
  }
}

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
  const derived = counterBy('lake_rows_derived_total', 'Rows that maintenance derived, by table.', 'table')
  const rewrites = counterBy('lake_rewrites_total', 'Partitions whose files maintenance made one, by table.', 'table')
  const serverErrors = counterBy('server_errors_total', 'Calls to a server of the cluster that failed.', 'server')
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
    forwardedTwice: counter(
      'pipeline_forwarded_twice_total',
      'Batches that a collector had forwarded before, dropped whole.',
    ),
    derived: (table: TableName, rowCount: number) => derived.inc({ table }, rowCount),
    rewritten: (table: TableName) => rewrites.inc({ table }),
    maintenanceRounds: counter('maintenance_rounds_total', 'Rounds of maintenance that are through.'),
    maintenanceFailures: counter('maintenance_failures_total', 'Steps of maintenance that failed and are tried again.'),
    publishFailures: counter('lake_publish_failures_total', 'Publications that failed and are repeated.'),

    /** A call to a server failed, or got no answer in time. Most are tried again. */
    serverError: (server: ServerName) => serverErrors.inc({ server }),

    /** Joins the gauges to what they read. Each role of a process gives its own; of one gauge, all are read. */
    read: createGauges(registry),
  }
}
