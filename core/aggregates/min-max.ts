/** The smallest and the largest value; nulls left out; of nothing null. Strings by code point. */
import type { LakeValue } from '../tables.ts'
import { type Aggregate, expectKind, type Ordered, packed } from './aggregate.ts'
import { compareOrdered } from './order.ts'

type Extreme = Aggregate<Ordered | null, Ordered | null, Ordered | null>

export const min = (): Extreme => extreme('min', -1)
export const max = (): Extreme => extreme('max', 1)

function extreme(kind: 'min' | 'max', wins: -1 | 1): Extreme {
  const further = (a: Ordered | null, b: Ordered | null) => {
    if (a === null || b === null) return a ?? b
    return Math.sign(compareOrdered(b, a)) === wins ? b : a
  }
  return {
    kind,
    create: () => null,
    add: further,
    merge: further,
    result: (state) => state,
    pack: (state) => packed(kind, { value: state }),
    unpack(found) {
      expectKind(found, kind)
      return found.value
    },
    toLake: (state) => state,
    fromLake: (value: LakeValue) => value as Ordered | null,
  }
}
