import { afterAll } from 'vitest'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { systemTimers } from '../../../core/adapters/node/system.ts'
import { queryEngineContract } from '../../../core/ports/query-engine.contract.ts'
import { testLength } from '../../../core/test/length.ts'
import { createMemoryLake } from '../memory/memory-lake.ts'
import { createMemoryQueryEngine } from '../memory/memory-query-engine.ts'
import { createTrinoQueryEngine } from './query-engine.ts'
import { openTrinoUnderTest } from './query-engine-under-test.ts'

const under = openTrinoUnderTest()
afterAll(() => under.close())

queryEngineContract('Trino', {
  pendingFiles: 'left out',
  recounts: testLength('CLUSTER_TEST_RECOUNTS', { short: 2, full: 25 }),
  open: async () => {
    const { trino, catalog } = under
    const schema = await under.openSchema()
    return {
      lake: under.lakeIn(schema),
      engine: createTrinoQueryEngine({ trino, catalog, schema, timers: systemTimers, timeoutMs: 120_000 }),
    }
  },
  reference: async () => {
    const lake = createMemoryLake({ random: seededRandom(1), clock: new ManualClock() })
    return { lake, engine: createMemoryQueryEngine({ lake }) }
  },
})
