import { describe, expect, it } from 'vitest'
import { dayMs, eventTime, hourMs } from '../../../core/event-time.ts'
import type { MerchantId } from '../../../core/ids.ts'
import type { RawQuestion, VisitsQuestion } from '../../../core/ports/query-engine.ts'
import { answeredBy } from '../../../core/ports/query-engine-under-test.ts'
import type { TableName } from '../../../core/tables.ts'
import { visitsRule } from '../../../core/visits.ts'
import { totalSketchSize } from '../../../schemas/tables.ts'
import { hitsReadSelect } from './hits-read-select.ts'
import { printTrino } from './trino-printer.ts'

const midnight = eventTime('2026-03-29T00:00:00Z')
const view = (table: TableName) => ({ table, snapshot: '1', pending: [] })
const piece = (start: number, end: number, stored: number | null = null) => ({ start, end, bucket: 0, stored })
const common = {
  merchant: "o'brien" as MerchantId,
  generations: answeredBy(3),
  dimensions: ['page'],
  filter: { op: 'is', dimension: 'page', values: ['/bowls'] },
  maxGroups: 100,
  hits: view('hits'),
  erased: [],
  rawRowBudget: 1,
} as const
const raw: RawQuestion = {
  ...{ ...common, from: 'raw', parts: ['visitors'], sketchSize: totalSketchSize },
  pieces: [piece(midnight, midnight + hourMs), piece(midnight + 2 * hourMs, midnight + 3 * hourMs)],
}
const visits: VisitsQuestion = {
  ...{ ...common, from: 'visits', sessions: view('sessions'), rule: visitsRule },
  pieces: [
    piece(midnight, midnight + dayMs),
    piece(midnight + dayMs, midnight + 20 * dayMs, 7),
    piece(midnight + 20 * dayMs, midnight + 21 * dayMs),
  ],
}

describe('the hits that a question has read', () => {
  it('are planned by these statements: whose they are and when they happened, and nothing else', async () => {
    const names = (table: TableName, columns: readonly string[]) => `${table}(${columns.join(' ')})`
    const text = [raw, visits].map((question) => `${printTrino(hitsReadSelect(question), names)};\n`)
    await expect(text.join('\n')).toMatchFileSnapshot('golden/hits-read.trino.sql')
  })
})
