/** Orders of rows: total, so that a page can go on exactly where the last one ended. */

export type Direction = 'asc' | 'desc'

/** What a metric is ordered by; null (of nothing) comes last in both directions. */
export type MetricKey = bigint | number | null

export function compareKeys(a: MetricKey, b: MetricKey, direction: Direction): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1
  const order = a < b ? -1 : a > b ? 1 : 0
  return direction === 'asc' ? order : -order
}

/** Code points, which is the order of the UTF-8 bytes; `<` compares UTF-16 units instead. '' (no value) comes first. */
export function compareTexts(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at++) {
    const [x, y] = [a.charCodeAt(at), b.charCodeAt(at)]
    if (x !== y) return rank(x) - rank(y)
  }
  return a.length - b.length
}

// A surrogate stands for a code point above U+FFFF, so it goes behind U+E000 to U+FFFF, which are above it as units.
function rank(unit: number): number {
  if (unit < 0xd800) return unit
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}
