import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createHasher } from './hasher.ts'

const { visitorHash } = await createHasher()

describe('the visitor hash', () => {
  it('is XXH64 without its top bit', () => {
    // Published test vectors of XXH64 with seed 0: '' → ef46db3751d8e999, 'a' → d24ec4f1a98c6e5b.
    expect(visitorHash('0000000000000000', '')).toBe(0x6f46db3751d8e999n)
    expect(visitorHash('0000000000000000', 'a')).toBe(0x524ec4f1a98c6e5bn)
  })

  it('is a non-negative 63-bit number, the same for the same seed and visitor, in any order of seeds', () => {
    const seeds = fc.constantFrom('0000000000000000', 'ffffffffffffffff', '0123456789abcdef')
    fc.assert(
      fc.property(fc.array(fc.tuple(seeds, fc.string({ unit: 'binary', maxLength: 64 }))), (asked) => {
        const first = asked.map(([seed, visitor]) => visitorHash(seed, visitor))
        const again = asked.toReversed().map(([seed, visitor]) => visitorHash(seed, visitor))
        expect(again.toReversed()).toEqual(first)
        for (const hash of first) expect(hash >= 0n && hash < 2n ** 63n).toBe(true)
      }),
    )
  })

  it('ties no visitor of one merchant to the same visitor of another', () => {
    expect(visitorHash('0000000000000001', 'ann')).not.toBe(visitorHash('0000000000000002', 'ann'))
  })

  it('refuses a seed that is not 16 hex digits', () => {
    for (const seed of ['', '12', 'zz00000000000000', '00000000000000000', 'ABCDEF0123456789']) {
      expect(() => visitorHash(seed, 'ann')).toThrow(RangeError)
    }
  })
})
