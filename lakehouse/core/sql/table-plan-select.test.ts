/** How the SQL of plans over tables reads, its limits, and what has none; what it answers, lakehouse/test says. */
import { describe, expect, it } from 'vitest'
import { dayMs, eventTime, hourMs } from '../../../core/event-time.ts'
import type { MerchantId } from '../../../core/ids.ts'
import type { TableName } from '../../../core/tables.ts'
import { goldenTablePlans } from '../../test/table-plans-golden.ts'
import { printDuckDb } from './duckdb-printer.ts'
import { readTablePlan, type TablePlan } from './table-plan.ts'
import { tablePlanAnswer } from './table-plan-answer.ts'
import { tablePlanMaxBuckets, tablePlanReadRange } from './table-plan-range.ts'
import { sqlRefusal, tablePlanMaxHops } from './table-plan-refusal.ts'
import { tablePlanSelect, tablePlanZonesSelect } from './table-plan-select.ts'
import { printTrino, printTrinoRelation } from './trino-printer.ts'

const midnight = eventTime('2026-03-29T00:00:00Z')
const question = { range: { start: midnight, end: midnight + 2 * dayMs }, generation: 3, erased: [] }
const zones = ['America/New_York', 'Europe/Berlin', 'Nowhere/At_All']
const table = (name: TableName, columns: readonly string[]) => `${name}(${columns.join(' ')})`
const json = (name: string): unknown => JSON.parse(JSON.stringify(goldenTablePlans[name]))
const planOf = (name: string) => readTablePlan(json(name))

describe('the SQL of a plan over a table', () => {
  for (const name of Object.keys(goldenTablePlans)) {
    it(`of ${name} for DuckDB`, async () => {
      const { select } = tablePlanAnswer(planOf(name), question, zones)
      await expect(printDuckDb(select, table)).toMatchFileSnapshot(`golden/table-plan-${name}.duckdb.sql`)
    })
    it(`of ${name} for Trino`, async () => {
      const { select } = tablePlanAnswer(planOf(name), question, zones)
      await expect(printTrino(select, table)).toMatchFileSnapshot(`golden/table-plan-${name}.trino.sql`)
    })
  }

  it('is a relation of values too, for statements that write them', async () => {
    const select = tablePlanSelect(planOf('day-revenue'), question, zones)
    await expect(printTrinoRelation(select, table)).toMatchFileSnapshot('golden/table-plan-values.trino.sql')
    await expect(printDuckDb(select, table)).toMatchFileSnapshot('golden/table-plan-values.duckdb.sql')
  })

  it('leaves out what is erased, of hits only', () => {
    const erased = [
      { merchant: 'tea' as MerchantId, subject: { kind: 'visitor', value: 'v' }, through: midnight } as const,
    ]
    const sql = printDuckDb(tablePlanSelect(planOf('fixed-count'), { ...question, erased }), table)
    expect(sql).toContain('received')
    const failed = { ...planOf('fixed-count'), table: 'failed_hits' } as TablePlan
    expect(() => tablePlanSelect(failed, { ...question, erased })).toThrow("erasures are of hits, and 'fixed-count'")
  })

  it('asks for zones only where windows are local', () => {
    expect(tablePlanZonesSelect(planOf('fixed-count'), question)).toBeNull()
    const select = tablePlanZonesSelect(planOf('day-revenue'), question)
    expect(select?.columns).toEqual([{ expression: { kind: 'column', name: 'row.zone' }, as: 'zone' }])
  })

  it('finds no window where rows name no zone that exists', () => {
    const sql = printDuckDb(tablePlanSelect(planOf('day-revenue'), question, ['Nowhere/At_All']), table)
    expect(sql).toContain("VALUES ('', CAST('0' AS BIGINT), CAST('0' AS BIGINT))")
  })
})

