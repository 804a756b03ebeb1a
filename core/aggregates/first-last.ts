/**
 * The value of the first and of the last row, by event time, then position. Null where that row's value is null (a visit
 * that began on no page has no entry page), and of nothing. Where two feeds bring one place, the smaller value goes
 * first: any rule does, as long as it does not ask who came first.
 */
import type { Offset } from '../ids.ts'
import type { LakeValue } from '../tables.ts'
import { type Aggregate, expectKind, type Ordered, type Place, packed } from './aggregate.ts'
import { compareOrdered, comparePlaces } from './order.ts'

export interface Placed extends Place {
  readonly value: Ordered | null
}
type End = Aggregate<Placed | null, Placed, Ordered | null>

/** In the lake: struct {time, partition, offset, index, value}. */
export const first = (): End => end('first', -1)
export const last = (): End => end('last', 1)

function end(kind: 'first' | 'last', wins: -1 | 1): End {
  const further = (a: Placed | null, b: Placed | null) => {
    if (a === null || b === null) return a ?? b
    return Math.sign(comparePlaced(b, a)) === wins ? b : a
  }
  return {
    kind,
    create: () => null,
    add: further,
    merge: further,
    result: (state) => state?.value ?? null,
    pack: (state) => packed(kind, state === null ? {} : { place: placeOf(state), value: state.value }),
    unpack(found) {
      expectKind(found, kind)
      return found.place === null ? null : { ...found.place, value: found.value }
    },
    toLake(state) {
      if (state === null) return null
      const { time, position, value } = state
      return { time, partition: position.partition, offset: position.offset, index: position.index, value }
    },
    fromLake(value) {
      if (value === null) return null
      const found = value as { readonly [name: string]: LakeValue }
      const { partition, offset, index } = found
      const position = { partition: Number(partition), offset: Number(offset) as Offset, index: Number(index) }
      return { time: Number(found.time), position, value: (found.value ?? null) as Ordered | null }
    },
  }
}

const placeOf = ({ time, position }: Place): Place => ({ time, position })

function comparePlaced(a: Placed, b: Placed): number {
  const order = comparePlaces(a, b)
  if (order !== 0) return order
  if (a.value === null || b.value === null) return Number(a.value !== null) - Number(b.value !== null)
  return compareOrdered(a.value, b.value)
}
