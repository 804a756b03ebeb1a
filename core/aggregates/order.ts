/** The order of values in aggregates: that of engines' SQL, so that a maximum is the same wherever it is taken. */
import { compareText } from '../text-order.ts'
import type { Ordered, Place } from './aggregate.ts'

/** Numbers by size, strings by code point. Both of one type. */
export function compareOrdered(a: Ordered, b: Ordered): number {
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b)
  return a < b ? -1 : a > b ? 1 : 0
}

/** By event time, then partition, record and hit: rows of one feed never tie. */
export function comparePlaces(a: Place, b: Place): number {
  const { position: left } = a
  const { position: right } = b
  return a.time - b.time || left.partition - right.partition || left.offset - right.offset || left.index - right.index
}
