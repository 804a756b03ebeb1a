import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { rowsOf } from '../../../core/ports/lake.contract.ts'
import { lakeRemovalContract } from '../../core/lake-removal.contract.ts'
import { createMemoryLake } from './memory-lake.ts'

lakeRemovalContract('in memory', {
  runs: 50,
  async open() {
    const lake = createMemoryLake({ random: seededRandom(1), clock: new ManualClock() })
    return { lake, rows: (table, snapshot) => rowsOf(lake, { table, snapshot, pending: [] }) }
  },
})
