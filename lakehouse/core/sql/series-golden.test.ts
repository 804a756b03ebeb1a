/** The queries of series as the engines get them, question by question: `golden/<question>.<dialect>.sql`. */
import { describe, expect, it } from 'vitest'
import { eventTime, hourMs } from '../../../core/event-time.ts'
import type { MerchantId } from '../../../core/ids.ts'
import type { SeriesQuestion } from '../../../core/ports/query-engine.ts'
import type { TableName } from '../../../core/tables.ts'
import { printDuckDb } from './duckdb-printer.ts'
import { seriesSelect } from './series-select.ts'
import { seriesSelectByLists } from './series-select-by-lists.ts'
import { printTrino } from './trino-printer.ts'

const from = eventTime('2026-03-29T00:00:00Z')
const rollup: SeriesQuestion = {
  from: 'rollup',
  generation: 3,
  merchant: "o'brien" as MerchantId,
  breakdown: 'total',
  buckets: [
    { start: from, end: from + hourMs },
    { start: from + 2 * hourMs, end: from + 2.5 * hourMs },
  ],
  view: { table: 'hourly', snapshot: '1', pending: [] },
  rawRowBudget: 1,
}
const raw: SeriesQuestion = { ...rollup, from: 'raw', view: { ...rollup.view, table: 'hits' } }
const questions: Readonly<Record<string, SeriesQuestion>> = {
  'series-rollup': rollup,
  'series-raw': raw,
  'series-odd-merchant': {
    ...rollup,
    merchant: "tea\0\\ ☕😀'; --" as MerchantId,
    buckets: [{ start: -hourMs, end: 0 }],
  },
}

const source = (table: TableName, columns: readonly string[]) => `files_of_${table}(${columns.join(', ')})`
const dialects: Readonly<Record<string, (question: SeriesQuestion) => string>> = {
  duckdb: (question) => printDuckDb(seriesSelect(question), source),
  trino: (question) => printTrino(seriesSelectByLists(question), source),
}

describe.each(Object.entries(dialects))('the query of a series, for %s', (dialect, print) => {
  it.each(Object.entries(questions))('%s', async (name, question) => {
    await expect(`${print(question)}\n`).toMatchFileSnapshot(`golden/${name}.${dialect}.sql`)
  })

  it('names the merchant and the generation wherever it reads a table', () => {
    for (const asked of [rollup, raw]) {
      const sql = print(asked)
      const reads = sql.split('files_of_').length - 1
      expect(reads).toBeGreaterThan(0)
      expect(sql.split(`"rows"."merchant" = 'o''brien'`).length - 1).toBe(reads)
      expect(sql.split(/"rows"\."_gen" = (?:CAST\('3' AS BIGINT\)|BIGINT '3')/).length - 1).toBe(reads)
    }
  })
})

describe('for Trino', () => {
  it('is pure ASCII, whatever the merchant is called', () => {
    for (const question of Object.values(questions)) expect(dialects.trino?.(question)).toMatch(/^[\n -~]*$/)
  })

  it('stays below the length that Trino takes where nobody set another, with as many buckets as may be asked', () => {
    const most = Array.from({ length: 10_000 }, (_, i) => ({ start: from + i * hourMs, end: from + (i + 1) * hourMs }))
    for (const question of [rollup, raw]) {
      expect(dialects.trino?.({ ...question, buckets: most }).length).toBeLessThan(1_000_000)
    }
  })
})
