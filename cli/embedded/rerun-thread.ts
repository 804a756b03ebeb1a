/** A thread that runs splits of reruns over the data folder, with a DuckDB, plans and data sets of its own. */
import { join } from 'node:path'
import { folderObjectStore } from '../../core/adapters/folder-object-store.ts'
import { nodeDisk } from '../../core/adapters/node/node-disk.ts'
import { systemClock, systemRandom, systemTimers } from '../../core/adapters/node/system.ts'
import { createHasher } from '../../core/sketch/hasher.ts'
import { openDatabase } from '../../lakehouse/adapters/duckdb/database.ts'
import { createLocalLake } from '../../lakehouse/adapters/local/local-lake.ts'
import { createLocalRerunLake } from '../../lakehouse/adapters/local/rerun-lake.ts'
import { dataSetVersions, loadCountryData } from '../../pipelines/adapters/local/country-data.ts'
import { serveRerunThread } from '../../pipelines/adapters/rerun/serve-rerun-thread.ts'
import { createHitsJob, hitsPipeline } from '../../pipelines/jobs/hits.ts'
import { createUserAgentReader } from '../../pipelines/jobs/user-agent.ts'
import { createPace } from '../../pipelines/runtime/rerun/pace.ts'
import { createSplitRunner } from '../../pipelines/runtime/rerun/split-runner.ts'
import { openPlanBook } from '../plans/live-plan.ts'

export interface RerunThreadSettings {
  readonly dataDir: string
  /** The process's; each thread makes a folder of its own below it. */
  readonly scratch: string
  /** URI of the lake's folder. */
  readonly location: string
  readonly plansDir: string | null
  readonly duckdbMemoryBytes: number
  /** Of all threads together. 0: as fast as it goes. */
  readonly hitsPerSecond: number
  readonly threads: number
}

serveRerunThread<RerunThreadSettings>(async (settings, { store }) => {
  const { dataDir, location, plansDir } = settings
  const scratch = join(settings.scratch, 'reruns', Buffer.from(systemRandom.bytes(6)).toString('hex'))
  const instance = await openDatabase({
    file: ':memory:',
    memoryLimitBytes: settings.duckdbMemoryBytes,
    threads: 1,
    scratch: join(scratch, 'duckdb'),
  })
  const objects = await folderObjectStore(nodeDisk(dataDir), '', { leftovers: 'keep' })
  const parts = { objects, instance, scratch, random: systemRandom, clock: systemClock, location }
  const book = await openPlanBook({
    pipeline: hitsPipeline,
    objects,
    cache: join(scratch, 'plans'),
    ...(plansDir !== null && { folder: plansDir }),
  })
  const [country, hasher, dataSets] = await Promise.all([loadCountryData(), createHasher(), dataSetVersions()])
  const userAgents = createUserAgentReader()
  return createSplitRunner({
    versions: book.versions,
    inputs: () =>
      createHitsJob({ store, visitorHash: hasher.visitorHash, country: country.country, userAgents, dataSets }).inputs,
    store,
    lake: createLocalRerunLake(parts),
    writer: createLocalLake(parts),
    pace: createPace(Math.ceil(settings.hitsPerSecond / settings.threads), {
      clock: systemClock,
      timers: systemTimers,
    }),
  })
})
