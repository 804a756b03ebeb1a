import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { parquetMetadata } from 'hyparquet'
import { afterAll, describe, expect, it } from 'vitest'
import { folderObjectStore } from '../../../core/adapters/folder-object-store.ts'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { nodeDisk } from '../../../core/adapters/node/node-disk.ts'
import { dayMs, eventTime, utcDay } from '../../../core/event-time.ts'
import { hitRow, hourlyRow, lakeContract, rowsOf } from '../../../core/ports/lake.contract.ts'
import type { ScanFilter, StagedFile, TableView } from '../../../core/ports/lake.ts'
import { testLength } from '../../../core/test/length.ts'
import { tables } from '../../../schemas/tables.ts'
import { lakeRewriteContract } from '../../core/lake-rewrite.contract.ts'
import { createLocalLake, type LocalLakeOptions } from './local-lake.ts'

const noon = eventTime('2026-03-01T12:00:00Z')
const root = await mkdtemp(join(tmpdir(), 'hitlake-lake-'))
const instance = await DuckDBInstance.create(':memory:', { threads: '2' })
afterAll(async () => {
  instance.closeSync()
  await rm(root, { recursive: true, force: true })
})

let count = 0
async function openLake(change: Partial<LocalLakeOptions> = {}) {
  const folder = `lake-${count++}`
  const open = async () =>
    createLocalLake({
      objects: await folderObjectStore(nodeDisk(root), folder, { leftovers: 'keep' }),
      instance,
      scratch: join(root, folder, 'scratch'),
      random: seededRandom(count++),
      clock: new ManualClock(),
      location: `file://${root}/${folder}/lake`,
      ...change,
    })
  return { lake: await open(), reopen: open, folder: join(root, folder) }
}

lakeContract('in a folder', () => openLake())
// Partitions that are cut into ranges of keys, and manifests merged at every commit.
lakeContract('in a folder, little at a time', () => openLake({ sliceMaxRows: 2, smallManifestsMax: 1 }))

for (const [name, change] of [
  ['in a folder', {}],
  ['in a folder, little at a time', { sliceMaxRows: 2, smallManifestsMax: 1 }],
] as const) {
  lakeRewriteContract(name, {
    runs: testLength('REWRITE_TEST_RUNS', { short: 8, full: 50 }),
    async open({ maxValues }) {
      const { lake } = await openLake({ ...change, foldMaxValues: maxValues })
      return { lake, rows: (table, snapshot) => rowsOf(lake, { table, snapshot, pending: [] }) }
    },
  })
}

describe('a publication in slices', () => {
  it('numbers rows as one in a single sort does, whatever the keys: one merchant, ties, quotes, nulls, NUL', async () => {
    const key = fc.record({
      merchant: fc.constantFrom('one', 'one', "o'brien", 'nul\u0000', '😀', ''),
      minute: fc.integer({ min: 0, max: 3 }),
      _part: fc.integer({ min: 0, max: 1 }),
    })
    const breakdown = fc.constantFrom(null, '', 'name', "it's")
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(key, breakdown), { minLength: 1, maxLength: 16 }),
        fc.integer({ min: 1, max: 9 }),
        async (keys, maxRows) => {
          const { lake: whole } = await openLake()
          const { lake: sliced } = await openLake({ sliceMaxRows: maxRows })
          const read = async (lake: typeof whole, table: 'hits' | 'hourly') => {
            const rows = keys.map(([{ merchant, minute, _part }, text], n) =>
              table === 'hits'
                ? hitRow({ merchant, _part, time: noon + minute * 60_000, _off: n })
                : hourlyRow({
                    merchant,
                    _part,
                    bucket: noon + minute * 3_600_000,
                    breakdown: text,
                    _off_from: n,
                    _off_to: n,
                  }),
            )
            const half = Math.ceil(rows.length / 2)
            const files = [await lake.stage(table, 'a', rows.slice(0, half))]
            if (half < rows.length) files.push(await lake.stage(table, 'b', rows.slice(half)))
            const { snapshot } = await lake.publish(table, 1, files)
            const view = { table, snapshot, pending: [] }
            expect(await lake.files(view)).toHaveLength(1)
            return rowsOf(lake, view)
          }
          for (const table of ['hits', 'hourly'] as const) {
            const rows = await read(sliced, table)
            expect(rows).toEqual(await read(whole, table))
            expect(rows.map((row) => row._row)).toEqual(rows.map((_row, n) => n))
          }
        },
      ),
      { numRuns: 8 },
    )
  })

  it('leaves nothing in its scratch folder', async () => {
    const { lake, folder } = await openLake({ sliceMaxRows: 2 })
    const rows = Array.from({ length: 20 }, (_, n) => hitRow({ _off: n, merchant: `shop ${n % 7}` }))
    await lake.publish('hits', 1, [await lake.stage('hits', 'a', rows)])
    expect(await readdir(join(folder, 'scratch'))).toEqual([])
  })

  it('takes the widest hits there are, 24 MB an epoch, in the memory DuckDB has', async () => {
    const small = await DuckDBInstance.create(':memory:', {
      threads: '2',
      memory_limit: '150MiB',
      temp_directory: join(root, 'spill'),
    })
    const { lake } = await openLake({ instance: small })
    const files: StagedFile[] = []
    for (let epoch = 0; epoch < 6; epoch++) {
      const rows = Array.from({ length: 1_000 }, (_, n) =>
        hitRow({
          _off: epoch,
          _idx: n,
          merchant: `shop ${n % 7}`,
          props: `${epoch}${n * 7919}`.padEnd(8, '-').repeat(3_000),
        }),
      )
      files.push(await lake.stage('hits', `wide ${epoch}`, rows))
    }
    const { snapshot } = await lake.publish('hits', 1, files)
    const [file] = await lake.files({ table: 'hits', snapshot, pending: [] })
    expect(file?.rows).toBe(6_000)
    small.closeSync()
  })

  it('stages more rows at once than the memory DuckDB has', async () => {
    const small = await DuckDBInstance.create(':memory:', {
      threads: '2',
      memory_limit: '100MiB',
      temp_directory: join(root, 'spill'),
    })
    const { lake } = await openLake({ instance: small })
    const rows = Array.from({ length: 150_000 }, (_, n) =>
      hitRow({ _off: n, merchant: `shop ${n % 40}`, url: `https://shop.example/${n * 7919}/a-page-of-some-length` }),
    )
    const file = await lake.stage('hits', 'many', rows)
    expect(file.rows).toBe(150_000)
    const { snapshot } = await lake.publish('hits', 1, [file])
    const [published] = await lake.files({ table: 'hits', snapshot, pending: [] })
    expect(published?.rows).toBe(150_000)
    small.closeSync()
  })

  it('tries smaller slices where DuckDB runs out of memory', async () => {
    const small = await DuckDBInstance.create(':memory:', {
      threads: '1',
      memory_limit: '64MiB',
      temp_directory: join(root, 'spill'),
    })
    const { lake } = await openLake({ instance: small })
    const files: StagedFile[] = []
    for (let n = 0; n < 8; n++) {
      const rows = Array.from({ length: 5_000 }, (_, m) =>
        hitRow({
          merchant: `shop ${m % 40}`,
          _off: n,
          _idx: m,
          url: `https://shop.example/${n}/${m}/${'x'.repeat(800)}${m * 7919}`,
        }),
      )
      files.push(await lake.stage('hits', `wide ${n}`, rows))
    }
    const { snapshot } = await lake.publish('hits', 1, files)
    const [file] = await lake.files({ table: 'hits', snapshot, pending: [] })
    expect(file?.rows).toBe(40_000)
    small.closeSync()
  })
})

