import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { lakeContract } from '../../../core/ports/lake.contract.ts'
import { createMemoryLake, MemoryLakeState } from './memory-lake.ts'

lakeContract('in memory', async () => {
  const options = { state: new MemoryLakeState(), random: seededRandom(1), clock: new ManualClock() }
  return { lake: createMemoryLake(options), reopen: async () => createMemoryLake(options) }
})
