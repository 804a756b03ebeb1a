/**
 * A month of a table at one publication a minute, with maintenance on: `npm run build && node dist/bench/lake-month.js
 * [days] [full days] [folder]`. Only the last `full days` (all, where not said) have a publication a minute, those before one
 * every half an hour: what is left of old days is the same, an hour's or a day's last snapshot. Time is simulated, the folder, its syncs and the commits are real. Each publication brings one file of
 * one row of `hourly`, which rewrites fold into one row again, so all Parquet files are the same bytes and what is measured is
 * the table: commits, its history, its metadata, its files. Prints a line a simulated day, and reports at the end.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { folderObjectStore } from '../core/adapters/folder-object-store.ts'
import { ManualClock } from '../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../core/adapters/memory/seeded-random.ts'
import { nodeDisk } from '../core/adapters/node/node-disk.ts'
import { dayMs, eventTime, minuteMs, utcDay } from '../core/event-time.ts'
import type { Offset } from '../core/ids.ts'
import type { Disk } from '../core/ports/disk.ts'
import { createExpiry } from '../lakehouse/adapters/local/expiry.ts'
import { createHistory } from '../lakehouse/adapters/local/history.ts'
import { createManifests } from '../lakehouse/adapters/local/manifests.ts'
import { createRemoval } from '../lakehouse/adapters/local/removal.ts'
import { createRewrites } from '../lakehouse/adapters/local/rewrites.ts'
import { createStaging } from '../lakehouse/adapters/local/staging.ts'
import { createTableFiles } from '../lakehouse/adapters/local/table-files.ts'
import { createMemoryControlStore } from '../lakehouse/adapters/memory/memory-control-store.ts'
import { type AppendFile, appendFiles } from '../lakehouse/core/iceberg/append.ts'
import { tableLayout } from '../lakehouse/core/iceberg/layout.ts'
import { currentSnapshot, snapshotId, snapshotInfo } from '../lakehouse/core/iceberg/metadata.ts'
import { replaceFiles } from '../lakehouse/core/iceberg/replace.ts'
import { TableReader } from '../lakehouse/core/iceberg/table-reader.ts'
import type { MaintainedLake } from '../lakehouse/core/maintenance/maintained-lake.ts'
import { createMaintenance, defaultMaintainEveryMs } from '../lakehouse/core/maintenance/rounds.ts'
import { leaseName } from '../lakehouse/core/maintenance/turns.ts'
import { tables } from '../schemas/tables.ts'
import type { Figure } from './record.ts'
import { type Report, report } from './report.ts'

const days = Number(process.argv[2] ?? 30)
const fullDays = Number(process.argv[3] ?? days)
const folder = process.argv[4] ?? (await mkdtemp(join(tmpdir(), 'hitlake-month-')))
const start = eventTime('2026-03-01T00:00:00Z')
const clock = new ManualClock(start)
const random = seededRandom(1)
/** Syncs of files and folders: what a commit waits for, whatever else the machine does. */
let syncs = 0
const objects = await folderObjectStore(countingSyncs(nodeDisk(folder)), '')
const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
const definition = tables.hourly
const layout = tableLayout(definition, `file://${folder}/lake`)
const reader = new TableReader({ objects, definition, layout })
const commit = { objects, definition, layout, reader, random, clock }
const others = (['hits', 'failed_hits', 'daily', 'sessions'] as const).map((name) => {
  const own = tableLayout(tables[name], `file://${folder}/lake`)
  const local = {
    definition: tables[name],
    layout: own,
    reader: new TableReader({ objects, definition: tables[name], layout: own }),
  }
  return [name, local] as const
})
const locals = { ...Object.fromEntries(others), hourly: commit } as Record<keyof typeof tables, typeof commit>
const parts = {
  objects,
  instance,
  scratch: join(folder, 'scratch'),
  random,
  clock,
  table: (name: keyof typeof tables) => locals[name],
}

const staging = createStaging(parts)
const row = await staging.stage('hourly', 'staged/one', [
  {
    merchant: 'shop',
    bucket: start,
    breakdown: 'total',
    value: '',
    hits: 1,
    _gen: 1,
    _part: 0,
    _off_from: 0,
    _off_to: 0,
  },
])
const [model] = await staging.merge({ definition, layout }, 0, [row])
if (model === undefined) throw new Error('nothing was merged')
const bytes = (await objects.get(model.name)) ?? Buffer.alloc(0)

