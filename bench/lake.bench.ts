/**
 * The lake against plain DuckDB: staging and publishing rows, beside `COPY` of the same rows from a DuckDB table to one
 * Parquet file, sorted and compressed alike, in the same process. What we add to the control: turning JavaScript rows into
 * columns, durable puts, statistics, manifests and the commit.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { folderObjectStore } from '../core/adapters/folder-object-store.ts'
import { seededRandom } from '../core/adapters/memory/seeded-random.ts'
import { nodeDisk } from '../core/adapters/node/node-disk.ts'
import { systemClock } from '../core/adapters/node/system.ts'
import type { StagedFile } from '../core/ports/lake.ts'
import type { LakeRow } from '../core/tables.ts'
import { openDatabase } from '../lakehouse/adapters/duckdb/database.ts'
import { loadRows } from '../lakehouse/adapters/duckdb/parquet.ts'
import { stagedColumns, tableOrder } from '../lakehouse/adapters/duckdb/parquet-sql.ts'
import { createLocalLake, type LocalLake } from '../lakehouse/adapters/local/local-lake.ts'
import { hitsTable } from '../schemas/tables.ts'
import type { Bench } from './runner.ts'

/** Rows of one epoch of 2 s at 20,000 hits/s. */
const epochRows = 40_000
/** Epochs of one publication here. */
const epochs = 5

interface Rig {
  readonly root: string
  readonly instance: DuckDBInstance
  readonly connection: DuckDBConnection
  readonly lake: LocalLake
  readonly rows: readonly LakeRow[]
  readonly staged: readonly StagedFile[]
}

let rig: Rig | undefined
let next = 0

function opened(): Rig {
  if (rig === undefined) throw new Error('setup did not run')
  return rig
}

async function setup(): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'hitlake-bench-'))
  const instance = await openDatabase({
    file: ':memory:',
    memoryLimitBytes: 160e6,
    threads: 2,
    scratch: join(root, 'tmp'),
  })
  const connection = await instance.connect()
  const lake = createLocalLake({
    objects: await folderObjectStore(nodeDisk(root), 'store'),
    instance,
    scratch: join(root, 'scratch'),
    random: seededRandom(1),
    clock: systemClock,
    location: `file://${root}/store/lake`,
  })
  const rows = sampleRows(epochRows, 0)
  await loadRows(connection, 'control', stagedColumns(hitsTable), rows)
  const staged = []
  for (let n = 0; n < epochs; n++) staged.push(await lake.stage('hits', `staged/${n}`, sampleRows(epochRows, n)))
  rig = { root, instance, connection, lake, rows, staged }
}

async function teardown(): Promise<void> {
  const { connection, instance, root } = opened()
  connection.closeSync()
  instance.closeSync()
  await rm(root, { recursive: true, force: true })
}

async function rowsPerSecond(rows: number, work: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await work()
  return (rows * 1_000) / (performance.now() - started)
}

const copySorted = (from: string, root: string) =>
  `COPY (SELECT * FROM ${from} ORDER BY ${tableOrder(hitsTable)}) TO '${root}/control.parquet' (FORMAT parquet, COMPRESSION zstd)`

export const benches: readonly Bench[] = [
  {
    name: 'stage an epoch of hits',
    unit: 'rows/s',
    setup,
    teardown,
    control: {
      name: 'DuckDB COPY of the same rows from a table',
      run: () => rowsPerSecond(epochRows, () => opened().connection.run(copySorted('control', opened().root))),
    },
    candidate: {
      name: 'LakeWriter.stage',
      run: () => rowsPerSecond(epochRows, () => opened().lake.stage('hits', `staged/bench-${next++}`, opened().rows)),
    },
  },
  {
    name: `publish ${epochs} epochs of hits`,
    unit: 'rows/s',
    setup,
    teardown,
    control: {
      name: 'DuckDB COPY of the same staged files into one',
      run: () => {
        const { staged, root, connection } = opened()
        const files = staged.map((file) => `'${root}/store/${file.name}'`).join(', ')
        return rowsPerSecond(epochRows * epochs, () => connection.run(copySorted(`read_parquet([${files}])`, root)))
      },
    },
    candidate: {
      name: 'LakeWriter.publish',
      run: () => rowsPerSecond(epochRows * epochs, () => opened().lake.publish('hits', ++next, opened().staged)),
    },
  },
]

/** Hits of a plausible shop, all columns that a tracker fills. */
export function sampleRows(count: number, epoch: number): LakeRow[] {
  const random = seededRandom(epoch + 1)
  const draw = Buffer.from(random.bytes(count * 4))
  const start = Date.parse('2026-03-01T12:00:00Z') + epoch * 2_000
  return Array.from({ length: count }, (_, n): LakeRow => {
    const drawn = draw.readUInt32LE(n * 4)
    const time = start + (drawn % 2_000)
    const page = `/products/${drawn % 5_000}`
    return {
      merchant: `shop-${drawn % 300}`,
      id: `${epoch}-${n}-${drawn.toString(16)}`,
      name: drawn % 50 === 0 ? 'purchase' : 'page_view',
      time,
      received: time + 40,
      visitor: `v-${drawn % 100_000}`,
      url: `https://shop.example${page}?utm_source=news`,
      referrer: drawn % 3 === 0 ? 'https://search.example/?q=tea' : null,
      title: `Product ${drawn % 5_000}`,
      revenue_micros: drawn % 50 === 0 ? BigInt(drawn) * 1_000n : null,
      revenue_currency: drawn % 50 === 0 ? 'EUR' : null,
      items: drawn % 50 === 0 ? [{ id: `p${drawn % 99}`, name: 'Tea', quantity: 2, price_micros: 4_900_000 }] : [],
      props: '{"load_ms":812}',
      user_agent: userAgents[drawn % userAgents.length] ?? null,
      language: 'de-DE',
      screen: '1920x1080',
      address_prefix: `203.0.${drawn % 250}.0/24`,
      request_user_agent: userAgents[drawn % userAgents.length] ?? null,
      key_kind: 'browser',
      zone: 'Europe/Berlin',
      currency: 'EUR',
      path: page,
      source: drawn % 3 === 0 ? 'search.example' : '(direct)',
      country: 'DE',
      device: drawn % 2 === 0 ? 'mobile' : 'desktop',
      bot: false,
      visitor_hash: (BigInt(drawn) * 0x9e3779b97f4a7c15n) & (2n ** 63n - 1n),
      revenue_home_micros: drawn % 50 === 0 ? BigInt(drawn) * 1_000n : 0,
      plan: '0f3a9c',
      data_sets: 'geo 2026-02',
      _src: 'log-1',
      _part: 0,
      _off: epoch * 10_000 + Math.floor(n / 50),
      _idx: n % 50,
      _gen: 1,
    }
  })
}

const userAgents = [
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1',
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0',
]