describe('a store that fails', () => {
  it('before it read anything leaves an error for the caller only, and an empty scratch folder', async () => {
    const store = await folderObjectStore(nodeDisk(root), 'failing')
    const put = () => Promise.reject(new Error('no space'))
    const { lake, folder } = await openLake({ objects: Object.assign(Object.create(store), { put }) })
    await expect(lake.stage('hits', 'a', [hitRow()])).rejects.toThrow('no space')
    expect(await readdir(join(folder, 'scratch'))).toEqual([])
  })
})

describe('data files', () => {
  it('carry Iceberg’s field ids, nested ones too', async () => {
    const { lake } = await openLake()
    const { snapshot } = await lake.publish('hits', 1, [await lake.stage('hits', 'a', [hitRow()])])
    const [file] = await lake.files({ table: 'hits', snapshot, pending: [] })
    const metadata = parquetMetadata(new Uint8Array(await readFile(file?.localPath ?? '')).buffer)
    const ids = new Map(metadata.schema.map((element) => [element.name, element.field_id]))
    for (const { name, id } of tables.hits.columns)
      if (name !== 'id' && name !== 'name') expect([name, ids.get(name)]).toEqual([name, id])
    expect(metadata.schema.filter(({ name }) => name === 'id').map(({ field_id }) => field_id)).toEqual([2, 16])
    expect(ids.get('element')).toBe(15)
    expect(ids.get('price_micros')).toBe(19)
  })

  it('are the same bytes under the same name when a publication is repeated before its commit', async () => {
    const { lake, folder } = await openLake()
    const rows = Array.from({ length: 300 }, (_, n) => hitRow({ _off: n, time: noon + (n % 3) * dayMs }))
    const file = await lake.stage('hits', 'a', rows)
    const list = async () => (await readdir(join(folder, 'lake/hits/data'), { recursive: true })).sort()
    await lake.publish('hits', 1, [file])
    const before = await list()
    await rm(join(folder, 'lake/hits/metadata'), { recursive: true })
    const { lake: again } = await openLake({
      objects: await folderObjectStore(nodeDisk(folder), '', { leftovers: 'keep' }),
    })
    await again.publish('hits', 1, [file])
    expect(await list()).toEqual(before)
    expect(before.filter((name) => name.endsWith('.parquet'))).toHaveLength(3)
  })

  it('are skipped by day, generation and merchant before any is opened', async () => {
    const { lake } = await openLake()
    const rows = [
      hitRow({ merchant: 'alpha' }),
      hitRow({ merchant: 'omega', time: noon + dayMs }),
      hitRow({ merchant: 'omega', time: noon + dayMs, _gen: 2 }),
    ]
    const { snapshot } = await lake.publish('hits', 1, [await lake.stage('hits', 'a', rows)])
    const pending = [await lake.stage('hits', 'b', [hitRow({ time: noon + 5 * dayMs })])]
    const view: TableView = { table: 'hits', snapshot, pending }
    const count = async (filter: ScanFilter) =>
      (await lake.files(view, filter)).map((file) => [file.published, file.rows])
    const today = utcDay(noon)
    expect(await count({})).toHaveLength(4)
    expect(await count({ lastDay: today })).toEqual([[true, 1]])
    expect(await count({ firstDay: today + 2 })).toEqual([[false, 1]])
    expect(await count({ merchant: 'alpha', lastDay: today + 1 })).toEqual([[true, 1]])
    expect(await count({ generations: [2], lastDay: today + 1 })).toEqual([[true, 1]])
    expect(await count({ merchant: 'beta', lastDay: today + 1 })).toEqual([])
  })
})
