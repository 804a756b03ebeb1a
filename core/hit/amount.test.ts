import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { amountToMicros, isAmount } from './amount.ts'

describe('an amount', () => {
  it.each([
    ['0', 0n],
    ['-0', 0n],
    ['12', 12_000_000n],
    ['12.5', 12_500_000n],
    ['-0.000001', -1n],
    ['999999999999.999999', 999_999_999_999_999_999n],
    ['-999999999999.999999', -999_999_999_999_999_999n],
    ['0007.10', 7_100_000n],
  ])('in the text %s is exact', (text, micros) => {
    expect(isAmount(text)).toBe(true)
    expect(amountToMicros(text)).toBe(micros)
  })

  it.each([
    [0.1 * 3, 300_000n],
    [-0, 0n],
    [19.99, 19_990_000n],
    [1.005, 1_005_000n],
    // Exactly half a micro: away from 0. 0.0000005 is a little less than half as a double.
    [1 / 128, 7_813n],
    [-1 / 128, -7_813n],
    [0.0000005, 0n],
    [0.00000051, 1n],
    [0.0000004, 0n],
    [999_999_999_999, 999_999_999_999_000_000n],
    [-123_456_789_012.345_67, -123_456_789_012_345_673n],
    [4_503_599_627.370_497, 4_503_599_627_370_497n],
  ])('in the number %d is the nearest of 6 decimals', (amount, micros) => {
    expect(isAmount(amount)).toBe(true)
    expect(amountToMicros(amount)).toBe(micros)
  })

  it.each([
    1e12,
    -1e12,
    Number.POSITIVE_INFINITY,
    Number.NaN,
    '1000000000000',
    '-1000000000000.000000',
    '1.1234567',
    '',
    ' 1',
    '+1',
    '.5',
    '5.',
    '1e3',
    '0x10',
    '1,5',
    '١',
    '-',
    '1\n',
    '9'.repeat(33),
    null,
    true,
    [],
    {},
  ])('is not %j', (value) => {
    expect(isAmount(value)).toBe(false)
  })

  it('in a number is rounded as the exact value of its double, halves away from 0', () => {
    fc.assert(
      fc.property(fc.double({ min: -999_999_999_999, max: 999_999_999_999, noNaN: true }), (amount) => {
        const [whole = '', fraction = ''] = Math.abs(amount).toFixed(6).split('.')
        const magnitude = BigInt(whole + fraction)
        expect(amountToMicros(amount)).toBe(amount < 0 ? -magnitude : magnitude)
      }),
      { numRuns: 5_000 },
    )
  })

  it('keeps every amount of 6 decimals, as text and as number below 10^9', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n }), (micros) => {
        const digits = (micros < 0n ? -micros : micros).toString().padStart(7, '0')
        const text = `${micros < 0n ? '-' : ''}${digits.slice(0, -6)}.${digits.slice(-6)}`
        expect(amountToMicros(text)).toBe(micros)
        expect(amountToMicros(Number(text))).toBe(micros)
      }),
      { numRuns: 5_000 },
    )
  })
})
