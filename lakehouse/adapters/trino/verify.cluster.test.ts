import { afterAll, expect, it } from 'vitest'
import { eventTime } from '../../../core/event-time.ts'
import { hitRow } from '../../../core/ports/lake.contract.ts'
import { openTrinoLake, type TrinoLakeUnderTest } from '../../test/trino-lake-under-test.ts'
import { trinoTable } from './tables.ts'

let under: TrinoLakeUnderTest
afterAll(() => under.close())

it('finds nothing wrong with a table that is whole, also with deleted rows', async () => {
  under = await openTrinoLake(['hits'])
  const lake = under.lake()
  const time = eventTime('2026-03-01T12:00:00Z')
  expect(await lake.verify('hits')).toEqual([])
  for (const id of [1, 2]) {
    const rows = [0, 1].map((n) => hitRow({ id: `${id} ${n}`, _off: 2 * id + n, time }))
    await lake.publish('hits', id, [await lake.stage('hits', `staged/${id}`, rows)])
  }
  expect(await lake.verify('hits')).toEqual([])
  const table = trinoTable(under, 'hits')
  await under.trino.query(`DELETE FROM ${table} WHERE id = '1 0'`, { effect: 'writes' })
  expect(await lake.verify('hits')).toEqual([])
})
