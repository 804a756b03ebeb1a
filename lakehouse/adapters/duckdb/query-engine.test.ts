import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { folderObjectStore } from '../../../core/adapters/folder-object-store.ts'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { nodeDisk } from '../../../core/adapters/node/node-disk.ts'
import { queryEngineContract } from '../../../core/ports/query-engine.contract.ts'
import { testLength } from '../../../core/test/length.ts'
import { createLocalLake } from '../local/local-lake.ts'
import { createMemoryLake } from '../memory/memory-lake.ts'
import { createMemoryQueryEngine } from '../memory/memory-query-engine.ts'
import { minDatabaseMemoryBytes, openDatabase } from './database.ts'
import { createDuckDbQueryEngine } from './query-engine.ts'

const root = await mkdtemp(join(tmpdir(), 'hitlake-query-'))
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

/** An empty lake in a folder of its own. */
async function openLake() {
  const folder = `lake-${lakes++}`
  return createLocalLake({
    objects: await folderObjectStore(nodeDisk(root), folder, { leftovers: 'keep' }),
    instance,
    scratch: join(root, folder, 'scratch'),
    random: seededRandom(lakes),
    clock,
    location: `file://${root}/${folder}/lake`,
  })
}

queryEngineContract('DuckDB', {
  recounts: testLength('ENGINE_TEST_RECOUNTS', { short: 5, full: 25 }),
  pendingFiles: 'read',
  open: async () => {
    const lake = await openLake()
    return { lake, engine: createDuckDbQueryEngine({ instance, files: lake, timers: clock }) }
  },
  reference: async () => {
    const lake = createMemoryLake({ random: seededRandom(1), clock })
    return { lake, engine: createMemoryQueryEngine({ lake }) }
  },
})
