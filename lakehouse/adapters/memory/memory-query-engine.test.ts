import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { queryEngineContract } from '../../../core/ports/query-engine.contract.ts'
import { createMemoryLake } from './memory-lake.ts'
import { createMemoryQueryEngine } from './memory-query-engine.ts'

queryEngineContract('plain JavaScript', {
  pendingFiles: 'read',
  open: async () => {
    const lake = createMemoryLake({ random: seededRandom(1), clock: new ManualClock() })
    return { lake, engine: createMemoryQueryEngine({ lake }) }
  },
})