async function dataFile(name: string, day: number): Promise<AppendFile> {
  await objects.put(name, bytes)
  return { ...(model as AppendFile), name, partition: [1, day] }
}

const rewrites = createRewrites(parts)
let rewritten = 0
const tableFiles = createTableFiles({ objects, reader: (name) => locals[name].reader })
const lake: MaintainedLake = {
  ...rewrites,
  ...createExpiry(parts),
  ...createManifests(parts),
  ...createHistory({ ...parts, files: tableFiles }),
  ...createRemoval({ ...parts, files: tableFiles }),
  async snapshots(table) {
    return ((await locals[table].reader.load())?.metadata.snapshots ?? []).map(snapshotInfo).reverse()
  },
  async currentSnapshot(table) {
    return snapshotId((await locals[table].reader.load())?.metadata['current-snapshot-id'])
  },
  async derive() {
    throw new Error('nothing is derived')
  },
  async rewrite(_table, { period }) {
    const loaded = await reader.load()
    const snapshot = loaded && currentSnapshot(loaded.metadata)
    if (loaded === undefined || snapshot === undefined) return null
    const removed = []
    for await (const { file } of reader.liveFiles(loaded.metadata, snapshot, () => true))
      if (file.partition.at(-1) === period) removed.push(file)
    const added = await dataFile(layout.rewrittenFile({ generation: 1, period }, `${++rewritten}`), period)
    const partition = layout.partitionFolder({ generation: 1, period })
    return {
      snapshot: await replaceFiles(commit, { removed, added: [added], operation: 'replace', partition }),
      truncated: [],
    }
  },
}

const store = createMemoryControlStore()
const lease = leaseName('hourly')
const { fence } = await store.acquirePartitions('hits', 'log', 'one', [0])
const failures: string[] = []
const removed = { snapshots: 0, files: 0 }
const maintenance = createMaintenance({
  store,
  lake,
  clock,
  timers: clock,
  owner: 'one',
  reads: 'pending',
  onRemoved(done) {
    removed.snapshots += done.snapshots.length
    removed.files += done.files
  },
  onError: (error, { step, table }) => failures.push(`${step} ${table}: ${error}`),
})

const commitMs: number[] = []
const commitCpuMs: number[] = []
const commitSyncs: number[] = []
const planMs: number[] = []
let roundMaxMs = 0
let dayFilesMax = 0
const files = createTableFiles({ objects, reader: (table) => locals[table].reader })

async function publish(id: number): Promise<void> {
  const day = utcDay(clock.now())
  const position = { partition: 0, checkpoint: null, watermark: null, received: null, forwarded: {} }
  const name = `staged/${id}`
  await store.commitEpoch({
    job: 'hits',
    source: 'log',
    plan: 'p',
    fence,
    partitions: [{ ...position, from: (id - 1) as Offset, next: id as Offset }],
    staged: [{ ...row, name }],
    touched: [],
    books: [],
  })
  const held = await store.acquireLease(lease, 'one', 60_000, clock.now())
  await store.beginPublication('hourly', lease, held?.fence ?? 0, [name])
  const file = await dataFile(layout.dataFile(id, { generation: 1, period: day }, '00'), day)
  const [began, cpu, synced] = [performance.now(), process.cpuUsage(), syncs]
  const snapshot = await appendFiles(commit, id, [file])
  commitMs.push(performance.now() - began)
  const { user, system } = process.cpuUsage(cpu)
  commitCpuMs.push((user + system) / 1_000)
  commitSyncs.push(syncs - synced)
  await store.finishPublication('hourly', lease, held?.fence ?? 0, id, snapshot)
}

async function plan(): Promise<void> {
  const today = utcDay(clock.now())
  const view = { ...(await store.tableView('hourly')), pending: [] }
  const began = performance.now()
  const found = await files.files(view, { merchant: 'shop', firstDay: today - 1, lastDay: today, generations: [1] })
  planMs.push(performance.now() - began)
  dayFilesMax = Math.max(dayFilesMax, found.length)
}

async function sizeOf(prefix: string): Promise<{ readonly files: number; readonly bytes: number }> {
  const names = await objects.list(prefix)
  let total = 0
  for (const name of names) total += (await objects.size(name)) ?? 0
  return { files: names.length, bytes: total }
}

