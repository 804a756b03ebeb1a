import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe } from 'vitest'
import { folderObjectStore } from '../../../core/adapters/folder-object-store.ts'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { nodeDisk } from '../../../core/adapters/node/node-disk.ts'
import { visitsContract } from '../../../core/ports/query-engine-visits.contract.ts'
import { testLength } from '../../../core/test/length.ts'
import { createLocalLake } from '../local/local-lake.ts'
import { minDatabaseMemoryBytes, openDatabase } from './database.ts'
import { createDuckDbQueryEngine } from './query-engine.ts'

const root = await mkdtemp(join(tmpdir(), 'hitlake-visits-'))
const instance = await openDatabase({
  file: ':memory:',
  memoryLimitBytes: 5 * minDatabaseMemoryBytes,
  threads: 2,
  scratch: join(root, 'spill'),
})
const clock = new ManualClock()

afterAll(async () => {
  instance.closeSync()
  await rm(root, { recursive: true, force: true })
})

let lakes = 0
describe('DuckDB as query engine', () => {
  visitsContract({
    pendingFiles: 'read',
    recounts: testLength('ENGINE_TEST_RECOUNTS', { short: 8, full: 25 }),
    async open() {
      const folder = `lake-${lakes++}`
      const lake = createLocalLake({
        objects: await folderObjectStore(nodeDisk(root), folder, { leftovers: 'keep' }),
        instance,
        scratch: join(root, folder, 'scratch'),
        random: seededRandom(lakes),
        clock,
        location: `file://${root}/${folder}/lake`,
      })
      return { lake, engine: createDuckDbQueryEngine({ instance, files: lake, timers: clock }) }
    },
  })
})
