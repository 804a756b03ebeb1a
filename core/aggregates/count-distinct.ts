/** Distinct values by their 63-bit hashes: a KMV sketch of size k (core/sketch/kmv.ts, which also tells the error). */
import { KmvBuilder } from '../sketch/kmv.ts'
import type { LakeValue } from '../tables.ts'
import { type Aggregate, expectKind, packed } from './aggregate.ts'

/** A row brings a hash in [0, 2^63), or null for nothing. The result is the sketch: the `k` smallest, rising. */
export function countDistinct(k: number): Aggregate<KmvBuilder, bigint | null, readonly bigint[]> {
  const of = (hashes: Iterable<bigint>, into = new KmvBuilder(k)) => {
    for (const hash of hashes) into.add(hash)
    return into
  }
  return {
    kind: 'countDistinct',
    create: () => new KmvBuilder(k),
    add(state, hash) {
      if (hash !== null) state.add(hash)
      return state
    },
    merge: (a, b) => of(b.toSorted(), a),
    result: (state) => state.toSorted(),
    pack: (state) => packed('countDistinct', { k, hashes: state.toSorted() }),
    unpack(found) {
      expectKind(found, 'countDistinct')
      if (found.k < k) throw new RangeError(`a sketch of ${found.k} hashes cannot go on as one of ${k}`)
      return of(found.hashes)
    },
    toLake: (state) => state.toSorted(),
    fromLake: (value) => of(((value ?? []) as readonly LakeValue[]).map((hash) => BigInt(hash as bigint))),
  }
}
