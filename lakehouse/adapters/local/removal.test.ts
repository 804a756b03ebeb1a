import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, describe, expect, it } from 'vitest'
import { folderObjectStore } from '../../../core/adapters/folder-object-store.ts'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { nodeDisk } from '../../../core/adapters/node/node-disk.ts'
import { eventTime, utcDay } from '../../../core/event-time.ts'
import type { MerchantId } from '../../../core/ids.ts'
import { hitRow, rowsOf } from '../../../core/ports/lake.contract.ts'
import { lakeRemovalContract } from '../../core/lake-removal.contract.ts'
import { createLocalLake } from './local-lake.ts'

const noon = eventTime('2026-03-01T12:00:00Z')
const root = await mkdtemp(join(tmpdir(), 'hitlake-removal-'))
const instance = await DuckDBInstance.create(':memory:', { threads: '2' })
afterAll(async () => {
  instance.closeSync()
  await rm(root, { recursive: true, force: true })
})

let count = 0
async function openLake(change: { readonly sliceMaxRows?: number; readonly smallManifestsMax?: number } = {}) {
  const folder = `lake-${count++}`
  const lake = createLocalLake({
    objects: await folderObjectStore(nodeDisk(root), folder, { leftovers: 'keep' }),
    instance,
    scratch: join(root, folder, 'scratch'),
    random: seededRandom(count),
    clock: new ManualClock(),
    location: `file://${root}/${folder}/lake`,
    ...change,
  })
  return { lake, folder: join(root, folder) }
}

for (const [name, change] of [
  ['in a folder', {}],
  ['in a folder, little at a time', { sliceMaxRows: 2, smallManifestsMax: 1 }],
] as const) {
  lakeRemovalContract(name, {
    runs: 8,
    async open() {
      const { lake } = await openLake(change)
      return { lake, rows: (table, snapshot) => rowsOf(lake, { table, snapshot, pending: [] }) }
    },
  })
}

describe('removal in a folder', () => {
  it('leaves files that hold none of the rows as they are, and nothing in the scratch folder', async () => {
    const { lake, folder } = await openLake()
    const publish = async (id: number, visitor: string) =>
      lake.publish('hits', id, [await lake.stage('hits', `staged/${id}`, [hitRow({ visitor, _off: id })])])
    await publish(1, 'v1')
    await publish(2, 'v2')
    const data = join(folder, `lake/hits/data/_gen=1/time_day=2026-03-01`)
    const before = await readdir(data)
    const erased = {
      merchant: 'shop' as MerchantId,
      subject: { kind: 'visitor', value: 'v1' },
      through: noon + 10,
    } as const
    await lake.removeRows('hits', { generation: 1, period: utcDay(noon) }, [erased])
    expect(await readdir(data)).toEqual(before)
    expect(await lake.partitions('hits')).toMatchObject([{ files: 1, rows: 1 }])
    expect(await readdir(join(folder, 'scratch'))).toEqual([])
    expect(await lake.verify('hits')).toEqual([])
  })
})
