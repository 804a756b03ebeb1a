/** Reruns in the role `maintenance`: one process drives at a time, by lease; any of them plans one where a gateway asks. */
import { createHasher } from '../../core/sketch/hasher.ts'
import { createTrinoGenerationComparer } from '../../lakehouse/adapters/trino/generation-comparer.ts'
import type { TrinoLake } from '../../lakehouse/adapters/trino/lake.ts'
import { trinoPublishedThrough } from '../../lakehouse/adapters/trino/published-through.ts'
import { createTrinoRerunLake } from '../../lakehouse/adapters/trino/rerun-lake.ts'
import { dataSetVersions, loadCountryData } from '../../pipelines/adapters/local/country-data.ts'
import { createHitsJob } from '../../pipelines/jobs/hits.ts'
import { createUserAgentReader } from '../../pipelines/jobs/user-agent.ts'
import { createPace } from '../../pipelines/runtime/rerun/pace.ts'
import { createSplitRunner } from '../../pipelines/runtime/rerun/split-runner.ts'
import { savePlan } from '../plans/live-plan.ts'
import { openReruns, type Reruns } from '../reruns/open-reruns.ts'
import type { ClusterProcess } from './process.ts'
import { openBook } from './worker.ts'

export async function openClusterReruns(host: ClusterProcess, lake: TrinoLake): Promise<Reruns> {
  const { config, store, trino, clock, timers, random, owner, logger } = host
  const place = { trino, catalog: config.trino.catalog, schema: config.trino.tableSchema }
  const [country, hasher, dataSets, book] = await Promise.all([
    loadCountryData(),
    createHasher(),
    dataSetVersions(),
    openBook(host),
  ])
  // A rerun by this release's plan names its version, whether workers of this release have come yet or not.
  await savePlan(book, { dataSets, clock })
  const userAgents = createUserAgentReader()
  const inputs = () =>
    createHitsJob({ store, visitorHash: hasher.visitorHash, country: country.country, userAgents, dataSets }).inputs
  const rows = createTrinoRerunLake({ ...place, writer: lake })
  const pace = createPace(config.rerunHitsPerSecond, { clock, timers })
  return openReruns({
    book,
    store,
    rows,
    inputs: inputs(),
    clock,
    timers,
    random,
    owner,
    jobs: 'jobs of the plan',
    parallel: config.rerunThreads,
    runner: createSplitRunner({ versions: book.versions, inputs, store, lake: rows, writer: lake, pace }),
    comparer: createTrinoGenerationComparer({ ...place, clock, view: () => store.tableView('hourly') }),
    lake: {
      snapshots: (table) => lake.snapshots(table),
      discard: (name) => lake.discard(name),
      stagedNames: () => lake.stagedNames(),
      publishedThrough: (table, snapshot) => trinoPublishedThrough(place, table, snapshot),
    },
    onMoved: ({ id, state, events }) =>
      logger.info({ rerun: id, state, note: events.at(-1)?.note ?? null }, 'a rerun went on'),
    onTrouble: ({ id, state }, { code, says }) =>
      logger.warn({ rerun: id, state, code }, `a rerun waits for what stands in its way: ${says}`),
    onReminder: ({ id }, days) =>
      logger.warn({ rerun: id }, `both plans have run for ${days} days; release it, or roll it back and cancel it`),
    onError: (error) => logger.warn({ err: error }, 'reruns could not be looked for; it is tried again'),
  })
}
