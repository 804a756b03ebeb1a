/** How many rows: `count()` of all, `countIf()` of those with true. Below 2^53, which no table of ours reaches. */
import { type Aggregate, expectKind, packed } from './aggregate.ts'

/** A row brings nothing. */
export function count(): Aggregate<number, unknown, number> {
  return { ...counter('count'), add: (state) => state + 1 }
}

/** A row brings whether it counts; null does not. */
export function countIf(): Aggregate<number, boolean | null, number> {
  return { ...counter('countIf'), add: (state, counts) => (counts === true ? state + 1 : state) }
}

function counter<K extends 'count' | 'countIf'>(kind: K): Omit<Aggregate<number, unknown, number>, 'add'> {
  return {
    kind,
    create: () => 0,
    merge: (a, b) => a + b,
    result: (state) => state,
    pack: (state) => packed(kind, { n: BigInt(state) }),
    unpack(found) {
      expectKind(found, kind)
      return Number(found.n)
    },
    toLake: (state) => state,
    fromLake: (value) => Number(value ?? 0),
  }
}
