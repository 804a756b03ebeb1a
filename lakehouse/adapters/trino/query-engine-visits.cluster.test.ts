import { afterAll, describe } from 'vitest'
import { systemTimers } from '../../../core/adapters/node/system.ts'
import { visitsContract } from '../../../core/ports/query-engine-visits.contract.ts'
import { testLength } from '../../../core/test/length.ts'
import { createTrinoQueryEngine } from './query-engine.ts'
import { openTrinoUnderTest } from './query-engine-under-test.ts'

const under = openTrinoUnderTest()
afterAll(() => under.close())

describe('Trino as query engine', () => {
  visitsContract({
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
  })
})
