/** Erasures of drawn hits, for contract suites. */
import fc from 'fast-check'
import type { MerchantId } from '../ids.ts'
import type { ErasedHits, ErasureSubject } from './erasure-store.ts'

/** Of these merchants, visitors and users, some received before and some after; often none. */
export function drawnErasures(options: {
  readonly merchants: readonly MerchantId[]
  readonly values: readonly string[]
  readonly from: number
  readonly to: number
}): fc.Arbitrary<readonly ErasedHits[]> {
  const value = fc.constantFrom(...options.values, '\ud800', "o'b")
  const subject: fc.Arbitrary<ErasureSubject> = fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('visitor' as const, 'user' as const), value }) },
    fc.constant({ kind: 'merchant' as const }),
  )
  const moments = fc.integer({ min: options.from, max: options.to })
  const erased = fc.record({ merchant: fc.constantFrom(...options.merchants), subject, through: moments })
  return fc.oneof(
    fc.constant([]),
    fc.array(erased, { minLength: 1, maxLength: 4 }),
    // Of one moment, as those are that were asked for together.
    fc
      .tuple(fc.array(erased, { minLength: 2, maxLength: 4 }), moments)
      .map(([all, through]) => all.map((each) => ({ ...each, through }))),
  )
}
