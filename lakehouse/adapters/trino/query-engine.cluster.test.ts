import { afterAll } from 'vitest'
import { systemTimers } from '../../../core/adapters/node/system.ts'
import { queryEngineContract } from '../../../core/ports/query-engine.contract.ts'
import { createTrinoQueryEngine } from './query-engine.ts'
import { openTrinoUnderTest } from './query-engine-under-test.ts'

const under = openTrinoUnderTest()
afterAll(() => under.close())

queryEngineContract('Trino', {
  pendingFiles: 'left out',
  recounts: 10,
  open: async () => {
    const { trino, catalog } = under
    const schema = await under.openSchema()
    return {
      lake: under.lakeIn(schema),
      engine: createTrinoQueryEngine({ trino, catalog, schema, timers: systemTimers, timeoutMs: 120_000 }),
    }
  },
})