function countingSyncs(disk: Disk): Disk {
  return {
    ...disk,
    async open(path, mode) {
      const file = await disk.open(path, mode)
      const datasync = file.datasync.bind(file)
      file.datasync = () => {
        syncs += 1
        return datasync()
      }
      return file
    },
    syncFolder(path) {
      syncs += 1
      return disk.syncFolder(path)
    },
  }
}

const quantile = (values: readonly number[], q: number) =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))] ?? Number.NaN
const rounded = (value: number) => Math.round(value * 10) / 10

let metadataMaxBytes = 0
const began = performance.now()
let id = 0
for (let minute = 1; minute <= days * 1_440; minute++) {
  clock.advance(minuteMs)
  const isFull = minute > (days - fullDays) * 1_440
  if (isFull || minute % 30 === 0) await publish(++id)
  if ((minute * minuteMs) % defaultMaintainEveryMs === 0) {
    const round = performance.now()
    await maintenance.runNow().catch(() => undefined)
    roundMaxMs = Math.max(roundMaxMs, performance.now() - round)
    await plan()
  }
  if (minute % 360 === 0) metadataMaxBytes = Math.max(metadataMaxBytes, (await sizeOf(layout.metadataFolder)).bytes)
  if ((minute * minuteMs) % dayMs === 0) {
    const metadata = await sizeOf(layout.metadataFolder)
    const data = await sizeOf('lake/hourly/data/')
    const snapshots = (await lake.snapshots('hourly')).length
    const today = commitMs.slice(-1_440)
    console.log(
      `day ${minute / 1_440}: commit p50 ${rounded(quantile(today, 0.5))} p99 ${rounded(quantile(today, 0.99))} ms, ${snapshots} snapshots, metadata ${metadata.files} files ${rounded(metadata.bytes / 2 ** 20)} MB, data ${data.files} files`,
    )
  }
}
const lastDay = `of the last ${Math.min(commitMs.length, 1_440).toLocaleString('en')} of ${commitMs.length.toLocaleString('en')} commits`
const figure = (name: string, value: number, unit: string, note?: string): Figure => ({
  ...{ name, value: rounded(value), unit },
  ...(note !== undefined && { note }),
})
/** Of days with a publication a minute only: the others have too few. */
const fullOnes = Array.from({ length: fullDays }, (_, day) =>
  commitMs.slice(commitMs.length - (day + 1) * 1_440, commitMs.length - day * 1_440),
)
const byDay = (q: number) => fullOnes.map((day) => quantile(day, q))
const ofDays = `of ${fullDays} days with a publication a minute`
const worst = (name: string, q: number): Figure =>
  figure(name, Math.max(...byDay(q)), 'ms', `${ofDays}; the best day ${rounded(Math.min(...byDay(q)))} ms`)
const [last, cpu] = [commitMs.slice(-1_440), commitCpuMs.slice(-1_440)]
const found: Report = {
  figures: [
    figure('commit, p50', quantile(last, 0.5), 'ms', lastDay),
    figure('commit, p99', quantile(last, 0.99), 'ms', lastDay),
    worst('commit, p50 of the worst day', 0.5),
    worst('commit, p99 of the worst day', 0.99),
    figure('commit, processor time, p50', quantile(cpu, 0.5), 'ms', lastDay),
    figure('commit, processor time, p99', quantile(cpu, 0.99), 'ms', lastDay),
    figure('syncs of files and folders in a commit', quantile(commitSyncs, 0.5), 'syncs'),
    figure('plan of a 24-hour query, p50', quantile(planMs.slice(-144), 0.5), 'ms'),
    figure('plan of a 24-hour query, p99', quantile(planMs.slice(-144), 0.99), 'ms'),
    figure('a round of maintenance at its longest', roundMaxMs, 'ms'),
    figure('metadata folder at its largest', metadataMaxBytes / 2 ** 20, 'MB'),
    figure('files of two days at their most', dayFilesMax, 'files'),
  ],
  remarks: [
    `${days} days, ${fullDays} of them with a publication a minute, in ${Math.round((performance.now() - began) / 1_000)} s; ` +
      `${rewritten} rewrites, ${removed.snapshots} snapshots and ${removed.files} files removed; load ${loadavg().map(rounded).join(', ')} at the end.`,
    ...new Set(failures),
  ],
}
instance.closeSync()
if (process.argv[4] === undefined) await rm(folder, { recursive: true, force: true })
report(found)
process.exit(failures.length === 0 ? 0 : 1)
