import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import type { Literal } from './ast.ts'
import { duckDbLiteral } from './duckdb-printer.ts'
import { anyInstant, hostileRuns, hostileTexts, impossible, instantEnds, wholeEnds } from './literals-under-test.ts'
import { quotedName } from './printer.ts'

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
  it('mean exactly the text they were given: 100,000 hostile strings', async () => {
    await fc.assert(
      fc.asyncProperty(hostileTexts, async (values) => {
        expect(await understoodTexts(values)).toEqual(
          values.map((value) => Buffer.from(value).toString('hex').toUpperCase()),
        )
      }),
      { numRuns: hostileRuns, endOnFailure: true },
    )
  })

  it('mean exactly the number they were given, at the ends of 64 bits too', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })), async (drawn) => {
        const values = [...wholeEnds, ...drawn]
        expect(await understood(values.map((value) => ({ type: 'whole', value })))).toEqual(values)
      }),
      { numRuns: 20 },
    )
  })

  it('mean exactly the millisecond they were given, from the year 1 to 9999', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyInstant), async (drawn) => {
        const values = [...instantEnds, ...drawn]
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
    for (const literal of impossible) expect(() => duckDbLiteral(literal)).toThrow(RangeError)
  })

  it('quote any name, and refuse one with a NUL', async () => {
    for (const name of ['select', 'a"b', '"', 'a b', '; --', 'ü']) {
      const reader = await connection.runAndReadAll(`SELECT 1 AS ${quotedName(name)}`)
      expect(reader.columnNames()).toEqual([name])
    }
    expect(() => quotedName('a\0')).toThrow(RangeError)
  })
})
