/** Limits of the query of hours, and how it reads; what it answers, lakehouse/test/hours-in-sql-equal-the-stream.test.ts. */
import { describe, expect, it } from 'vitest'
import { dayMs, eventTime } from '../../../core/event-time.ts'
import type { MerchantId } from '../../../core/ids.ts'
import type { TableName } from '../../../core/tables.ts'
import { printDuckDb } from './duckdb-printer.ts'
import {
  type HourlyQuestion,
  hourlyMaxHours,
  hourlyMaxMerchants,
  hourlySelect,
  hourZonesSelect,
} from './hourly-select.ts'
import { printTrino } from './trino-printer.ts'

const start = eventTime('2026-03-29T00:00:00Z')
const tea = "o'brien" as MerchantId
const question: HourlyQuestion = {
  generation: 3,
  hitGenerations: { base: 3, entries: [] },
  merchants: [tea, 'b' as MerchantId],
  range: { start, end: start + dayMs },
  erased: [
    { merchant: tea, subject: { kind: 'visitor', value: "v'1" }, through: start },
    { merchant: 'b' as MerchantId, subject: { kind: 'merchant' }, through: start + 1 },
    { merchant: 'another' as MerchantId, subject: { kind: 'user', value: 'u' }, through: start },
  ],
}
const table = (name: TableName, columns: readonly string[]) => `files_of_${name}(${columns.join(', ')})`

describe.each([
  ['duckdb', printDuckDb],
  ['trino', printTrino],
] as const)('the query of hours, for %s', (dialect, print) => {
  it('reads', async () => {
    const text = print(hourlySelect(question, ['Asia/Kolkata', 'Europe/Berlin']), table)
    await expect(`${text}\n`).toMatchFileSnapshot(`golden/hourly.${dialect}.sql`)
  })

  it('of the zones reads', async () => {
    await expect(`${print(hourZonesSelect(question), table)}\n`).toMatchFileSnapshot(
      `golden/hourly-zones.${dialect}.sql`,
    )
  })
})

describe('hours', () => {
  it('are of so many merchants at most', () => {
    const of = (count: number) => ({
      ...question,
      merchants: Array.from({ length: count }, (_, n) => `m${n}` as MerchantId),
    })
    expect(() => hourlySelect(of(hourlyMaxMerchants), ['UTC'])).not.toThrow()
    expect(() => hourlySelect(of(hourlyMaxMerchants + 1), ['UTC'])).toThrow(RangeError)
    expect(() => hourlySelect(of(0), ['UTC'])).toThrow(RangeError)
  })

  it('are so many at most, over all zones', () => {
    const of = (hours: number) => ({ ...question, range: { start, end: start + hours * 3_600_000 } })
    expect(() => hourlySelect(of(hourlyMaxHours), ['UTC'])).not.toThrow()
    expect(() => hourlySelect(of(hourlyMaxHours + 1), ['UTC'])).toThrow(RangeError)
    expect(() => hourlySelect(question, [])).toThrow(RangeError)
  })

  it('of a zone that nobody knows are refused', () => {
    expect(() => hourlySelect(question, ['Europe/Atlantis'])).toThrow(RangeError)
  })
})
