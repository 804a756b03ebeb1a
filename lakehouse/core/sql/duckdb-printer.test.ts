import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { eventTime } from '../../../core/event-time.ts'
import type { MerchantId } from '../../../core/ids.ts'
import type { SeriesQuestion } from '../../../core/ports/query-engine.ts'
import type { Literal } from './ast.ts'
import { duckDbLiteral, printDuckDb } from './duckdb-printer.ts'
import { quotedName } from './printer.ts'
import { seriesSelect } from './series-select.ts'

const instance = await DuckDBInstance.create(':memory:')
const connection = await instance.connect()
await connection.run("SET TimeZone = 'UTC'")
afterAll(() => {
  connection.closeSync()
  instance.closeSync()
})

/** What DuckDB understands of literals; one statement for all of them. */
async function understood(literals: readonly Literal[]): Promise<readonly unknown[]> {
  const rows = literals.map((literal, i) => `(${i}, ${duckDbLiteral(literal)})`).join(', ')
  const reader = await connection.runAndReadAll(`SELECT v FROM (VALUES ${rows}) AS t(i, v) ORDER BY i`)
  return reader.getColumnsJS()[0] ?? []
}

/** The bytes of texts in hex: the client drops a U+FEFF at the start of a text it reads, DuckDB itself keeps it. */
async function understoodTexts(values: readonly string[]): Promise<readonly unknown[]> {
  const rows = values.map((value, i) => `(${i}, ${duckDbLiteral({ type: 'text', value })})`).join(', ')
  const reader = await connection.runAndReadAll(`SELECT hex(encode(v)) FROM (VALUES ${rows}) AS t(i, v) ORDER BY i`)
  return reader.getColumnsJS()[0] ?? []
}

describe('literals for DuckDB', () => {
  const hostile = [
    "'",
    "''",
    "\\'",
    '\\',
    '"',
    '--',
    '/*',
    '*/',
    ';',
    "'; DROP TABLE hits; --",
    "' OR 1=1 --",
    '\0',
    "\0'",
    '$1',
    '?',
    '$$',
    "E'\\x27'",
    '\u2019',
    '\u02bc',
    '\uff07',
    '\u0000;',
    '\r\n',
    '\u2028',
    '\ufeff',
    '😀',
    "U&'\\0027'",
    '$' + '{x}',
    '%',
    '_',
    'NULL',
  ]

  it('mean exactly the text they were given: 100,000 hostile strings', async () => {
    const piece = fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(...hostile) },
      { weight: 2, arbitrary: fc.string({ unit: 'grapheme', maxLength: 6 }) },
      {
        weight: 1,
        arbitrary: fc.string({ unit: 'binary', maxLength: 6 }).filter((text) => !/\p{Surrogate}/u.test(text)),
      },
    )
    const text = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(''))
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 1_000, maxLength: 1_000 }), async (values) => {
        expect(await understoodTexts(values)).toEqual(
          values.map((value) => Buffer.from(value).toString('hex').toUpperCase()),
        )
      }),
      { numRuns: 100, endOnFailure: true },
    )
  })

  it('mean exactly the number they were given, at the ends of 64 bits too', async () => {
    const ends = [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n]
    await fc.assert(
      fc.asyncProperty(fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })), async (drawn) => {
        const values = [...ends, ...drawn]
        expect(await understood(values.map((value) => ({ type: 'whole', value })))).toEqual(values)
      }),
      { numRuns: 20 },
    )
  })

  it('mean exactly the millisecond they were given, from the year 1 to 9999', async () => {
    const first = Date.parse('0001-01-01T00:00:00.000Z')
    const last = Date.parse('9999-12-31T23:59:59.999Z')
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: first, max: last })), async (drawn) => {
        const values = [first, last, 0, -1, ...drawn]
        const rows = values.map((value, i) => `(${i}, ${duckDbLiteral({ type: 'instant', value })})`)
        const reader = await connection.runAndReadAll(
          `SELECT epoch_ms(v) FROM (VALUES ${rows.join(', ')}) AS t(i, v) ORDER BY i`,
        )
        expect(reader.getColumnsJS()[0]).toEqual(values.map(BigInt))
      }),
      { numRuns: 20 },
    )
  })

  it('are booleans', async () => {
    expect(await understood([true, false].map((value) => ({ type: 'boolean', value })))).toEqual([true, false])
  })

  it('refuse what their type cannot hold', () => {
    for (const literal of [
      { type: 'text', value: 'a\ud800b' },
      { type: 'text', value: '\udc00' },
      { type: 'whole', value: 2 ** 53 },
      { type: 'whole', value: 0.5 },
      { type: 'whole', value: Number.NaN },
      { type: 'whole', value: 2n ** 63n },
      { type: 'instant', value: Date.parse('9999-12-31T23:59:59.999Z') + 1 },
      { type: 'instant', value: Date.parse('0001-01-01T00:00:00.000Z') - 1 },
      { type: 'instant', value: 0.5 },
    ] as const) {
      expect(() => duckDbLiteral(literal)).toThrow(RangeError)
    }
  })

  it('quote any name, and refuse one with a NUL', async () => {
    for (const name of ['select', 'a"b', '"', 'a b', '; --', 'ü']) {
      const reader = await connection.runAndReadAll(`SELECT 1 AS ${quotedName(name)}`)
      expect(reader.columnNames()).toEqual([name])
    }
    expect(() => quotedName('a\0')).toThrow(RangeError)
  })
})

describe('the query of a series, for DuckDB', () => {
  const from = eventTime('2026-03-29T00:00:00Z')
  const question: SeriesQuestion = {
    from: 'rollup',
    generation: 3,
    merchant: "o'brien" as MerchantId,
    breakdown: 'total',
    buckets: [
      { start: from, end: from + 3_600_000 },
      { start: from + 7_200_000, end: from + 9_000_000 },
    ],
    view: { table: 'hourly', snapshot: '1', pending: [] },
    rawRowBudget: 1,
  }
  const print = (asked: SeriesQuestion) =>
    `${printDuckDb(seriesSelect(asked), (table, columns) => `files_of_${table}(${columns.join(', ')})`)}\n`

  it('from the rollup', async () => {
    await expect(print(question)).toMatchFileSnapshot('golden/series-rollup.duckdb.sql')
  })

  it('from hits', async () => {
    const raw: SeriesQuestion = { ...question, from: 'raw', view: { ...question.view, table: 'hits' } }
    await expect(print(raw)).toMatchFileSnapshot('golden/series-raw.duckdb.sql')
  })

  it('names the merchant and the generation wherever it reads a table', () => {
    for (const asked of [question, { ...question, from: 'raw', view: { ...question.view, table: 'hits' } } as const]) {
      const sql = print(asked)
      const reads = sql.split('files_of_').length - 1
      expect(reads).toBeGreaterThan(0)
      expect(sql.split(`"rows"."merchant" = 'o''brien'`).length - 1).toBe(reads)
      expect(sql.split(`"rows"."_gen" = CAST('3' AS BIGINT)`).length - 1).toBe(reads)
    }
  })
})
