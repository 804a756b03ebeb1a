import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { boundOfText, decimalBound, lowerStringBound, upperStringBound } from './single-value.ts'

const hex = (bytes: Buffer | undefined) => bytes?.toString('hex')

describe('bounds, by Appendix D of the specification', () => {
  it.each([
    ['boolean', 'true', '01'],
    ['boolean', 'false', '00'],
    ['boolean', '1', '01'],
    ['boolean', '0', '00'],
    ['int', '-2', 'feffffff'],
    ['long', '9223372036854775807', 'ffffffffffffff7f'],
    ['double', '1.5', '000000000000f83f'],
    ['timestamptz', '1970-01-01 00:00:00.000001+00', '0100000000000000'],
    ['timestamptz', '1969-12-31 23:59:59.999+00', '18fcffffffffffff'],
    ['timestamptz', '2026-03-01 12:00:00+00', '0010af35f54b0600'],
    ['decimal38', '0', '00'],
    ['decimal38', '127', '7f'],
    ['decimal38', '128', '0080'],
    ['decimal38', '-128', '80'],
    ['decimal38', '-129', 'ff7f'],
    ['string', 'shop', '73686f70'],
  ] as const)('%s %s is %s', (type, text, wanted) => {
    expect(hex(boundOfText(type, text, 'lower'))).toBe(wanted)
  })

  it('of zero hold -0 and 0, whichever DuckDB printed', () => {
    expect(hex(boundOfText('double', '0.0', 'lower'))).toBe('0000000000000080')
    expect(hex(boundOfText('double', '-0.0', 'upper'))).toBe('0000000000000000')
  })

  it('are left out for NaN and nested columns', () => {
    expect(boundOfText('double', 'nan', 'upper')).toBeUndefined()
    expect(boundOfText('boolean', 'TRUE', 'upper')).toBeUndefined()
    expect(boundOfText({ list: { elementId: 1, element: 'long' } }, '[1]', 'upper')).toBeUndefined()
  })

  it('of a decimal read back as the number, in the fewest bytes', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 38n), max: 10n ** 38n }), (value) => {
        const bytes = decimalBound(value)
        expect(BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`))).toBe(value)
        if (bytes.length > 1) expect(BigInt.asIntN((bytes.length - 1) * 8, value)).not.toBe(value)
      }),
    )
  })
})

describe('bounds of strings', () => {
  // As bytes, for that is how readers compare them.
  const above = (bound: Buffer | undefined, text: string) =>
    bound === undefined || bound.compare(Buffer.from(text)) >= 0

  it('hold every string that begins as theirs, cut at 16 code points', () => {
    const point = fc.constantFrom('a', 'z', 'é', '茶', '\ud7ff', '\ue000', '\uffff', '😀', '\u{10ffff}')
    fc.assert(
      fc.property(fc.string({ unit: point, maxLength: 20 }), (text) => {
        const [lower, upper] = [lowerStringBound(text), upperStringBound(text)]
        expect(lower.compare(Buffer.from(text)) <= 0).toBe(true)
        expect(above(upper, text)).toBe(true)
        expect([...lower.toString()].length).toBeLessThanOrEqual(16)
        if (upper !== undefined) expect([...upper.toString()].length).toBeLessThanOrEqual(16)
      }),
      { numRuns: 1_000 },
    )
  })

  it('of 16 code points are the string itself, of one more are raised', () => {
    const text = 'a'.repeat(16)
    expect(upperStringBound(text)?.toString()).toBe(text)
    expect(upperStringBound(`${text}a`)?.toString()).toBe(`${'a'.repeat(15)}b`)
  })

  it('skip the surrogates when raised, and carry over the last code point there is', () => {
    expect(upperStringBound(`${'a'.repeat(15)}\ud7ffx`)?.toString()).toBe(`${'a'.repeat(15)}\ue000`)
    expect(upperStringBound(`a${'\u{10ffff}'.repeat(16)}`)?.toString()).toBe('b')
    expect(upperStringBound('\u{10ffff}'.repeat(17))).toBeUndefined()
  })
})
