/**
 * Our side, in a process of its own that stays for many runs: one job of a worker and the publisher of its tables, put
 * together as `cli/cluster/worker.ts` and `cli/cluster/maintenance.ts` do it, over a control store, objects and tables of
 * their own each time. Told by lines of JSON, answered by lines of JSON:
 *
 *   {"open": <job>, "env": {…}, "merchants": […]}   → {}     {"drain": <records a partition>}   → {}
 *   {"rows": <SQL for Trino>}                        → {"rows": […]}                {"close": true} → {}
 */
import { createInterface } from 'node:readline'
import { gatherMs } from '../../../cli/cluster/maintenance.ts'
import { type ClusterProcess, lakeParts, openProcess } from '../../../cli/cluster/process.ts'
import { clusterEpochMaxBytes } from '../../../cli/cluster/worker.ts'
import { ensureTopic } from '../../../core/adapters/kafka/topic.ts'
import { parseConfig } from '../../../core/config/parse-config.ts'
import type { MerchantId } from '../../../core/ids.ts'
import { createHasher } from '../../../core/sketch/hasher.ts'
import { createTrinoLake } from '../../../lakehouse/adapters/trino/lake.ts'
import { ensureTables } from '../../../lakehouse/adapters/trino/tables.ts'
import { createPublisher, defaultPublishPollMs } from '../../../lakehouse/core/publisher.ts'
import { garbageBelowFence } from '../../../lakehouse/core/staged-garbage.ts'
import { kafkaGroupFeed } from '../../../pipelines/adapters/kafka/kafka-feed.ts'
import { dataSetVersions, loadCountryData } from '../../../pipelines/adapters/local/country-data.ts'
import { nodeSyncReader } from '../../../pipelines/adapters/local/node-sync-reader.ts'
import { createHitsJob, hitsPipeline } from '../../../pipelines/jobs/hits.ts'
import { createUserAgentReader } from '../../../pipelines/jobs/user-agent.ts'
import { jobsOf } from '../../../pipelines/runtime/plan-jobs.ts'
import { createStreamRunner } from '../../../pipelines/runtime/stream-runner.ts'
import { plainHours, plainRows } from './plans.ts'

/** Each is a job that this process can run. */
export const ourJobs = ['hits-warehouse', 'hits-rollups', 'plain-rows', 'hours-rollups'] as const
export type OurJob = (typeof ourJobs)[number]

export type Told =
  | { readonly open: OurJob; readonly env: Readonly<Record<string, string>>; readonly merchants: readonly MerchantId[] }
  | { readonly drain: number }
  | { readonly rows: string }
  | { readonly close: true }

const plans = [hitsPipeline, plainRows, plainHours]
const [country, hasher, dataSets] = await Promise.all([loadCountryData(), createHasher(), dataSetVersions()])

interface Opened {
  drain(records: number): Promise<void>
  rows(sql: string): Promise<readonly (readonly unknown[])[]>
  close(): Promise<void>
}

let opened: Opened | undefined
for await (const line of createInterface({ input: process.stdin })) {
  const told = JSON.parse(line) as Told
  let answer: object = {}
  if ('open' in told) opened = await open(told.open, told.env, told.merchants)
  else if (opened === undefined) throw new Error('nothing is open')
  else if ('drain' in told) await opened.drain(told.drain)
  else if ('rows' in told) answer = { rows: await opened.rows(told.rows) }
  else await opened.close()
  console.log(JSON.stringify(answer))
}

/** All that is not measured: a control store with merchants, tables. */
async function open(name: OurJob, env: Readonly<Record<string, string>>, merchants: readonly MerchantId[]) {
  const config = parseConfig(env)
  if (config.mode !== 'cluster') throw new Error('the environment is not that of a cluster')
  const host = await openProcess(config, [])
  await host.storeOpened
  for (const id of merchants) {
    await host.store.createMerchant(
      {
        ...{ id, name: id, timeZone: 'UTC', currency: 'EUR', blockedNames: [], visitorSeed: '00000000000000aa' },
        retentionDays: null,
      },
      [],
    )
  }
  const { catalog, tableSchema } = config.trino
  await ensureTables({ trino: host.trino, timers: host.timers, catalog, schema: tableSchema })
  let end = async () => {}
  return {
    async drain(records: number) {
      end = await drain(host, name, records)
    },
    rows: (sql: string) => host.trino.query(sql),
    async close() {
      await end()
      await host.close()
    },
  }
}

/** From the beginning of the topic until every record's rows are published; gives what ends it. */
async function drain(host: ClusterProcess, name: OurJob, records: number): Promise<() => Promise<void>> {
  const { config, store, clock, timers, random, objects, owner } = host
  const found = plans.flatMap((plan) => jobsOf(plan).map((job) => ({ plan, job }))).find(({ job }) => job.job === name)
  if (found === undefined) throw new Error(`there is no job ${name}`)
  const { plan, job } = found
  const { inputs } = createHitsJob({
    ...{ store, visitorHash: hasher.visitorHash, country: country.country, dataSets },
    userAgents: createUserAgentReader(),
  })
  const lake = createTrinoLake(lakeParts(host))
  const failed = (error: unknown) => {
    console.error(error)
    process.exit(1)
  }
  const publisher = createPublisher({
    ...{ store, lake, clock, timers, owner, tables: job.tables, everyMs: gatherMs, pollMs: defaultPublishPollMs },
    ...{ maxBytes: config.publishMaxBytes, leaseTtlMs: config.leaseMs, garbage: garbageBelowFence(store) },
    onError: failed,
  })
  await publisher.start()
  const facts = await ensureTopic(host.kafka, config.kafka)
  const group = await kafkaGroupFeed({
    ...{ kafka: host.kafka, topic: config.kafka.topic, ...facts, timers, say: () => {} },
    ...{ groupId: `${config.trino.tableSchema}-${name}`, sessionTimeoutMs: config.kafka.sessionTimeoutMs },
  })
  const committed = new Map<number, number>()
  await new Promise<void>((done) => {
    const runner = createStreamRunner({
      ...{ ...job, plan, inputs, feed: group.feed, assignment: group.assignment, store, lake, objects, clock, timers },
      ...{ random, stateReader: nodeSyncReader(), owner, epochMs: config.warehouseEpochMs },
      ...{ epochMaxBytes: clusterEpochMaxBytes, stateMaxBytes: config.stateMaxBytes },
      turn: () => new Promise((resolve) => setImmediate(resolve)),
      onError: failed,
      onEpoch({ positions }) {
        void group.tellProcessed(positions)
        for (const { partition, next } of positions) committed.set(partition, next)
        if ([...committed.values()].filter((next) => next >= records).length < facts.partitions) return
        void runner.stop().then(done)
      },
    })
    runner.start().catch(failed)
  })
  await publisher.publishNow()
  return async () => {
    await group.close()
    await publisher.stop()
  }
}
