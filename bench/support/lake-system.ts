/**
 * The embedded system's own parts without its HTTP and its log: hits go through the real pipeline into a lake in a folder
 * of its own, are published and maintained as in a running system, and are asked through the real queries. Time stands
 * still unless it is moved, so that the same traffic makes the same tables.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { folderObjectStore } from '../../core/adapters/folder-object-store.ts'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../core/adapters/memory/seeded-random.ts'
import { nodeDisk } from '../../core/adapters/node/node-disk.ts'
import { systemTimers } from '../../core/adapters/node/system.ts'
import type { MerchantId } from '../../core/ids.ts'
import type { Merchant } from '../../core/ports/control-store.ts'
import { derivedRangesHoldMs } from '../../core/ports/maintenance-store.ts'
import { createHasher } from '../../core/sketch/hasher.ts'
import type { TableName } from '../../core/tables.ts'
import { createCells } from '../../gateway/core/cells.ts'
import { createQueries } from '../../gateway/core/query/query.ts'
import { createTimeSeries } from '../../gateway/core/time-series.ts'
import { createVersions } from '../../gateway/core/versions.ts'
import { openDuckDbControlStore } from '../../lakehouse/adapters/duckdb/control-store.ts'
import { openDatabase } from '../../lakehouse/adapters/duckdb/database.ts'
import { createDuckDbQueryEngine } from '../../lakehouse/adapters/duckdb/query-engine.ts'
import { createLocalLake } from '../../lakehouse/adapters/local/local-lake.ts'
import { createMaintenance } from '../../lakehouse/core/maintenance/rounds.ts'
import { createPublisher } from '../../lakehouse/core/publisher.ts'
import type { TableFile } from '../../lakehouse/core/table-files.ts'
import { dataSetVersions, loadCountryData } from '../../pipelines/adapters/local/country-data.ts'
import { memoryFeed } from '../../pipelines/adapters/memory/memory-feed.ts'
import { createHitsJob } from '../../pipelines/jobs/hits.ts'
import { createUserAgentReader } from '../../pipelines/jobs/user-agent.ts'
import { createStreamRunner } from '../../pipelines/runtime/stream-runner.ts'
import { firstGeneration, jobTableNames } from '../../schemas/tables.ts'

/** As the embedded system has it by default (core/config/embedded.ts), but for loading a million hits at once. */
const memoryLimitBytes = 2 * 2 ** 30
const owner = 'bench'

export type LakeSystem = Awaited<ReturnType<typeof createLakeSystem>>

/** `now`: what the clock says, ms. */
export async function createLakeSystem({ now, merchants }: { now: number; merchants: readonly Merchant[] }) {
  const root = mkdtempSync(join(tmpdir(), 'hitlake-bench-'))
  for (const folder of ['scratch', 'store']) mkdirSync(join(root, folder))
  const clock = new ManualClock(now)
  const random = seededRandom(1)
  const instance = await openDatabase({
    file: join(root, 'control.duckdb'),
    memoryLimitBytes,
    threads: availableParallelism(),
    scratch: join(root, 'spill'),
  })
  const store = await openDuckDbControlStore({ instance })
  for (const merchant of merchants) await store.createMerchant(merchant, [])
  const objects = await folderObjectStore(nodeDisk(join(root, 'store')), '')
  const location = pathToFileURL(join(root, 'store', 'lake')).href
  const lake = createLocalLake({ objects, instance, scratch: join(root, 'scratch'), random, clock, location })
  const engine = createDuckDbQueryEngine({ instance, files: lake, timers: systemTimers })
  const shared = { store, lake, clock, timers: clock, owner }
  const publisher = createPublisher({ ...shared, tables: jobTableNames, maxBytes: 2 ** 40 })
  await publisher.start()
  const maintenance = createMaintenance({ ...shared, reads: 'pending' })
  const feed = memoryFeed({ source: 'bench-log', partitions: [0], timers: clock })
  const { country } = await loadCountryData()
  const { visitorHash } = await createHasher()
  const userAgents = createUserAgentReader()
  const job = createHitsJob({ store, visitorHash, country, userAgents, dataSets: await dataSetVersions() })
  const versions = createVersions({ store, timers: clock })
  await versions.start()
  const cells = createCells({ engine, store, versions })
  const freshness = { read: () => clock.now() }
  const asked = { cells, versions, freshness, clock, timers: systemTimers }
  let pushed = 0

  return {
    store,
    instance,
    cells,
    queries: createQueries(asked),
    /** A new one remembers no answers. */
    newTimeSeries: () => createTimeSeries(asked),
    /** Where the tables are. */
    lakeFolder: join(root, 'store', 'lake'),

    /** Through the pipeline until all of it is committed, an epoch after so many hits. */
    async load(batches: Iterable<Uint8Array>, epochMaxHits: number): Promise<void> {
      for (const batch of batches) {
        feed.push(0, batch)
        pushed += 1
      }
      const runner = createStreamRunner({
        ...job,
        ...{ feed, store, lake, objects, clock, timers: clock, random, owner, epochMaxHits },
        epochMaxBytes: 2 ** 40,
        turn: () => new Promise((resolve) => setImmediate(resolve)),
      })
      await runner.start()
      await runner.stop()
      if (runner.positions[0]?.next !== pushed) throw new Error('the pipeline did not process everything')
      await versions.refresh()
    },

    publish: () => publisher.publishNow(),

    /** Derives what days are over and makes one file of many, as rounds do that have had the time for it. */
    async maintain(): Promise<void> {
      await maintenance.runNow()
      // Files of derived rows are left alone for a while: readers may hold ranges of them.
      clock.advance(derivedRangesHoldMs + 1)
      await maintenance.runNow()
      clock.setNow(now)
      await versions.refresh()
    },

    /** Files that a reader of these days (UTC, both inclusive) opens; null: of all merchants. */
    async files(table: TableName, merchant: MerchantId | null, days: { firstDay: number; lastDay: number }) {
      const whose = merchant === null ? {} : { merchant, generations: [firstGeneration] }
      return await lake.files(await store.tableView(table), { ...whose, ...days })
    },

    async close(): Promise<void> {
      versions.stop()
      await maintenance.stop()
      await publisher.stop()
      await engine.close()
      await store.close()
      instance.closeSync()
      rmSync(root, { recursive: true, force: true })
    },
  }
}

/** What the files are, in words: `3 files, 512,000 rows, 12.1 MB`. */
export function describeFiles(files: readonly TableFile[]): string {
  const sum = (of: (file: TableFile) => number) => files.reduce((all, file) => all + of(file), 0)
  const pending = files.filter(({ published }) => !published).length
  const megabytes = (sum(({ bytes }) => bytes) / 1e6).toFixed(1)
  return `${files.length} files (${pending} of them pending), ${sum(({ rows }) => rows).toLocaleString('en')} rows, ${megabytes} MB`
}
