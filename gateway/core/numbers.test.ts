import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { countJson, decimalText, minorDigitsOf, toCount } from './numbers.ts'

describe('counts', () => {
  it('are JSON numbers up to 2^53 and strings beyond', () => {
    expect(countJson(toCount(0n))).toBe('0')
    expect(countJson(toCount(2n ** 53n))).toBe('9007199254740992')
    expect(countJson(toCount(2n ** 53n + 1n))).toBe('"9007199254740993"')
    expect(countJson(toCount(10n ** 30n))).toBe(`"1${'0'.repeat(30)}"`)
  })
})

describe('money', () => {
  it("has the currency's decimals at least, and more only where they count", () => {
    expect(decimalText(12_500_000n, 2)).toBe('12.50')
    expect(decimalText(12_345_000n, 2)).toBe('12.345')
    expect(decimalText(0n, 2)).toBe('0.00')
    expect(decimalText(12_000_000n, 0)).toBe('12')
    expect(decimalText(12_100_000n, 0)).toBe('12.1')
    expect(decimalText(1n, 2)).toBe('0.000001')
    expect(decimalText(-12_500_000n, 2)).toBe('-12.50')
    expect(decimalText(-1n, 3)).toBe('-0.000001')
    expect(decimalText(5_000_000n, 3)).toBe('5.000')
  })

  it('is exact for any sum', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }),
        fc.integer({ min: 0, max: 6 }),
        (micros, digits) => {
          const [whole = '', fraction = ''] = decimalText(micros, digits).replace('-', '').split('.')
          const sign = decimalText(micros, digits).startsWith('-') ? -1n : 1n
          expect(sign * (BigInt(whole) * 1_000_000n + BigInt(fraction.padEnd(6, '0')))).toBe(micros)
          expect(fraction.length).toBeGreaterThanOrEqual(digits)
          if (fraction.length > digits) expect(fraction.endsWith('0')).toBe(false)
        },
      ),
    )
  })

  it('knows how many decimals a currency has', () => {
    expect(minorDigitsOf('EUR')).toBe(2)
    expect(minorDigitsOf('JPY')).toBe(0)
    expect(minorDigitsOf('KWD')).toBe(3)
    expect(minorDigitsOf('nonsense')).toBe(2)
  })
})
