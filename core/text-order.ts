/** The one order of texts: by code point, as DuckDB, Trino and Iceberg's bounds have it. */

/** Order of the texts' code points, which is that of their UTF-8 bytes; `<` compares UTF-16 units instead. */
export function compareText(a: string, b: string): number {
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
