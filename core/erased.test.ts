import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ErasableHit, erasedTest } from './erased.ts'
import type { MerchantId } from './ids.ts'
import type { ErasedHits, ErasureSubject } from './ports/erasure-store.ts'

const few = (...names: readonly string[]) => fc.constantFrom(...names)
const moment = fc.integer({ min: 0, max: 5 })
const hits: fc.Arbitrary<ErasableHit> = fc.record({
  merchant: few('a', 'b'),
  visitor: fc.option(few('v', 'w', ''), { nil: null }),
  user: fc.option(few('v', 'u'), { nil: null }),
  received: moment,
})
const subjects: fc.Arbitrary<ErasureSubject> = fc.oneof(
  fc.record({ kind: few('visitor', 'user') as fc.Arbitrary<'visitor' | 'user'>, value: few('v', 'w', 'u') }),
  fc.constant({ kind: 'merchant' as const }),
)
const erasures: fc.Arbitrary<ErasedHits> = fc.record({
  merchant: few('a', 'b') as fc.Arbitrary<MerchantId>,
  subject: subjects,
  through: moment,
})

describe('an erasure', () => {
  it('takes what its subject sent up to and at its moment, and nothing a millisecond later', () => {
    fc.assert(
      fc.property(erasures, hits, (erased, hit) => {
        const { merchant, subject, through } = erased
        const mine = { ...hit, merchant, ...(subject.kind !== 'merchant' && { [subject.kind]: subject.value }) }
        const isErased = erasedTest([erased])
        expect(isErased({ ...mine, received: through })).toBe(true)
        expect(isErased({ ...mine, received: through + 1 })).toBe(false)
        expect(isErased({ ...mine, merchant: 'c', received: through })).toBe(false)
      }),
    )
  })

  it('among many takes what it takes alone', () => {
    fc.assert(
      fc.property(fc.array(erasures), fc.array(hits), (erased, all) => {
        const isErased = erasedTest(erased)
        for (const hit of all) expect(isErased(hit)).toBe(erased.some((each) => erasedTest([each])(hit)))
      }),
    )
  })
})
