import { expect, it } from 'vitest'
import { tables } from '../../../schemas/tables.ts'
import { partitionIn } from './history.ts'

it.each([
  ['hits', '_gen=1/time_day=2026-03-01', { generation: 1, period: 20_513 }],
  ['failed_hits', 'received_day=1970-01-02', { generation: null, period: 1 }],
  ['daily', '_gen=2/bucket_month=2026-03', { generation: 2, period: 674 }],
  ['daily', '_gen=2/bucket_month=2026-03-01', null],
  ['hits', '_gen=1/time_day=2026-03', null],
  ['hits', '_gen=null/time_day=2026-03-01', null],
  ['hits', 'time_day=2026-03-01', null],
  ['hits', '_gen=1/time_day=2026-03-01/merchant=a', null],
  ['hits', '', null],
] as const)('of %s, %j is the partition %j', (table, text, partition) => {
  expect(partitionIn(tables[table], text)).toEqual(partition)
})
