import { afterAll } from 'vitest'
import type { LakeRow, TableName } from '../../../core/tables.ts'
import { testLength } from '../../../core/test/length.ts'
import { tables } from '../../../schemas/tables.ts'
import { parseJson } from '../../core/iceberg/json.ts'
import { lakeRemovalContract } from '../../core/lake-removal.contract.ts'
import { plainRow } from '../../core/plain-row.ts'
import { openTrinoLake, type TrinoLakeUnderTest } from '../../test/trino-lake-under-test.ts'

const opened: TrinoLakeUnderTest[] = []
afterAll(async () => {
  for (const under of opened) await under.close()
})

/** Lists come as JSON text, their parts in the types of the columns. */
async function rowsOf(under: TrinoLakeUnderTest, table: TableName, snapshot: string): Promise<readonly LakeRow[]> {
  const { columns } = tables[table]
  const lists = columns.filter(({ type }) => typeof type !== 'string').map(({ name }) => name)
  return (await under.rows(table, snapshot)).map((row) => {
    const parsed = lists.map((name) => [name, typeof row[name] === 'string' ? parseJson(row[name]) : null])
    return plainRow(columns, { ...row, ...Object.fromEntries(parsed) })
  })
}

lakeRemovalContract('in Trino', {
  runs: testLength('CLUSTER_TEST_REMOVAL_RUNS', { short: 2, full: 10 }),
  async open() {
    const under = await openTrinoLake(['hits', 'failed_hits', 'hourly', 'sessions'])
    opened.push(under)
    return { lake: under.lake(), rows: (table, snapshot) => rowsOf(under, table, snapshot) }
  },
})
