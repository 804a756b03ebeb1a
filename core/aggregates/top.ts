/**
 * Exact sums of weights by value. Nothing is cut here, so that it merges; who reads cuts to the largest. Bounded by the
 * distinct values of its rows: for columns that have few, such as currencies.
 */
import type { LakeValue } from '../tables.ts'
import { compareText } from '../text-order.ts'
import { type Aggregate, expectKind, packed } from './aggregate.ts'
import { type Integer, integerOf } from './sum.ts'

export interface Weighted {
  readonly value: string
  readonly weight: bigint
}

/** What the fields of the lake's structs are called. */
export interface TopFields {
  readonly value: string
  readonly weight: string
}

/** A row brings a value and its weight; a null value is left out. The result rises by value, by code point. */
export function top(
  fields: TopFields = { value: 'value', weight: 'weight' },
): Aggregate<Map<string, bigint>, { readonly value: string | null; readonly weight: Integer }, readonly Weighted[]> {
  const add = (state: Map<string, bigint>, value: string, weight: bigint) =>
    state.set(value, (state.get(value) ?? 0n) + weight)
  const of = (entries: readonly Weighted[], into = new Map<string, bigint>()) => {
    for (const { value, weight } of entries) add(into, value, weight)
    return into
  }
  return {
    kind: 'top',
    create: () => new Map(),
    add: (state, { value, weight }) => (value === null ? state : add(state, value, BigInt(weight))),
    merge: (a, b) => of(rising(b), a),
    result: rising,
    pack: (state) => packed('top', { weights: rising(state) }),
    unpack(found) {
      expectKind(found, 'top')
      return of(found.weights)
    },
    toLake(state) {
      if (state.size === 0) return null
      return rising(state).map(({ value, weight }) => ({ [fields.value]: value, [fields.weight]: weight }))
    },
    fromLake(value) {
      const entries = ((value ?? []) as readonly LakeValue[]).map((entry) => {
        const found = entry as { readonly [name: string]: LakeValue }
        return { value: String(found[fields.value]), weight: integerOf(found[fields.weight]) }
      })
      return of(entries)
    },
  }
}

function rising(state: ReadonlyMap<string, bigint>): readonly Weighted[] {
  return [...state].sort(([a], [b]) => compareText(a, b)).map(([value, weight]) => ({ value, weight }))
}
