/** How values are spread, to 1 % of each: a histogram by the bucket numbers of core/sketch/quantiles.ts, which reads it. */
import type { Histogram } from '../sketch/quantiles.ts'
import type { LakeValue } from '../tables.ts'
import { type Aggregate, expectKind, packed } from './aggregate.ts'
import { integerOf } from './sum.ts'

/** A row brings the number of its bucket, or null for nothing. The result rises by bucket. */
export function quantiles(): Aggregate<Map<number, bigint>, number | null, Histogram> {
  const add = (state: Map<number, bigint>, bucket: number, n: bigint) =>
    state.set(bucket, (state.get(bucket) ?? 0n) + n)
  const of = (histogram: Histogram, into = new Map<number, bigint>()) => {
    for (const { bucket, n } of histogram) add(into, bucket, n)
    return into
  }
  return {
    kind: 'quantiles',
    create: () => new Map(),
    add: (state, bucket) => (bucket === null ? state : add(state, bucket, 1n)),
    merge: (a, b) => of(rising(b), a),
    result: rising,
    pack: (state) => packed('quantiles', { histogram: rising(state) }),
    unpack(found) {
      expectKind(found, 'quantiles')
      return of(found.histogram)
    },
    toLake: (state) => (state.size === 0 ? null : rising(state)),
    fromLake: (value) => of(((value ?? []) as readonly LakeValue[]).map(bucketOf)),
  }
}

function rising(state: ReadonlyMap<number, bigint>) {
  return [...state].sort(([a], [b]) => a - b).map(([bucket, n]) => ({ bucket, n }))
}

function bucketOf(value: LakeValue): Histogram[number] {
  const { bucket, n } = value as { readonly [name: string]: LakeValue }
  return { bucket: Number(bucket), n: integerOf(n) }
}
