import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, describe, expect, it } from 'vitest'
import { folderObjectStore } from '../../../core/adapters/folder-object-store.ts'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { nodeDisk } from '../../../core/adapters/node/node-disk.ts'
import { eventTime, utcDay } from '../../../core/event-time.ts'
import { hourlyRow, rowsOf } from '../../../core/ports/lake.contract.ts'
import type { TableDefinition } from '../../../core/tables.ts'
import { hourlyTable } from '../../../schemas/tables.ts'
import { appendFiles } from '../../core/iceberg/append.ts'
import { tableLayout } from '../../core/iceberg/layout.ts'
import { TableReader } from '../../core/iceberg/table-reader.ts'
import { plainRow } from '../../core/plain-row.ts'
import { withConnection } from '../duckdb/parquet.ts'
import { writeRows } from '../duckdb/parquet-rows.ts'
import { createLocalLake } from './local-lake.ts'

const noon = eventTime('2026-03-01T12:00:00Z')
const root = await mkdtemp(join(tmpdir(), 'hitlake-older-'))
const instance = await DuckDBInstance.create(':memory:', { threads: '2' })
afterAll(async () => {
  instance.closeSync()
  await rm(root, { recursive: true, force: true })
})

const added = ['load', 'other_revenue', 'other']
const before: TableDefinition = {
  ...hourlyTable,
  columns: hourlyTable.columns.filter(({ name }) => !added.includes(name)),
}

describe('a table made before columns were added', () => {
  it('takes rows that have them; its old rows have null there, and fold with the new ones', async () => {
    const objects = await folderObjectStore(nodeDisk(root), 'store')
    const common = { objects, random: seededRandom(1), clock: new ManualClock() }
    const location = `file://${root}/store/lake`
    const layout = tableLayout(before, location)
    const path = join(root, 'old.parquet')
    const facts = await withConnection(instance, (connection) =>
      writeRows({
        connection,
        columns: before.columns,
        rows: [plainRow(before.columns, hourlyRow({ _publish: 1, _row: 0 }))],
        path,
        scratchFile: () => `${path}.piece`,
        removeFile: (piece) => rm(piece, { force: true }),
      }),
    )
    const partition = { generation: 1, period: utcDay(noon) }
    const name = layout.dataFile(1, partition, 'old')
    await objects.put(name, await readFile(path))
    const reader = new TableReader({ objects, definition: before, layout })
    const old = await appendFiles({ ...common, definition: before, layout, reader }, 1, [
      { name, partition: [1, partition.period], ...facts },
    ])

    const lake = createLocalLake({ ...common, instance, scratch: join(root, 'scratch'), location })
    const view = (snapshot: string) => ({ table: 'hourly', snapshot, pending: [] }) as const
    expect(await rowsOf(lake, view(old))).toMatchObject([{ hits: 1, load: null, other_revenue: null, other: null }])
    const load = [{ bucket: 3, n: 2n }]
    const { snapshot } = await lake.publish('hourly', 2, [
      await lake.stage('hourly', 'staged/new', [hourlyRow({ load, other: false })]),
    ])
    expect((await rowsOf(lake, view(snapshot))).map((row) => row.load ?? null)).toEqual(
      expect.arrayContaining([null, load]),
    )
    const done = await lake.rewrite('hourly', partition)
    expect(await rowsOf(lake, view(done?.snapshot ?? ''))).toMatchObject([{ hits: 2, load, other: false }])
  })
})
