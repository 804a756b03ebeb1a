/** Prints a `Select` for Trino. The only writer of literals of that dialect. */
import type { Literal, Select, Within } from './ast.ts'
import { checkedText, checkedWhole, instantText } from './literal-limits.ts'
import { type Dialect, printSql, quotedName, type TableText } from './printer.ts'

/**
 * A statement of pure ASCII; every column of its answer is varchar, for the client rounds numbers beyond 2^53.
 * @throws RangeError where a literal has no exact text
 */
export function printTrino(select: Select, table: TableText): string {
  return printSql(select, table, trino)
}

/**
 * A literal whose value is exactly the one given.
 * @throws RangeError where the type cannot hold it: a lone surrogate, a number beyond 64 bits, a year beyond four digits
 */
export function trinoLiteral(literal: Literal): string {
  switch (literal.type) {
    case 'text':
      return textLiteral(checkedText(literal.value))
    case 'boolean':
      return literal.value ? 'TRUE' : 'FALSE'
    case 'whole':
      return `BIGINT '${checkedWhole(literal.value)}'`
    case 'instant':
      return `TIMESTAMP '${instantText(literal.value)} UTC'`
  }
}

// In a plain string of Trino nothing but the quote means anything. All that is not printable ASCII goes by its number, so
// that no decoder on the way (HTTP, the lexer) can turn it into something else.
function textLiteral(value: string): string {
  const quoted = value.replaceAll("'", "''")
  if (/^[ -~]*$/.test(value)) return `'${quoted}'`
  return `U&'${quoted.replaceAll('\\', '\\\\').replace(/[^ -~]/gu, byNumber)}'`
}

const byNumber = (character: string) => `\\+${(character.codePointAt(0) ?? 0).toString(16).padStart(6, '0')}`

const trino: Dialect = {
  literal: trinoLiteral,
  result: (of) => `CAST(${of} AS varchar)`,
  // sum(bigint) fails beyond 64 bits, and sum(decimal) keeps the scale: all sums are of the widest whole decimal.
  sum: (of) => `sum(CAST(${of} AS decimal(38,0)))`,
  listOf: (of) => `array_agg(${of}) FILTER (WHERE ${of} IS NOT NULL)`,
  // As rows (unnested, grouped by hash) it took two scans, 2 to 4 times the CPU, and for many buckets 4 times the memory.
  unionOf: (lists) => `array_distinct(flatten(array_agg(${lists}) FILTER (WHERE ${lists} IS NOT NULL)))`,
  countOfSmallest: (list, limit) => `least(coalesce(cardinality(${list}), 0), ${limit})`,
  // Nearly every list is short: only a long one is sorted.
  largestOfSmallest: (list, limit) =>
    `if(cardinality(${list}) <= ${limit}, array_max(${list}), element_at(array_sort(${list}), ${limit}))`,
  // Trino has no ASOF JOIN, and a join on both ends compares every row with every range. So the range that starts at or
  // before the point is found by binary search in a constant array, without a join; whether it still holds the point,
  // WHERE says. Arrays come as JSON, for thousands of literals of their own would take longer to plan than to compute.
  within: ({ ranges, as, index }, point) => {
    const ms = millis(point)
    const starts = constantArray('double', ranges, ({ start }) => start)
    // One end more in front, for points before the first range: nothing is smaller.
    const ends = constantArray('bigint', ranges, ({ end }) => end, [-Number.MAX_SAFE_INTEGER])
    return {
      join: `CROSS JOIN LATERAL (SELECT width_bucket(CAST(${ms} AS double), ${starts}) - 1 AS ${quotedName(index)}) AS ${quotedName(as)}`,
      where: `${ms} < element_at(${ends}, ${quotedName(as)}.${quotedName(index)} + 2)`,
    }
  },
}

// Whole ms since 1970, rounded down at any precision: what comparing with whole ms needs. As double it is exact below 2^53.
function millis(instant: string): string {
  return `date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', ${instant})`
}

function constantArray(
  type: 'double' | 'bigint',
  ranges: Within['ranges'],
  of: (range: Within['ranges'][number]) => number,
  before: readonly number[] = [],
): string {
  // Checked as instants: an instant's number has no way to be anything but digits.
  const numbers = ranges.map((range) => {
    instantText(of(range))
    return of(range)
  })
  return `CAST(JSON '[${[...before, ...numbers].join(',')}]' AS array(${type}))`
}
