/** Literals as Trino's grammar reads them (SqlBase.g4: STRING, UNICODE_STRING); trino-printer.cluster.test.ts asks Trino itself. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hostileRuns, hostileTexts, impossible, instantEnds, readTrinoToken, wholeEnds } from './literals-under-test.ts'
import { trinoLiteral } from './trino-printer.ts'

describe('literals for Trino', () => {
  it('are one string token that means the text: 100,000 hostile strings', () => {
    fc.assert(
      fc.property(hostileTexts, (values) => {
        for (const value of values) {
          const literal = trinoLiteral({ type: 'text', value })
          expect(readTrinoToken(literal)).toBe(value)
          expect(literal).toMatch(/^[ -~]*$/)
        }
      }),
      { numRuns: hostileRuns, endOnFailure: true },
    )
  })

  it('of plain text are plain, others name every character that is not printable ASCII by its number', () => {
    const literal = (value: string) => trinoLiteral({ type: 'text', value })
    expect(literal('')).toBe("''")
    expect(literal("o'brien \\ 50%")).toBe("'o''brien \\ 50%'")
    expect(literal("\\ü'\0😀")).toBe("U&'\\\\\\+0000fc''\\+000000\\+01f600'")
  })

  it('of numbers, instants and booleans carry their type', () => {
    expect(wholeEnds.map((value) => trinoLiteral({ type: 'whole', value })).slice(2, 4)).toEqual([
      "BIGINT '9223372036854775807'",
      "BIGINT '-9223372036854775808'",
    ])
    expect(instantEnds.map((value) => trinoLiteral({ type: 'instant', value }))).toEqual([
      "TIMESTAMP '0001-01-01 00:00:00.000 UTC'",
      "TIMESTAMP '9999-12-31 23:59:59.999 UTC'",
      "TIMESTAMP '1970-01-01 00:00:00.000 UTC'",
      "TIMESTAMP '1969-12-31 23:59:59.999 UTC'",
    ])
    expect([true, false].map((value) => trinoLiteral({ type: 'boolean', value }))).toEqual(['TRUE', 'FALSE'])
  })

  it('refuse what their type cannot hold', () => {
    for (const literal of impossible) expect(() => trinoLiteral(literal)).toThrow(RangeError)
  })
})