describe('rows that decide windows which start in a range', () => {
  const read = (name: string) => {
    const { start, end } = tablePlanReadRange(planOf(name), question.range)
    return [(start - midnight) / hourMs, (end - midnight) / hourMs]
  }
  it('reach one window further, of sessions two stretches back and one further', () => {
    expect(read('fixed-count')).toEqual([0, 49])
    expect(read('hopping-distinct')).toEqual([0, 49])
    expect(read('visits')).toEqual([-48, 72])
    expect(read('sessions')).toEqual([-4, 50])
  })
})

describe('a plan over a table has no SQL', () => {
  const changed = (change: Partial<TablePlan>, name = 'fixed-count') => sqlRefusal({ ...planOf(name), ...change })

  it('but has it as it is', () => {
    for (const name of Object.keys(goldenTablePlans)) expect(sqlRefusal(planOf(name)), name).toBeNull()
  })

  it.each<readonly [string, string | null, string]>([
    ['where newer rows supersede older ones', changed({ table: 'sessions' }), "it reads 'sessions'"],
    [
      'for a comparison with a fraction',
      changed({ aggregates: { n: { kind: 'countIf', column: '_off', is: 1.5 } } }),
      'it compares with 1.5',
    ],
    [
      'for half a character',
      changed({ aggregates: { n: { kind: 'countIf', column: 'name', is: '\ud800' } } }),
      'half a character',
    ],
    [
      'for pauses above a day',
      changed({ window: { kind: 'session', gapMs: 1, atMostMs: dayMs + 1 } }),
      'longer than a day',
    ],
    [
      'for a longest length below a pause',
      changed({ window: { kind: 'session', gapMs: 2, atMostMs: 1 } }),
      'cut at 1 ms, before a pause of 2 ms',
    ],
    [
      'for too many windows of a row',
      changed({ window: { kind: 'hopping', sizeMs: tablePlanMaxHops + 1, everyMs: 1, offsetMs: 0 } }),
      `more than ${tablePlanMaxHops}`,
    ],
    [
      'for columns that differ in case alone',
      changed({ aggregates: { n: { kind: 'count' }, N: { kind: 'count' } } }),
      "columns 'n' and 'N' differ in case alone",
    ],
    ['for keys whose text differs', changed({ by: ['size'], columns: { size: 'double' } }), "column 'size' is double"],
  ])('%s', (_, refusal, says) => {
    expect(refusal).toContain(says)
  })

  it('and says so, by name, where it is asked for one', () => {
    const plan = { ...planOf('fixed-count'), table: 'daily' } as TablePlan
    expect(() => tablePlanSelect(plan, question)).toThrow("'fixed-count' has no SQL: it reads 'daily'")
  })

  it('for a range that is none, or too many local windows', () => {
    expect(() => tablePlanSelect(planOf('fixed-count'), { ...question, range: { start: 1, end: 1 } })).toThrow(
      RangeError,
    )
    const days = (count: number) => ({ ...question, range: { start: midnight, end: midnight + count * dayMs } })
    expect(() => tablePlanSelect(planOf('day-revenue'), days(tablePlanMaxBuckets - 1), ['UTC'])).not.toThrow()
    expect(() => tablePlanSelect(planOf('day-revenue'), days(tablePlanMaxBuckets + 1), ['UTC'])).toThrow(
      'shorter range',
    )
  })
})

describe('the JSON of a plan over a table', () => {
  it('is refused where it holds what is not known here, or names no column of the table', () => {
    const wrong = (change: (plan: { steps: Record<string, unknown>[] }) => void) => () => {
      const plan = json('fixed-count') as { steps: Record<string, unknown>[] }
      change(plan)
      return readTablePlan(plan)
    }
    expect(wrong(() => {})).not.toThrow()
    expect(wrong(({ steps }) => Object.assign(steps[0] ?? {}, { more: 1 }))).toThrow('/steps/0')
    expect(wrong(({ steps }) => Object.assign(steps[1] ?? {}, { kind: 'filter' }))).toThrow('/steps/1')
    expect(wrong(({ steps }) => Object.assign(steps[0] ?? {}, { columns: { colour: 'string' } }))).toThrow(
      "'hits' has no column 'colour' of string",
    )
    expect(wrong(({ steps }) => steps.splice(2, 1))).toThrow('no window')
  })
})
