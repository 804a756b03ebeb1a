import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, expect, it } from 'vitest'
import { folderObjectStore } from '../../../core/adapters/folder-object-store.ts'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { nodeDisk } from '../../../core/adapters/node/node-disk.ts'
import { SnapshotNotFoundError } from '../../../core/errors.ts'
import { partialRow } from '../../../core/ports/query-engine-under-test.ts'
import { createLocalLake } from './local-lake.ts'
import { localPublishedThrough } from './published-through.ts'

const root = await mkdtemp(join(tmpdir(), 'hitlake-through-'))
const instance = await DuckDBInstance.create(':memory:')
afterAll(async () => {
  instance.closeSync()
  await rm(root, { recursive: true, force: true })
})

it('is the newest publication among the rows of a snapshot, whatever came later', async () => {
  const lake = createLocalLake({
    ...{ instance, random: seededRandom(1), clock: new ManualClock() },
    objects: await folderObjectStore(nodeDisk(root), ''),
    scratch: join(root, 'scratch'),
    location: `file://${root}/lake`,
  })
  const publish = async (id: number) => {
    const file = await lake.stage('hourly', `staged/hourly/${id}`, [partialRow({ value: String(id) })])
    return (await lake.publish('hourly', id, [file])).snapshot
  }
  const snapshots = [await publish(3), await publish(8)]
  const through = (snapshot: string) => localPublishedThrough({ instance, files: lake }, 'hourly', snapshot)
  expect(await Promise.all(snapshots.map(through))).toEqual([3, 8])
  await expect(through('77')).rejects.toThrow(SnapshotNotFoundError)
})
