/** The queries of hits as the engines get them, question by question: `golden/<question>.<dialect>.sql`. */

import { describe, expect, it } from 'vitest'
import { eventTime, hourMs } from '../../../core/event-time.ts'
import type { MerchantId } from '../../../core/ids.ts'
import { erasedValueMax, openErasuresPerMerchantMax } from '../../../core/ports/erasure-store.ts'
import type { HitsQuestion, RawQuestion, RollupQuestion } from '../../../core/ports/query-engine.ts'
import { answeredBy } from '../../../core/ports/query-engine-under-test.ts'
import type { TableName } from '../../../core/tables.ts'
import { totalSketchSize } from '../../../schemas/tables.ts'
import { printDuckDb } from './duckdb-printer.ts'
import { hitsSelect } from './hits-select.ts'
import { hitsSelectByLists } from './hits-select-by-lists.ts'
import { printTrino } from './trino-printer.ts'

const from = eventTime('2026-03-29T00:00:00Z')
const view = (table: TableName) => ({ table, snapshot: '1', pending: [] })
const common = {
  generations: answeredBy(3),
  merchant: "o'brien" as MerchantId,
  dimensions: [],
  filter: null,
  maxGroups: 20_000,
  parts: ['visitors'],
  sketchSize: totalSketchSize,
  pieces: [
    { start: from, end: from + hourMs, bucket: 0, stored: null },
    { start: from + 2 * hourMs, end: from + 2.5 * hourMs, bucket: 1, stored: null },
  ],
} as const
const rollup: RollupQuestion = {
  ...common,
  from: 'rollup',
  breakdown: 'total',
  hourly: view('hourly'),
  daily: view('daily'),
}
const raw: RawQuestion = { ...common, from: 'raw', hits: view('hits'), erased: [], rawRowBudget: 1 }

const own = { merchant: common.merchant }

const questions: Readonly<Record<string, HitsQuestion>> = {
  'hits-rollup': rollup,
  'hits-rollup-breakdown': {
    ...rollup,
    breakdown: 'page',
    dimensions: ['page'],
    parts: ['load', 'otherRevenue', 'visitors'],
    sketchSize: 1_025,
    filter: { op: 'contains', dimension: 'page', values: ['/bowls', "o'b"] },
    pieces: [...common.pieces, { start: from + 24 * hourMs, end: from + 48 * hourMs, bucket: 1, stored: 7 }],
  },
  'hits-raw': raw,
  'hits-raw-filtered': {
    ...raw,
    dimensions: ['country', 'props.size'],
    parts: ['load', 'otherRevenue'],
    filter: {
      op: 'or',
      filters: [
        { op: 'is_not', dimension: 'os', values: ['', 'Android'] },
        { op: 'not', filter: { op: 'is', dimension: 'bot', values: ['true'] } },
      ],
    },
  },
  'hits-raw-erased': {
    ...raw,
    erased: [
      { ...own, subject: { kind: 'visitor', value: "v'1" }, through: from },
      { ...own, subject: { kind: 'visitor', value: '😀' }, through: from + 1 },
      { ...own, subject: { kind: 'visitor', value: 'v2' }, through: from },
      { ...own, subject: { kind: 'visitor', value: '\ud800' }, through: from },
      { ...own, subject: { kind: 'user', value: 'u' }, through: from + 2 },
      { ...own, subject: { kind: 'merchant' }, through: from - 2 },
      { ...own, subject: { kind: 'merchant' }, through: from - 1 },
    ],
  },
  'hits-odd-merchant': {
    ...rollup,
    merchant: "tea\0\\ ☕😀'; --" as MerchantId,
    pieces: [{ start: -hourMs, end: 0, bucket: 0, stored: null }],
    parts: [],
  },
}

const source = (table: TableName, columns: readonly string[]) => `files_of_${table}(${columns.join(', ')})`
const dialects: Readonly<Record<string, (question: HitsQuestion) => string>> = {
  duckdb: (question) => printDuckDb(hitsSelect(question), source),
  trino: (question) => printTrino(hitsSelectByLists(question), source),
}

describe.each(Object.entries(dialects))('the query of hits, for %s', (dialect, print) => {
  it.each(Object.entries(questions))('%s', async (name, question) => {
    await expect(`${print(question)}\n`).toMatchFileSnapshot(`golden/${name}.${dialect}.sql`)
  })

  it('names the merchant and the generation wherever it reads a table', () => {
    for (const [name, asked] of Object.entries(questions)) {
      const sql = print({ ...asked, merchant: common.merchant })
      const reads = sql.split('files_of_').length - 1
      expect(reads, name).toBeGreaterThan(0)
      expect(sql.split(`"stored"."merchant" = 'o''brien'`).length - 1, name).toBe(reads)
      expect(sql.split(/"stored"\."_gen" = (?:CAST\('3' AS BIGINT\)|BIGINT '3')/).length - 1, name).toBe(reads)
    }
  })

  it('refuses a rollup of what its breakdown does not hold', () => {
    const foreign = { op: 'is', dimension: 'country', values: ['DE'] } as const
    expect(() => print({ ...rollup, dimensions: ['page'] })).toThrow(RangeError)
    expect(() => print({ ...rollup, breakdown: 'page', filter: foreign })).toThrow(RangeError)
    expect(() => print({ ...rollup, breakdown: 'page', dimensions: ['page', 'page'] })).toThrow(RangeError)
  })
})

describe('for Trino', () => {
  it('is pure ASCII, whatever the merchant is called', () => {
    for (const question of Object.values(questions)) expect(dialects.trino?.(question)).toMatch(/^[\n -~]*$/)
  })

  it('stays below the length that Trino takes where nobody set another, with as many pieces as may be asked', () => {
    const most = (count: number, stored: number | null) =>
      Array.from({ length: count }, (_, i) => ({
        start: from + i * hourMs,
        end: from + (i + 1) * hourMs,
        bucket: i >> 1,
        stored: i % 2 === 0 ? null : stored,
      }))
    const mostErased = Array.from({ length: openErasuresPerMerchantMax }, (_, i) => {
      const value = `${i}-`.padEnd(erasedValueMax, 'x')
      return { ...own, subject: { kind: 'visitor' as const, value }, through: from + i }
    })
    const lengths = [
      dialects.trino?.({ ...rollup, pieces: most(20_000, 100_000) }).length,
      dialects.trino?.({ ...raw, pieces: most(10_000, null), erased: mostErased }).length,
      // Of hits each bucket is one piece.
      dialects.trino?.({ ...raw, pieces: most(10_000, null), parts: ['load', 'visitors', 'otherRevenue'] }).length,
    ]
    for (const length of lengths) expect(length).toBeLessThan(1_000_000)
  })
})
