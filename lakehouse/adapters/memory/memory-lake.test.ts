import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { lakeContract, rowsOf } from '../../../core/ports/lake.contract.ts'
import { lakeExpiryContract } from '../../core/lake-expiry.contract.ts'
import { lakeHistoryContract } from '../../core/lake-history.contract.ts'
import { lakeRewriteContract } from '../../core/lake-rewrite.contract.ts'
import { createMemoryLake, MemoryLakeState } from './memory-lake.ts'

lakeContract('in memory', async () => {
  const options = { state: new MemoryLakeState(), random: seededRandom(1), clock: new ManualClock() }
  return { lake: createMemoryLake(options), reopen: async () => createMemoryLake(options) }
})

lakeRewriteContract('in memory', {
  runs: 50,
  async open({ maxValues }) {
    const lake = createMemoryLake({ random: seededRandom(1), clock: new ManualClock(), foldMaxValues: maxValues })
    return { lake, rows: (table, snapshot) => rowsOf(lake, { table, snapshot, pending: [] }) }
  },
})

lakeExpiryContract('in memory', {
  says: 'all',
  async open() {
    const lake = createMemoryLake({ random: seededRandom(1), clock: new ManualClock() })
    const rows = (snapshot: string) => rowsOf(lake, { table: 'hits', snapshot, pending: [] })
    return { lake, rows, pass: async () => undefined }
  },
})

lakeHistoryContract('in memory', {
  async open() {
    const lake = createMemoryLake({ random: seededRandom(1), clock: new ManualClock() })
    return { lake, rows: (snapshot) => rowsOf(lake, { table: 'hits', snapshot, pending: [] }) }
  },
})
