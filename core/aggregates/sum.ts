/**
 * Exact sums, and the average that is made of one. Integers only: doubles added in another order give another sum.
 * Amounts are below 10^18 (core/hit.ts), so a sum of 2^53 of them still fits the lake's 38 digits.
 */
import type { LakeValue } from '../tables.ts'
import { type Aggregate, expectKind, packed } from './aggregate.ts'

/** An integer as columns hold them. A number must be safe. */
export type Integer = bigint | number

/** Of integers; null adds nothing. Of nothing it is 0. */
export function sum(): Aggregate<bigint, Integer | null, bigint> {
  return {
    kind: 'sum',
    create: () => 0n,
    add(state, amount) {
      if (amount === null) return state
      const more = typeof amount === 'bigint' ? amount : BigInt(amount)
      // A bigint that is added is a new one; many sums are of one amount.
      return state === 0n ? more : state + more
    },
    merge: (a, b) => a + b,
    result: (state) => state,
    pack: (state) => packed('sum', { sum: state }),
    unpack(found) {
      expectKind(found, 'sum')
      return found.sum
    },
    toLake: (state) => state,
    fromLake: (value) => integerOf(value),
  }
}

export interface Average {
  readonly sum: bigint
  readonly n: bigint
}

/**
 * Of integers, nulls left out: exact sum and count; only the result is a double, made of the two by one division of whole
 * numbers and one of the rest, so within two of its last places. Of nothing it is null. In the lake: struct {sum, n}.
 */
export function avg(): Aggregate<Average, Integer | null, number | null> {
  return {
    kind: 'avg',
    create: () => ({ sum: 0n, n: 0n }),
    add: (state, value) => (value === null ? state : { sum: state.sum + BigInt(value), n: state.n + 1n }),
    merge: (a, b) => ({ sum: a.sum + b.sum, n: a.n + b.n }),
    result: ({ sum: total, n }) => (n === 0n ? null : Number(total / n) + Number(total % n) / Number(n)),
    pack: (state) => packed('avg', state),
    unpack(found) {
      expectKind(found, 'avg')
      return { sum: found.sum, n: found.n }
    },
    toLake: ({ sum: total, n }) => ({ sum: total, n }),
    fromLake(value) {
      const { sum: total, n } = (value ?? {}) as { readonly [name: string]: LakeValue | undefined }
      return { sum: integerOf(total), n: integerOf(n) }
    },
  }
}

/** An integer read from the lake; null is 0. */
export function integerOf(value: LakeValue | undefined): bigint {
  return BigInt((value ?? 0) as Integer)
}
