/** Prints a `Select` for Trino. The only writer of literals of that dialect. */
import type { Expression, Literal, LookedUp, ScalarType, Select, StructPart, ValuedRange } from './ast.ts'
import { byFirst, type Dialect } from './dialect.ts'
import { checkedInstant, checkedText, checkedWhole, instantText, membersPattern } from './literal-limits.ts'
import { printExpression, printSql, quotedName, type TableText } from './printer.ts'

/**
 * A statement of pure ASCII; every column of its answer is varchar, for the client rounds numbers beyond 2^53.
 * @throws RangeError where a literal has no exact text
 */
export function printTrino(select: Select, table: TableText): string {
  return printSql(select, table, trino)
}

/** The same as a relation for another statement to read: columns keep their types. */
export function printTrinoRelation(select: Select, table: TableText): string {
  return printSql(select, table, { ...trino, result: (of) => of })
}

/** A condition on its own. @throws RangeError where a literal has no exact text */
export function printTrinoExpression(expression: Expression): string {
  return printExpression(expression, trino)
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
  fullSketchEstimate: (largest, k) =>
    `greatest(BIGINT '${k}', CAST(round(${k - 1} / ((CAST(${largest} AS double) + 1) / 9.223372036854775808E18)) AS bigint))`,
  joinedLists: (lists) => `flatten(array_agg(${lists}) FILTER (WHERE ${lists} IS NOT NULL))`,
  smallest: (list, limit) => `slice(array_sort(${list}), 1, ${limit})`,
  contains: (of, part) => `strpos(${of}, ${part}) > 0`,
  // Both % and / cut towards 0.
  floorDivide: (of, by) => `((${of}) - ((${of}) % ${by} + ${by}) % ${by}) / ${by}`,
  asText: (of) => `CAST(${of} AS varchar)`,
  epochMs: (of) => millis(of),
  // date_add takes no more than 32 bits of milliseconds.
  instantOf: (ms) => `CAST(from_unixtime_nanos(CAST(${ms} AS decimal(38,0)) * 1000000) AS timestamp(3) with time zone)`,
  hashOf: (text) =>
    `bitwise_and(from_big_endian_64(substr(sha256(to_utf8(${text})), 1, 8)), BIGINT '9223372036854775807')`,
  prop: (of, key) => {
    const members = (group: number) => `regexp_extract_all(${of}, ${textLiteral(membersPattern)}, ${group})`
    const token = `element_at(map(${members(1)}, ${members(2)}), ${textLiteral(JSON.stringify(key))})`
    // A lambda, so that the text is taken apart once. Nothing but a text begins with a quote.
    const value = `element_at(transform(ARRAY[${token}], t -> CASE WHEN t = 'null' THEN '' WHEN starts_with(t, '"') THEN CAST(json_parse(t) AS varchar) ELSE t END), 1)`
    // Most texts do not have the key: those are not taken apart.
    return `CASE WHEN strpos(${of}, ${textLiteral(`${JSON.stringify(key)}:`)}) > 0 THEN coalesce(${value}, '') ELSE '' END`
  },
  member: (of, key) => `json_extract_scalar(${of}, '$.${key}')`,
  lookUp: (keys, entries) => {
    const type = keys.reduce((values) => `map(varchar, ${values})`, 'bigint')
    return keys.reduce((map, key) => `element_at(${map}, ${key})`, `CAST(JSON '${constantMap(entries)}' AS ${type})`)
  },
  minBy: (of, by) => `min_by(${of}, ${tuple(by)})`,
  maxBy: (of, by) => `max_by(${of}, ${tuple(by)})`,
  struct: (fields) => `CAST(ROW(${fields.map(({ text }) => text).join(', ')}) AS ${rowType(fields)})`,
  sumByKey: (list, key, value) => {
    const byKey = `multimap_from_entries(transform(${list}, e -> ROW(e[1], e[2])))`
    const sum = 'reduce(v, CAST(0 AS decimal(38,0)), (s, x) -> CAST(s + x AS decimal(38,0)), s -> s)'
    return `CAST(array_sort(map_entries(transform_values(${byKey}, (k, v) -> ${sum}))) AS array(${rowType([key, value])}))`
  },
  pairs: (list) =>
    `json_format(CAST(transform(${list}, e -> ARRAY[CAST(e[1] AS varchar), CAST(e[2] AS varchar)]) AS json))`,
  listTexts: (list) => `json_format(CAST(transform(${list}, e -> CAST(e AS varchar)) AS json))`,
  texts: (of) => `json_format(CAST(ARRAY[${of.join(', ')}] AS json))`,
  // Trino has no ASOF JOIN, and a join on both ends compares every row with every range. So the range that starts at or
  // before the point is found by binary search in a constant array, without a join; whether it still holds the point,
  // WHERE says. Arrays come as JSON, for thousands of literals of their own would take longer to plan than to compute.
  within: ({ ranges, as, columns }, point) => {
    const ms = millis(point)
    const starts = constantArray(
      'double',
      ranges.map(({ start }) => checkedInstant(start)),
    )
    // One element more in front of each, for points before the first range: no end is smaller.
    const ends = constantArray('bigint', [-Number.MAX_SAFE_INTEGER, ...ranges.map(({ end }) => checkedInstant(end))])
    const found = columns.map((name, i) => {
      const values = constantArray('bigint', [null, ...ranges.map((range) => payloadOf(range, i))])
      return `, element_at(${values}, "range" + 1) AS ${quotedName(name)}`
    })
    const place = `SELECT width_bucket(CAST(${ms} AS double), ${starts}) AS "range"`
    return {
      join: `CROSS JOIN LATERAL (SELECT "range"${found.join('')} FROM (${place})) AS ${quotedName(as)}`,
      where: `${ms} < element_at(${ends}, ${quotedName(as)}."range" + 1)`,
    }
  },
}

const types: Readonly<Record<ScalarType, string>> = {
  text: 'varchar',
  int: 'integer',
  long: 'bigint',
  decimal38: 'decimal(38,0)',
}

function rowType(parts: readonly StructPart[]): string {
  return `row(${parts.map(({ name, type }) => `${quotedName(name)} ${types[type]}`).join(', ')})`
}

const tuple = (keys: readonly string[]) => (keys.length === 1 ? `${keys[0]}` : `ROW(${keys.join(', ')})`)

// Whole ms since 1970, rounded down at any precision: what comparing with whole ms needs. As double it is exact below 2^53.
function millis(instant: string): string {
  return `date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', ${instant})`
}

function constantArray(type: 'double' | 'bigint', numbers: readonly (number | null)[]): string {
  return `CAST(JSON '${JSON.stringify(numbers)}' AS array(${type}))`
}

function payloadOf({ values }: ValuedRange, index: number): number | null {
  const value = values[index] ?? null
  return value === null ? null : Number(checkedWhole(value))
}

/** JSON of ASCII alone, as the content of a literal. */
function constantMap(entries: readonly LookedUp[]): string {
  const members = [...byFirst(entries)].map(([first, below]) => {
    const isLeaf = below[0]?.path.length === 0
    return `${JSON.stringify(checkedText(first))}:${isLeaf ? checkedWhole(below[0]?.value ?? 0) : constantMap(below)}`
  })
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  return `{${members.join(',')}}`.replaceAll("'", escaped).replace(/[^ -~]/g, escaped)
}
