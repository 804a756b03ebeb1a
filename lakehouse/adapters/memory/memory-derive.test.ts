import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { rowsOf } from '../../../core/ports/lake.contract.ts'
import { lakeDeriveContract } from '../../../core/ports/lake-derive.contract.ts'
import { createMemoryDerive } from './memory-derive.ts'
import { createMemoryLake, MemoryLakeState } from './memory-lake.ts'

lakeDeriveContract('in memory', {
  pendingFiles: 'read',
  runs: 50,
  async open({ maxValues }) {
    const options = { state: new MemoryLakeState(), random: seededRandom(1), clock: new ManualClock() }
    const lake = createMemoryLake(options)
    return {
      lake: { ...lake, ...createMemoryDerive({ ...options, lake, maxValues }) },
      rows: (table, snapshot) => rowsOf(lake, { table, snapshot, pending: [] }),
    }
  },
})
