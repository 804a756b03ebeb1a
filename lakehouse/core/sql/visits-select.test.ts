/** Limits of the SQL of visits and derivations, and how it reads; what it answers, the contracts say. */

import { describe, expect, it } from 'vitest'
import { dayMs, eventTime, hourMs } from '../../../core/event-time.ts'
import { firstGenerations } from '../../../core/generations.ts'
import type { MerchantId } from '../../../core/ids.ts'
import type { ErasedHits } from '../../../core/ports/erasure-store.ts'
import type { Piece, VisitsQuestion } from '../../../core/ports/query-engine.ts'
import { answeredBy } from '../../../core/ports/query-engine-under-test.ts'
import type { TableName } from '../../../core/tables.ts'
import { visitsRule } from '../../../core/visits.ts'
import type { Select } from './ast.ts'
import { deriveSelect } from './derive-select.ts'
import { deriveMaxUnits } from './derive-select-parts.ts'
import { printDuckDb } from './duckdb-printer.ts'
import { erasedDaysSelect } from './erased-days-select.ts'
import { printTrino, printTrinoRelation } from './trino-printer.ts'
import { visitsHitRanges, visitsSelect } from './visits-select.ts'
import { visitsMaxReadRanges } from './visits-select-lines.ts'

const midnight = eventTime('2026-03-29T00:00:00Z')
const tea = "o'brien" as MerchantId
const table = (name: TableName, columns: readonly string[]) => `${name}(${columns.join(' ')})`
const view = (name: TableName) => ({ table: name, snapshot: '7', pending: [] })
const day = (number: number, stored: number | null = null): Piece => ({
  start: midnight + number * dayMs,
  end: midnight + (number + 1) * dayMs,
  bucket: number,
  stored,
})

function question(pieces: readonly Piece[], more: Partial<VisitsQuestion> = {}): VisitsQuestion {
  return {
    from: 'visits',
    erased: [],
    merchant: tea,
    generations: answeredBy(1),
    pieces,
    dimensions: ['page'],
    filter: { op: 'is_not', dimension: 'campaign', values: ['', "it's"] },
    maxGroups: 100,
    rule: visitsRule,
    hits: view('hits'),
    sessions: view('sessions'),
    rawRowBudget: 1,
    ...more,
  }
}

describe('hits that decide visits', () => {
  it('lie two days before and one day after the UTC days of their pieces', () => {
    const noon = { ...day(0), start: midnight + 12 * hourMs, end: midnight + 13 * hourMs }
    expect(visitsHitRanges(question([noon]))).toEqual([{ start: midnight - 2 * dayMs, end: midnight + 2 * dayMs }])
  })

  it('of days far apart are read apart, and stored days between them not at all', () => {
    const pieces = [day(0), day(1, 5), ...Array.from({ length: 8 }, (_, n) => day(n + 2, 5)), day(10)]
    expect(visitsHitRanges(question(pieces))).toEqual([
      { start: midnight - 2 * dayMs, end: midnight + 2 * dayMs },
      { start: midnight + 8 * dayMs, end: midnight + 12 * dayMs },
    ])
  })

  it('are at most so many stretches: where there are more, the smallest gaps are read too', () => {
    const far = (count: number) => Array.from({ length: count }, (_, n) => day(n * 10 - (n > 3 ? 1 : 0)))
    expect(visitsHitRanges(question(far(visitsMaxReadRanges)))).toHaveLength(visitsMaxReadRanges)
    const ranges = visitsHitRanges(question(far(visitsMaxReadRanges + 1)))
    expect(ranges).toHaveLength(visitsMaxReadRanges)
    expect(ranges[3]).toEqual({ start: midnight + 28 * dayMs, end: midnight + 41 * dayMs })
  })
})

describe('what has no query', () => {
  it('is a question of stored visits by what only hits know', () => {
    expect(() => visitsSelect(question([day(0, 5)], { dimensions: ['os'] }))).toThrow(RangeError)
    expect(() => visitsSelect(question([]))).toThrow(RangeError)
  })

  it('is a rule that the days around do not decide', () => {
    const hours20 = { gapMs: hourMs, namedGapMs: 20 * hourMs, atMostMs: 19 * hourMs }
    for (const wrong of [{ gapMs: dayMs + 1 }, { namedGapMs: 0 }, { atMostMs: 1.5 }, hours20]) {
      expect(() => visitsSelect(question([day(0)], { rule: { ...visitsRule, ...wrong } }))).toThrow(RangeError)
    }
    const longest = { gapMs: dayMs, namedGapMs: dayMs, atMostMs: dayMs }
    const hours12 = { ...hours20, namedGapMs: 12 * hourMs, atMostMs: 12 * hourMs }
    for (const rule of [longest, hours12]) expect(() => visitsSelect(question([day(0)], { rule }))).not.toThrow()
  })

  it('is a derivation of no units, of too many, or of an empty one', () => {
    const units = (count: number) => Array.from({ length: count }, () => ({ merchant: tea, ...day(0) }))
    const derived = (count: number, table: 'daily' | 'sessions' = 'daily') =>
      deriveSelect({ table, generations: firstGenerations, units: units(count), erased: [], rule: visitsRule })
    expect(() => derived(deriveMaxUnits)).not.toThrow()
    for (const table of ['daily', 'sessions'] as const) {
      expect(() => derived(deriveMaxUnits + 1, table)).toThrow(RangeError)
      expect(() => derived(0, table)).toThrow(RangeError)
      const empty = [{ merchant: tea, start: midnight, end: midnight }]
      expect(() =>
        deriveSelect({ table, generations: firstGenerations, units: empty, erased: [], rule: visitsRule }),
      ).toThrow(RangeError)
    }
  })
})

describe('the SQL', () => {
  const units = [
    { merchant: tea, start: midnight, end: midnight + dayMs },
    { merchant: 'ship' as MerchantId, start: midnight, end: midnight + dayMs },
  ]
  const work = { generations: firstGenerations, units, erased: [], rule: visitsRule }
  const visitor: ErasedHits = { merchant: tea, subject: { kind: 'visitor', value: 'v' }, through: midnight }
  const erased = [visitor, { ...visitor, merchant: 'of no unit' as MerchantId }]
  const selects: Readonly<Record<string, Select>> = {
    visits: visitsSelect(question([day(0, 5), day(1)])),
    'visits-by-bot': visitsSelect(question([day(0)], { dimensions: ['bot', 'props.plan'], filter: null })),
    'visits-erased': visitsSelect(question([day(0)], { erased })),
    'derive-sessions-erased': deriveSelect({ table: 'sessions', ...work, erased }).select,
    'erased-days': erasedDaysSelect({ merchant: tea, hits: view('hits'), erased: visitor }) as Select,
    'derive-sessions': deriveSelect({ table: 'sessions', ...work }).select,
    'derive-daily': deriveSelect({ table: 'daily', ...work }, 20).select,
  }
  for (const [name, select] of Object.entries(selects)) {
    it(`of ${name} for DuckDB`, async () => {
      await expect(printDuckDb(select, table)).toMatchFileSnapshot(`golden/${name}.duckdb.sql`)
    })
    it(`of ${name} for Trino`, async () => {
      const print = name.startsWith('derive') ? printTrinoRelation : printTrino
      await expect(print(select, table)).toMatchFileSnapshot(`golden/${name}.trino.sql`)
    })
  }
})
