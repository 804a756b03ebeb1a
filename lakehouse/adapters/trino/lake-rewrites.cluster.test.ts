import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemTimers } from '../../../core/adapters/node/system.ts'
import { hourlyRow } from '../../../core/ports/lake.contract.ts'
import type { LakeRow, TableName } from '../../../core/tables.ts'
import { testLength } from '../../../core/test/length.ts'
import { tables } from '../../../schemas/tables.ts'
import { parseJson } from '../../core/iceberg/json.ts'
import { lakeRewriteContract } from '../../core/lake-rewrite.contract.ts'
import { plainRow } from '../../core/plain-row.ts'
import { openTrinoLake, type TrinoLakeUnderTest } from '../../test/trino-lake-under-test.ts'
import { ensureTables, trinoTable } from './tables.ts'

const opened: TrinoLakeUnderTest[] = []
afterAll(async () => {
  for (const under of opened) await under.close()
})

async function open(): Promise<TrinoLakeUnderTest> {
  const under = await openTrinoLake()
  opened.push(under)
  return under
}

/** Lists come as JSON text. */
async function rowsOf(under: TrinoLakeUnderTest, table: TableName, snapshot: string): Promise<readonly LakeRow[]> {
  const { columns } = tables[table]
  const lists = columns.filter(({ type }) => typeof type !== 'string').map(({ name }) => name)
  return (await under.rows(table, snapshot)).map((row) => {
    const parsed = lists.map((name) => [name, typeof row[name] === 'string' ? parseJson(row[name]) : null])
    return plainRow(columns, { ...row, ...Object.fromEntries(parsed) })
  })
}

lakeRewriteContract('in Trino', {
  runs: testLength('CLUSTER_TEST_REWRITE_RUNS', { short: 1, full: 6 }),
  async open({ maxValues }) {
    const under = await open()
    return { lake: under.lake({ foldMaxValues: maxValues }), rows: (table, snapshot) => rowsOf(under, table, snapshot) }
  },
})

describe('a table made before a column was there', () => {
  let under: TrinoLakeUnderTest
  beforeAll(async () => {
    under = await open()
  })

  it('gets it, and its rows have null there', async () => {
    const lake = under.lake()
    await lake.publish('hourly', 1, [await lake.stage('hourly', 'staged/old', [hourlyRow()])])
    for (const column of ['load', 'other_revenue', 'other']) {
      await under.trino.query(`ALTER TABLE ${trinoTable(under, 'hourly')} DROP COLUMN "${column}"`)
    }
    await ensureTables({ ...under, timers: systemTimers })
    const load = [{ bucket: 3, n: 2n }]
    const { snapshot } = await lake.publish('hourly', 2, [
      await lake.stage('hourly', 'staged/new', [hourlyRow({ load, _off_from: 1, _off_to: 1 })]),
    ])
    expect((await rowsOf(under, 'hourly', snapshot)).map((row) => row.load)).toEqual([null, load])
  })
})
