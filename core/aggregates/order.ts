/** The order of values in aggregates: that of engines' SQL, so that a maximum is the same wherever it is taken. */
import type { Ordered, Place } from './aggregate.ts'

/** Numbers by size, strings by code point. Both of one type. */
export function compareOrdered(a: Ordered, b: Ordered): number {
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b)
  return a < b ? -1 : a > b ? 1 : 0
}

/** By code point, which is the order of UTF-8 bytes; `<` compares UTF-16 units instead. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return rank(x) - rank(y)
  }
  return a.length - b.length
}

// A surrogate is part of a code point above U+FFFF: it goes behind the units U+E000 to U+FFFF, which are above it.
function rank(unit: number): number {
  if (unit < 0xd800) return unit
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}

/** By event time, then partition, record and hit: rows of one feed never tie. */
export function comparePlaces(a: Place, b: Place): number {
  const { position: left } = a
  const { position: right } = b
  return a.time - b.time || left.partition - right.partition || left.offset - right.offset || left.index - right.index
}
