/** The role `worker`: every job of the plan `hits` over the partitions that the job's consumer group gives this process. */

import { join } from 'node:path'
import { ensureTopic, type TopicFacts } from '../../core/adapters/kafka/topic.ts'
import type { ClusterConfig } from '../../core/config/cluster.ts'
import type { Offset } from '../../core/ids.ts'
import { createHasher } from '../../core/sketch/hasher.ts'
import { partitionLags } from '../../gateway/core/cluster-lag.ts'
import type { JobGauges, PartitionGauges } from '../../gateway/http/plugins/metrics-gauges.ts'
import { createTrinoLake } from '../../lakehouse/adapters/trino/lake.ts'
import { kafkaGroupFeed } from '../../pipelines/adapters/kafka/kafka-feed.ts'
import { dataSetVersions, loadCountryData } from '../../pipelines/adapters/local/country-data.ts'
import { nodeSyncReader } from '../../pipelines/adapters/local/node-sync-reader.ts'
import { createHitsJob, hitsPipeline } from '../../pipelines/jobs/hits.ts'
import { createUserAgentReader } from '../../pipelines/jobs/user-agent.ts'
import { type JobOptions, jobsOf } from '../../pipelines/runtime/plan-jobs.ts'
import { createStreamRunner } from '../../pipelines/runtime/stream-runner.ts'
import { openLivePlan, openPlanBook, type PlanBook } from '../plans/live-plan.ts'
import { type ClusterProcess, lakeParts } from './process.ts'
import { isFinal, keepBeginning, type RunningRole } from './role.ts'
import { countServerError } from './server-errors.ts'

/** Bytes of records of one epoch: rows take several times as much memory until they are staged. */
export const clusterEpochMaxBytes = 64 * 1024 * 1024

/** How often it is looked whether the jobs get on. */
export const watchEveryMs = 1_000

/** Called when a job ended for good: whoever runs the process starts it again. */
type OnEnded = (error: unknown) => void

export async function startWorker(host: ClusterProcess, onEnded: OnEnded): Promise<RunningRole> {
  const { config, readiness, logger } = host
  const [country, hasher, dataSets] = await Promise.all([loadCountryData(), createHasher(), dataSetVersions()])
  const hitsJob = () =>
    createHitsJob({
      store: host.store,
      visitorHash: hasher.visitorHash,
      country: country.country,
      userAgents: createUserAgentReader(),
      dataSets,
    })
  const running: RunningJob[] = []
  let cancelWatch = () => {}
  host.metrics.read({
    jobs: () => running.map(({ gauges }) => gauges()),
    partitions: async () => (await Promise.all(running.map(({ lags }) => lags()))).flat(),
  })
  const begin = keepBeginning({
    timers: host.timers,
    after: host.storeOpened,
    isFinal,
    onFinal: onEnded,
    onWaiting(error) {
      countServerError(host.metrics, error)
      readiness.set('worker', false, error instanceof Error ? error.message : String(error))
      logger.warn({ err: error }, 'the worker cannot begin yet; it is tried again')
    },
    async begin() {
      const topic = await ensureTopic(host.kafka, config.kafka)
      const book = await openBook(host)
      const { store, clock } = host
      const live = await openLivePlan(book, { store, policy: config.planChanges, dataSets, clock })
      if (live.says !== null) logger.warn(live.says)
      for (const job of jobsOf(live.pipeline).slice(running.length)) {
        running.push(await startJob(host, { inputs: hitsJob().inputs, book }, topic, job, onEnded))
      }
      watch()
    },
  })

  /** Ready while every job runs; what one waits for or stands at is the reason. */
  function watch(): void {
    const trouble = running.find((job) => job.trouble() !== null)
    if (trouble === undefined) readiness.set('worker', true)
    else readiness.set('worker', false, trouble.trouble() ?? '')
    cancelWatch = host.timers.after(watchEveryMs, watch)
  }

  const stop = async () => {
    cancelWatch()
    begin.stop()
    await begin.ended
    await Promise.all(running.splice(0).map((job) => job.stop()))
  }
  return { plugins: [], drain: stop, close: stop }
}

