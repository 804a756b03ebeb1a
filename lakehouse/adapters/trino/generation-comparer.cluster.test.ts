import { afterAll } from 'vitest'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { generationComparerContract } from '../../../core/ports/generation-comparer.contract.ts'
import type { TableView } from '../../../core/ports/lake.ts'
import { testLength } from '../../../core/test/length.ts'
import { createTrinoGenerationComparer } from './generation-comparer.ts'
import { openTrinoUnderTest } from './query-engine-under-test.ts'

const under = openTrinoUnderTest()
const clock = new ManualClock()
afterAll(() => under.close())

generationComparerContract('Trino', {
  maps: testLength('CLUSTER_TEST_MAPS', { short: 2, full: 12 }),
  async open() {
    const { trino, catalog } = under
    const schema = await under.openSchema()
    const comparerOf = (view: TableView) =>
      createTrinoGenerationComparer({ trino, catalog, schema, clock, view: async () => view })
    return { lake: under.lakeIn(schema), comparerOf }
  },
})
