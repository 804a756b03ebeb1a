import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, describe, expect, it } from 'vitest'
import { folderObjectStore } from '../../../core/adapters/folder-object-store.ts'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { nodeDisk } from '../../../core/adapters/node/node-disk.ts'
import { dayMs, eventTime } from '../../../core/event-time.ts'
import { firstGenerations } from '../../../core/generations.ts'
import type { MerchantId } from '../../../core/ids.ts'
import { hitRow, rowsOf } from '../../../core/ports/lake.contract.ts'
import { lakeDeriveContract } from '../../../core/ports/lake-derive.contract.ts'
import { testLength } from '../../../core/test/length.ts'
import { visitsRule } from '../../../core/visits.ts'
import { createLocalLake } from './local-lake.ts'

const root = await mkdtemp(join(tmpdir(), 'hitlake-derive-'))
const instance = await DuckDBInstance.create(':memory:', { threads: '2' })
afterAll(async () => {
  instance.closeSync()
  await rm(root, { recursive: true, force: true })
})

let count = 0
lakeDeriveContract('in a folder', {
  pendingFiles: 'read',
  runs: testLength('DERIVE_TEST_RUNS', { short: 6, full: 15 }),
  async open({ maxValues }) {
    const folder = `lake-${count++}`
    const lake = createLocalLake({
      objects: await folderObjectStore(nodeDisk(root), folder, { leftovers: 'keep' }),
      instance,
      scratch: join(root, folder, 'scratch'),
      random: seededRandom(count),
      clock: new ManualClock(),
      location: `file://${root}/${folder}/lake`,
      foldMaxValues: maxValues,
    })
    return { lake, rows: (table, snapshot) => rowsOf(lake, { table, snapshot, pending: [] }) }
  },
})

describe('a derivation in little memory', () => {
  it('takes half of its units at a time where DuckDB runs out, and numbers rows all the same', async () => {
    const small = await DuckDBInstance.create(':memory:', {
      threads: '1',
      memory_limit: '48MiB',
      temp_directory: join(root, 'spill'),
    })
    const lake = createLocalLake({
      objects: await folderObjectStore(nodeDisk(root), 'small', { leftovers: 'keep' }),
      instance: small,
      scratch: join(root, 'small', 'scratch'),
      random: seededRandom(7),
      clock: new ManualClock(),
      location: `file://${root}/small/lake`,
    })
    const midnight = eventTime('2026-03-01T00:00:00Z')
    const merchants = Array.from({ length: 16 }, (_, n) => `shop ${n}` as MerchantId)
    const files = []
    for (const [part, merchant] of merchants.entries()) {
      const rows = Array.from({ length: 2_000 }, (_, n) =>
        hitRow({
          merchant,
          time: midnight + n * 40_000,
          visitor: `visitor ${n}`,
          path: `/${n}`.padEnd(400, '-'),
          _part: part,
          _off: n,
        }),
      )
      files.push(await lake.stage('hits', `hits ${part}`, rows))
    }
    const view = { table: 'hits', snapshot: null, pending: files } as const
    const units = merchants.map((merchant) => ({ merchant, start: midnight, end: midnight + dayMs }))
    const derived = await lake.derive({
      table: 'sessions',
      id: 1,
      generations: firstGenerations,
      view,
      units,
      erased: [],
      rule: visitsRule,
    })
    expect(derived.rows).toBe(32_000)
    const rows = await rowsOf(lake, { table: 'sessions', snapshot: derived.snapshot, pending: [] })
    expect(rows.map((row) => row._row)).toEqual(rows.map((_row, at) => at))
    small.closeSync()
  })
})
