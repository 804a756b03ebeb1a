import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll } from 'vitest'
import { folderObjectStore } from '../../../core/adapters/folder-object-store.ts'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { nodeDisk } from '../../../core/adapters/node/node-disk.ts'
import { rowsOf } from '../../../core/ports/lake.contract.ts'
import { lakeHistoryContract } from '../../core/lake-history.contract.ts'
import { createLocalLake } from './local-lake.ts'

const root = await mkdtemp(join(tmpdir(), 'hitlake-history-'))
const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
afterAll(async () => {
  instance.closeSync()
  await rm(root, { recursive: true, force: true })
})

let count = 0
for (const smallManifestsMax of [1, 32]) {
  lakeHistoryContract(`in a folder, at most ${smallManifestsMax} small manifests`, {
    async open() {
      const folder = `lake-${count++}`
      const lake = createLocalLake({
        objects: await folderObjectStore(nodeDisk(root), folder, { leftovers: 'keep' }),
        instance,
        scratch: join(root, folder, 'scratch'),
        random: seededRandom(count),
        clock: new ManualClock(),
        location: `file://${root}/${folder}/lake`,
        smallManifestsMax,
      })
      return { lake, rows: (snapshot) => rowsOf(lake, { table: 'hits', snapshot, pending: [] }) }
    },
  })
}
