/**
 * What an aggregate is: a state that rows are added to and that merges. Every one of the closed set keeps these laws, so
 * the parts of a whole can be made anywhere, in any order, and give the whole's number:
 *
 * - merge is associative and commutative, and `create()` changes nothing that it is merged with;
 * - the result of rows added to several states, merged, is the result of all of them added to one.
 *
 * `unpack(pack(s))` and `fromLake(toLake(s))` are `s` again, as far as its result and merges can tell.
 */
import type { Position } from '../ids.ts'
import type { LakeValue } from '../tables.ts'

/** `S` the state, `I` what a row brings, `R` the result. */
export interface Aggregate<S, I, R> {
  readonly kind: AggregateKind
  /** Of no rows. */
  create(): S
  /** The state with one row more. Owns `state`: may change it and give it back. */
  add(state: S, input: I): S
  /** Of the rows of both. Owns `a`, leaves `b` as it is. */
  merge(a: S, b: S): S
  /** May be asked at any time; the state goes on. */
  result(state: S): R
  /** For checkpoints and messages: `schemas/avro/aggregate-state.v1.avsc`. */
  pack(state: S): PackedState
  /** @throws RangeError for the state of another aggregate */
  unpack(packed: PackedState): S
  /** The value of a column of the lake; null of an empty state where the state has no other form of nothing. */
  toLake(state: S): LakeValue
  /** Of what was read from the lake, null (a row older than the column) included. */
  fromLake(value: LakeValue): S
}

export const aggregateKinds = [
  'count',
  'countIf',
  'sum',
  'min',
  'max',
  'avg',
  'countDistinct',
  'quantiles',
  'top',
  'first',
  'last',
] as const
export type AggregateKind = (typeof aggregateKinds)[number]

/** A value of a column that has an order. Values of one column are of one type; strings are ordered by code point. */
export type Ordered = string | number | bigint

/** Where a row stands among others: its event time, then its place in the feed. */
export interface Place {
  readonly time: number
  readonly position: Position
}

/** A state of whatever aggregate, as plain data; parts that its kind has no use for are empty. */
export interface PackedState {
  readonly kind: AggregateKind
  readonly n: bigint
  readonly sum: bigint
  /** Size of a sketch. */
  readonly k: number
  readonly hashes: readonly bigint[]
  readonly histogram: readonly { readonly bucket: number; readonly n: bigint }[]
  readonly weights: readonly { readonly value: string; readonly weight: bigint }[]
  readonly place: Place | null
  readonly value: Ordered | null
}

/** A packed state with all parts empty but those given. */
export function packed(kind: AggregateKind, parts: Partial<PackedState>): PackedState {
  const none = { n: 0n, sum: 0n, k: 0, hashes: [], histogram: [], weights: [], place: null, value: null }
  return { ...none, ...parts, kind }
}

/** @throws RangeError where a packed state is another aggregate's */
export function expectKind(found: PackedState, kind: AggregateKind): void {
  if (found.kind !== kind) throw new RangeError(`the state is of ${found.kind}, not of ${kind}`)
}
