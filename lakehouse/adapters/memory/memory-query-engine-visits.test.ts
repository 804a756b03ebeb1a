import { describe } from 'vitest'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { visitsContract } from '../../../core/ports/query-engine-visits.contract.ts'
import { createMemoryLake } from './memory-lake.ts'
import { createMemoryQueryEngine } from './memory-query-engine.ts'

describe('the query engine in memory', () => {
  visitsContract({
    pendingFiles: 'read',
    recounts: 100,
    async open() {
      const lake = createMemoryLake({ random: seededRandom(1), clock: new ManualClock() })
      return { lake, engine: createMemoryQueryEngine({ lake }) }
    },
  })
})
