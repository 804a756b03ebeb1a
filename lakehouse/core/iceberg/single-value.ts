/**
 * Bounds of column values as manifests keep them: Iceberg spec, Appendix D "Single-value serialization" (binary form), with
 * the text that DuckDB's RETURN_STATS gives as input. Strings are cut to 16 code points; a cut upper bound is raised, so
 * that it is never below a value of the file.
 */
import type { ColumnType } from '../../../core/tables.ts'

/** Longest bound of a string, code points: what Iceberg's default metrics mode `truncate(16)` keeps. */
export const boundMaxCodePoints = 16

/** The bound of a primitive column, or undefined where none can be stated (nested types, NaN, an unbounded string). */
export function boundOfText(type: ColumnType, text: string, side: 'lower' | 'upper'): Buffer | undefined {
  switch (type) {
    case 'string':
      return side === 'lower' ? lowerStringBound(text) : upperStringBound(text)
    case 'boolean':
      return booleanBound(text)
    case 'int':
      return int32(Number(text))
    case 'long':
      return int64(BigInt(text))
    case 'double':
      return doubleBound(Number(text), side)
    case 'timestamptz':
      return int64(microsOfText(text))
    case 'decimal38':
      return decimalBound(BigInt(text))
    default:
      return undefined
  }
}

/** Of Parquet's statistics as DuckDB gives them, `1`, or of its own texts, `true`. What is neither bounds nothing. */
function booleanBound(text: string): Buffer | undefined {
  if (text === '1' || text === 'true') return Buffer.from([1])
  return text === '0' || text === 'false' ? Buffer.from([0]) : undefined
}

/** Little-endian int: also a `date`, as days since 1970. */
export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value)
  return bytes
}

/** Little-endian long: also a `timestamptz`, as microseconds since 1970. */
export function int64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64LE(value)
  return bytes
}

/** Two's complement, big-endian, in the fewest bytes that hold it. */
export function decimalBound(unscaled: bigint): Buffer {
  let length = 1
  while (BigInt.asIntN(length * 8, unscaled) !== unscaled) length++
  const bytes = Buffer.alloc(length)
  let rest = BigInt.asUintN(length * 8, unscaled)
  for (let at = length - 1; at >= 0; at--) {
    bytes[at] = Number(rest & 0xffn)
    rest >>= 8n
  }
  return bytes
}

/** At most 16 code points: a prefix is never above the string. */
export function lowerStringBound(text: string): Buffer {
  return Buffer.from(prefix(text, boundMaxCodePoints).join(''), 'utf8')
}

/** At least the string: where it must be cut, its last code point that can rise is raised by one. */
export function upperStringBound(text: string): Buffer | undefined {
  const points = prefix(text, boundMaxCodePoints + 1)
  if (points.length <= boundMaxCodePoints) return Buffer.from(points.join(''), 'utf8')
  points.pop()
  while (points.length > 0) {
    const next = nextCodePoint((points.pop() as string).codePointAt(0) as number)
    if (next !== undefined) return Buffer.from(points.join('') + String.fromCodePoint(next), 'utf8')
  }
  return undefined
}

function prefix(text: string, count: number): string[] {
  const points: string[] = []
  for (const point of text) {
    if (points.length === count) break
    points.push(point)
  }
  return points
}

// Surrogates are no code points of UTF-8: after U+D7FF comes U+E000.
function nextCodePoint(point: number): number | undefined {
  if (point === 0x10ffff) return undefined
  return point === 0xd7ff ? 0xe000 : point + 1
}

// -0 and 0 are one value to DuckDB and two to the specification (-0 < 0): a bound of zero takes the sign that holds both.
function doubleBound(value: number, side: 'lower' | 'upper'): Buffer | undefined {
  if (Number.isNaN(value)) return undefined
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(value === 0 ? (side === 'lower' ? -0 : 0) : value)
  return bytes
}

// `2026-03-01 00:00:00.123+00`, as DuckDB prints with TimeZone = UTC; years beyond 9999 and `(BC)` never pass the collector.
const timestampText = /^(\d{4,6})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?\+00$/

function microsOfText(text: string): bigint {
  const match = timestampText.exec(text)
  if (match === null) throw new RangeError(`not a UTC timestamp: ${text}`)
  const [, year, month, day, hour, minute, second, fraction = ''] = match
  const ms = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second))
  return BigInt(ms) * 1_000n + BigInt(fraction.padEnd(6, '0'))
}
