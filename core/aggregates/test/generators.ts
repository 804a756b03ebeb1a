/**
 * Rows as hits make them, for tests that hold two ways of aggregating equal: core/aggregates, partials, and the folds of
 * engines. Values are few and lie at edges, so that repeats, ties, zeros and nulls are common.
 */
import fc from 'fast-check'
import type { Offset } from '../../ids.ts'
import type { Placed } from '../first-last.ts'

/** In [0, 2^63), many the same and many that one double cannot tell apart. */
export const aHash: fc.Arbitrary<bigint> = fc.oneof(
  fc.bigInt(0n, 12n),
  fc.bigInt(2n ** 62n, 2n ** 62n + 12n),
  fc.bigInt(2n ** 63n - 6n, 2n ** 63n - 1n),
  fc.bigInt(0n, 2n ** 63n - 1n),
)

/** Micros: below 10^18 either way, as revenue is. */
export const micros: fc.Arbitrary<bigint> = fc.oneof(fc.bigInt(-3n, 3n), fc.bigInt(-(10n ** 18n) + 1n, 10n ** 18n - 1n))

/** Numbers of load buckets: zero, both signs, and next to each other. */
export const aBucket: fc.Arbitrary<number> = fc.oneof(
  fc.constant(0),
  fc.integer({ min: 40_298, max: 40_304 }),
  fc.integer({ min: -40_302, max: -40_298 }),
)

export const aCurrency: fc.Arbitrary<string> = fc.constantFrom('CHF', 'DKK', 'EUR', 'USD')

/** Texts whose order by code point is not that of UTF-16 units, among others. */
export const aText: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom('', 'a', 'A', 'ä', '\u{1f600}', '\uffee', '\ue000', 'a\u{1f600}', 'a\uffee'),
  fc.string({ unit: 'binary', maxLength: 4 }),
)

/** Mergeable values of one partial row of `hourly`, as its columns hold them: lists rising, null where empty. */
export interface PartialValues {
  readonly hits: number
  readonly revenue: bigint
  readonly visitors: readonly bigint[]
  readonly load: readonly { readonly bucket: number; readonly n: bigint }[] | null
  readonly otherRevenue: readonly { readonly currency: string; readonly micros: bigint }[] | null
}

/** Partial rows with sketches of at most `k`; old rows, whose newer columns are null, among them. */
export function partialValues(k: number): fc.Arbitrary<PartialValues> {
  const rising = <T, K extends number | bigint | string>(of: fc.Arbitrary<T>, key: (value: T) => K) =>
    fc.uniqueArray(of, { selector: key, maxLength: 8 }).map((list) => list.sort((a, b) => (key(a) < key(b) ? -1 : 1)))
  const orNull = <T>(list: fc.Arbitrary<readonly T[]>) => list.map((all) => (all.length === 0 ? null : all))
  const bucket = fc.record({ bucket: aBucket, n: fc.bigInt(1n, 2n ** 40n) })
  const amount = fc.record({ currency: aCurrency, micros })
  return fc.record({
    hits: fc.nat(1_000),
    revenue: micros,
    visitors: rising(aHash, (hash) => hash).map((hashes) => hashes.slice(0, k)),
    load: orNull(rising(bucket, (each) => each.bucket)),
    otherRevenue: orNull(rising(amount, (each) => each.currency)),
  })
}

/** Values with places that often tie in part and sometimes wholly. */
export const aPlaced: fc.Arbitrary<Placed> = fc.record({
  time: fc.integer({ min: -1, max: 2 }),
  position: fc.record({
    partition: fc.nat(1),
    offset: fc.nat(2).map((offset) => offset as Offset),
    index: fc.nat(1),
  }),
  value: fc.option(aText),
})
