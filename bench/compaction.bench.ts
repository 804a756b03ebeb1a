/**
 * Compaction against plain DuckDB: a day of hits in a hundred small files, as publications of a minute or so leave them, made
 * one sorted file. The candidate is `LakeMaintainer.rewrite`, commit and syncs included; the control is one `COPY` of the same
 * files in the same order, compression and row groups, without syncs. Once both have 2 GB of memory. Once ours has what a
 * server gives DuckDB by default, 160 MB, in which the control runs out of memory, so it keeps its 2 GB.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { DuckDBInstance } from '@duckdb/node-api'
import { trafficOfDay } from '../cli/seed/traffic.ts'
import { folderObjectStore } from '../core/adapters/folder-object-store.ts'
import { ManualClock } from '../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../core/adapters/memory/seeded-random.ts'
import { nodeDisk } from '../core/adapters/node/node-disk.ts'
import { embeddedConfigSchema } from '../core/config/embedded.ts'
import { utcDay } from '../core/event-time.ts'
import { openDatabase } from '../lakehouse/adapters/duckdb/database.ts'
import { readParquet, tableOrder } from '../lakehouse/adapters/duckdb/parquet-sql.ts'
import { createLocalLake, type LocalLake } from '../lakehouse/adapters/local/local-lake.ts'
import type { CommitOptions } from '../lakehouse/core/iceberg/commit.ts'
import { tableLayout } from '../lakehouse/core/iceberg/layout.ts'
import { currentSnapshot } from '../lakehouse/core/iceberg/metadata.ts'
import { rollback } from '../lakehouse/core/iceberg/refs.ts'
import { TableReader } from '../lakehouse/core/iceberg/table-reader.ts'
import { hitsTable } from '../schemas/tables.ts'
import type { Bench } from './runner.ts'
import { createLakeSystem, describeFiles, type LakeSystem } from './support/lake-system.ts'
import { benchMerchant, seededBatches } from './support/seeded-batches.ts'

const hits = Number(process.env.BENCH_HITS ?? 1_000_000)
const publications = 100
const date = '2026-06-01'
const now = Date.parse('2026-06-03T12:00:00Z')
const controlMemoryBytes = 2e9
const config = embeddedConfigSchema.parse({})
const shops = Array.from({ length: 10 }, (_, n) => benchMerchant(`shop-${n}`, 'Etc/UTC'))

interface Rig {
  readonly system: LakeSystem
  readonly root: string
  readonly control: DuckDBInstance
  /** By the bytes of memory they have. */
  readonly lakes: Map<number, { readonly lake: LocalLake; readonly instance: DuckDBInstance }>
  readonly table: CommitOptions
  readonly paths: readonly string[]
  readonly rows: number
}
let rig: Rig | undefined

function opened(): Rig {
  if (rig === undefined) throw new Error('setup did not run')
  return rig
}

const day = utcDay(Date.parse(date))

async function setup(): Promise<void> {
  if (rig !== undefined) return
  const system = await createLakeSystem({ now, merchants: shops })
  const settings = { timeZone: 'Etc/UTC', currency: 'EUR', hitsPerDay: hits / shops.length }
  const days = shops.map((shop, seed) => ({ shop, made: trafficOfDay({ ...settings, seed }, date) }))
  for (let part = 0; part < publications; part++) {
    const cut = (length: number, at: number) => Math.floor((length * at) / publications)
    const batches = days.flatMap(({ shop, made }) => [
      ...seededBatches(shop, made.slice(cut(made.length, part), cut(made.length, part + 1))),
    ])
    await system.load(batches, hits)
    await system.publish()
  }
  const store = join(system.lakeFolder, '..')
  const scratch = join(store, '..', 'compaction')
  mkdirSync(scratch)
  const objects = await folderObjectStore(nodeDisk(store), '', { leftovers: 'keep' })
  const location = pathToFileURL(system.lakeFolder).href
  const common = { objects, random: seededRandom(7), clock: new ManualClock(now) }
  const lakes: Rig['lakes'] = new Map()
  for (const memoryLimitBytes of [config.duckdbMemoryBytes, controlMemoryBytes]) {
    const instance = await database(memoryLimitBytes, scratch)
    lakes.set(memoryLimitBytes, {
      instance,
      lake: createLocalLake({ ...common, instance, scratch, location }),
    })
  }
  const layout = tableLayout(hitsTable, location)
  const reader = new TableReader({ objects, definition: hitsTable, layout })
  const [first] = lakes.values()
  if (first === undefined) throw new Error('no lake')
  const files = await first.lake.files(await system.store.tableView('hits'), { firstDay: day, lastDay: day })
  console.log(`  ${describeFiles(files)}`)
  rig = {
    system,
    root: scratch,
    control: await database(controlMemoryBytes, scratch),
    lakes,
    table: { ...common, definition: hitsTable, layout, reader },
    paths: files.map(({ localPath }) => localPath),
    rows: files.reduce((sum, file) => sum + file.rows, 0),
  }
}

function database(memoryLimitBytes: number, scratch: string): Promise<DuckDBInstance> {
  const { duckdbThreads: threads } = config
  return openDatabase({ file: ':memory:', memoryLimitBytes, threads, scratch: join(scratch, 'spill') })
}

let left = 2
async function teardown(): Promise<void> {
  left -= 1
  if (left > 0) return
  const { system, control, lakes } = opened()
  control.closeSync()
  for (const { instance } of lakes.values()) instance.closeSync()
  await system.close()
  rig = undefined
}

async function plainCopy(): Promise<number> {
  const { control, paths, rows, root } = opened()
  const names = hitsTable.columns.map(({ name }) => `"${name}"`).join(', ')
  const connection = await control.connect()
  try {
    const began = performance.now()
    await connection.run(
      `COPY (SELECT ${names} FROM ${readParquet(hitsTable.columns, paths)} ORDER BY ${tableOrder(hitsTable)})
TO '${join(root, 'control.parquet')}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 32768)`,
    )
    return (rows * 1_000) / (performance.now() - began)
  } finally {
    connection.closeSync()
  }
}

async function rewritten(memoryBytes: number): Promise<number> {
  const { lakes, table, rows } = opened()
  const lake = lakes.get(memoryBytes)?.lake
  if (lake === undefined) throw new Error('no lake of such memory')
  const before = currentSnapshot((await table.reader.load())?.metadata as never)?.['snapshot-id']
  const began = performance.now()
  const done = await lake.rewrite('hits', { generation: 1, period: day })
  const took = performance.now() - began
  if (done === null) throw new Error('nothing was rewritten')
  await rollback(table, String(before))
  return (rows * 1_000) / took
}

const control = { name: 'DuckDB COPY … ORDER BY of the same files', run: plainCopy }
const what = `${publications} files of a day, ${hits.toLocaleString('en')} hits`

export const benches: readonly Bench[] = [
  {
    name: `compact ${what}`,
    unit: 'rows/s',
    ...{ setup, teardown, control },
    candidate: { name: 'LakeMaintainer.rewrite', run: () => rewritten(controlMemoryBytes) },
  },
  {
    name: `compact in ${Math.round(config.duckdbMemoryBytes / 2 ** 20)} MiB ${what}`,
    unit: 'rows/s',
    ...{ setup, teardown, control },
    candidate: { name: 'LakeMaintainer.rewrite', run: () => rewritten(config.duckdbMemoryBytes) },
  },
]