interface RunningJob {
  /** Why it does not get on; null while it does. */
  trouble(): string | null
  gauges(): JobGauges
  lags(): Promise<readonly PartitionGauges[]>
  stop(): Promise<void>
}

async function startJob(
  host: ClusterProcess,
  { inputs, book }: Pick<ReturnType<typeof createHitsJob>, 'inputs'> & { readonly book: PlanBook },
  facts: TopicFacts,
  job: JobOptions,
  onEnded: OnEnded,
): Promise<RunningJob> {
  const { config, clock, timers, random, logger, metrics } = host
  const group = await kafkaGroupFeed({
    kafka: host.kafka,
    topic: config.kafka.topic,
    ...facts,
    groupId: `${config.kafka.topic}-${job.job}`,
    sessionTimeoutMs: config.kafka.sessionTimeoutMs,
    timers,
    say: (message, facts) => logger.warn({ job: job.job, ...facts }, message),
  })
  let stateBytes = 0
  const runner = createStreamRunner({
    ...job,
    plan: book.release,
    versions: book.versions,
    inputs,
    feed: group.feed,
    assignment: group.assignment,
    store: host.store,
    lake: createTrinoLake(lakeParts(host)),
    objects: host.objects,
    clock,
    timers,
    random,
    stateReader: nodeSyncReader(),
    owner: host.owner,
    epochMs: epochMsOf(config, job),
    epochMaxBytes: clusterEpochMaxBytes,
    stateMaxBytes: config.stateMaxBytes,
    turn: () => new Promise((resolve) => setImmediate(resolve)),
    onEpoch(epoch) {
      void group.tellProcessed(epoch.positions)
      stateBytes = epoch.stateBytes
      metrics.forwardedTwice.inc(epoch.repeatedForwards)
      metrics.commits.inc()
      metrics.epochDuration.observe(epoch.totalMs / 1_000)
      if (job.books === 'kept') {
        for (const outcome of ['stored', 'duplicate', 'failed', 'dropped'] as const) {
          const key = outcome === 'duplicate' ? 'duplicates' : outcome
          metrics.hitsProcessed(outcome, epoch.counts[key])
        }
      }
    },
    onError(error, then) {
      metrics.epochRetries.inc()
      countServerError(metrics, error)
      if (then === 'stopped') logger.error({ err: error, job: job.job }, 'a job cannot go on')
      else logger.warn({ err: error, job: job.job }, 'an epoch failed and begins again; nothing is lost')
    },
  })
  await runner.start()
  let stopping = false
  void runner.ended.then(() => {
    if (!stopping) onEnded(runner.error)
  })
  return {
    trouble() {
      if (runner.state === 'running') return null
      const { error } = runner
      return `${job.job} is ${runner.state}: ${error instanceof Error ? error.message : String(error)}`
    },
    gauges: () => ({ job: job.job, stateBytes }),
    async lags() {
      const mine = runner.positions.map((position) => ({ ...position, job: job.job }))
      const behind = await group.lag(mine)
      const ends = new Map(
        mine.map(({ partition, next }) => [partition, (next + (behind.get(partition) ?? 0)) as Offset]),
      )
      return partitionLags(mine, ends, clock.now())
    },
    async stop() {
      stopping = true
      await runner.stop()
      await group.close()
    },
  }
}

/** Plans of this release and of earlier ones, as all roles of a cluster open them. */
export function openBook({ config, objects, scratch }: ClusterProcess): Promise<PlanBook> {
  const folder = config.plansDir !== undefined && { folder: config.plansDir }
  return openPlanBook({ pipeline: hitsPipeline, objects, cache: join(scratch, 'plans'), ...folder })
}

function epochMsOf(config: ClusterConfig, job: JobOptions): number {
  return job.tables.includes('hourly') ? config.rollupsEpochMs : config.warehouseEpochMs
}
