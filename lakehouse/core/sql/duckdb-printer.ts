/** Prints a `Select` for DuckDB. The only writer of literals of that dialect. */
import type { Expression, Literal, LookedUp, ScalarType, Select, StructPart, ValuedRange } from './ast.ts'
import { byFirst, type Dialect } from './dialect.ts'
import { checkedInstant, checkedText, checkedWhole, instantText, membersPattern } from './literal-limits.ts'
import { printExpression, printSql, quotedName, type TableText } from './printer.ts'

/** @throws RangeError where a literal has no exact text */
export function printDuckDb(select: Select, table: TableText): string {
  return printSql(select, table, duckDb)
}

/** A condition on its own. @throws RangeError where a literal has no exact text */
export function printDuckDbExpression(expression: Expression): string {
  return printExpression(expression, duckDb)
}

/**
 * A literal whose value is exactly the one given.
 * @throws RangeError where the type cannot hold it: a lone surrogate, a number beyond 64 bits, a year beyond four digits
 */
export function duckDbLiteral(literal: Literal): string {
  switch (literal.type) {
    case 'text':
      return textLiteral(literal.value)
    case 'boolean':
      return literal.value ? 'TRUE' : 'FALSE'
    case 'whole':
      return `CAST('${checkedWhole(literal.value)}' AS BIGINT)`
    case 'instant':
      return `TIMESTAMPTZ '${instantText(literal.value)}+00'`
  }
}

function textLiteral(value: string): string {
  // In DuckDB nothing but the quote itself means anything between quotes; a NUL would end the whole statement.
  const parts = checkedText(value)
    .split('\0')
    .map((part) => `'${part.replaceAll("'", "''")}'`)
  return parts.length === 1 ? `${parts[0]}` : `(${parts.join(' || chr(0) || ')})`
}

const types: Readonly<Record<ScalarType, string>> = {
  text: 'VARCHAR',
  int: 'INTEGER',
  long: 'BIGINT',
  decimal38: 'DECIMAL(38,0)',
}

const duckDb: Dialect = {
  literal: duckDbLiteral,
  result: (of) => of,
  // DuckDB sums BIGINT as HUGEINT and DECIMAL(38,0) as itself: exact beyond 64 bits.
  sum: (of) => `sum(${of})`,
  listOf: (of) => `list(${of}) FILTER (WHERE ${of} IS NOT NULL)`,
  unionOf: (lists) => `list_distinct(flatten(list(${lists}) FILTER (WHERE ${lists} IS NOT NULL)))`,
  joinedLists: (lists) => `flatten(list(${lists}) FILTER (WHERE ${lists} IS NOT NULL))`,
  smallest: (list, limit) => `list_sort(${list})[1:${limit}]`,
  // DuckDB's least() passes over nulls.
  countOfSmallest: (list, limit) => `least(coalesce(len(${list}), 0), ${limit})`,
  largestOfSmallest: (list, limit) => `list_max(list_sort(${list})[1:${limit}])`,
  fullSketchEstimate: (largest, k) =>
    `greatest(${k}, CAST(round(${k - 1} / ((CAST(${largest} AS DOUBLE) + 1) / 9223372036854775808.0::DOUBLE)) AS BIGINT))`,
  contains: (of, part) => `contains(${of}, ${part})`,
  // Both % and // cut towards 0.
  floorDivide: (of, by) => `((${of}) - ((${of}) % ${by} + ${by}) % ${by}) // ${by}`,
  asText: (of) => `CAST(${of} AS VARCHAR)`,
  epochMs: (of) => `epoch_ms(${of})`,
  instantOf: (ms) => `make_timestamptz((${ms}) * 1000)`,
  // Of the first 16 hex digits: the highest bit is left out, as 63 bits fit.
  hashOf: (text) =>
    `CAST(CAST('0x' || left(sha256(${text}), 16) AS UBIGINT) & CAST('9223372036854775807' AS UBIGINT) AS BIGINT)`,
  prop: (of, key) => {
    const member = textLiteral(JSON.stringify(key))
    const members = (group: number) => `regexp_extract_all(${of}, ${textLiteral(membersPattern)}, ${group})`
    const token = `${members(2)}[list_position(${members(1)}, ${member})]`
    const value = `CASE WHEN ${token} = 'null' THEN '' WHEN starts_with(${token}, '"') THEN CASE WHEN contains(${token}, '\\') THEN json_extract_string(${token}, '$') ELSE substr(${token}, 2, length(${token}) - 2) END ELSE ${token} END`
    // Most texts do not have the key: those are not taken apart.
    return `CASE WHEN contains(${of}, ${textLiteral(`${JSON.stringify(key)}:`)}) THEN coalesce(${value}, '') ELSE '' END`
  },
  member: (of, key) => `CASE WHEN json_valid(${of}) THEN json_extract_string(${of}, '$.${key}') END`,
  lookUp: lookedUp,
  minBy: (of, by) => `arg_min(${of}, ${tuple(by)})`,
  maxBy: (of, by) => `arg_max(${of}, ${tuple(by)})`,
  struct: (fields) =>
    `struct_pack(${fields.map(({ name, type, text }) => `${quotedName(name)} := CAST(${text} AS ${types[type]})`).join(', ')})`,
  sumByKey: (list, key, value) => {
    const pair = `struct_pack(${quotedName(key.name)} := ${cast('k', key)}, ${quotedName(value.name)} := ${cast('v', value)})`
    const each = `SELECT each.${quotedName(key.name)} AS k, sum(each.${quotedName(value.name)}) AS v FROM (SELECT unnest(${list}) AS each) GROUP BY k`
    return `CASE WHEN ${list} IS NOT NULL THEN coalesce((SELECT list(${pair} ORDER BY k) FROM (${each})), []) END`
  },
  pairs: (list, key, value) =>
    `CAST(to_json(list_transform(${list}, lambda each: [CAST(each.${quotedName(key)} AS VARCHAR), CAST(each.${quotedName(value)} AS VARCHAR)])) AS VARCHAR)`,
  listTexts: (list) => `CAST(to_json(list_transform(${list}, lambda each: CAST(each AS VARCHAR))) AS VARCHAR)`,
  // As JSON a text comes whole: of a bare one the client drops a U+FEFF at its start.
  texts: (of) => `CAST(to_json([${of.join(', ')}]) AS VARCHAR)`,
  // The nearest range that starts at or before the point; whether it still holds the point, WHERE says. As a join on both
  // ends it took 20 times as long for 1,000 ranges and 3 M rows.
  within: ({ ranges, as, columns }, point) => ({
    join: `ASOF JOIN ${rangeRows(ranges, columns)} AS ${quotedName(as)}
ON ${point} >= ${quotedName(as)}."start"`,
    where: `${point} < ${quotedName(as)}."end"`,
  }),
}

const cast = (text: string, { type }: StructPart) => `CAST(${text} AS ${types[type]})`

const tuple = (keys: readonly string[]) => (keys.length === 1 ? `${keys[0]}` : `row(${keys.join(', ')})`)

// Each column as one list in one text: 20,000 ranges as rows of literals took six times as long to plan as all the rest.
function rangeRows(ranges: readonly ValuedRange[], columns: readonly string[]): string {
  const lists = [
    wholeList(ranges.map(({ start }) => checkedInstant(start))),
    wholeList(ranges.map(({ end }) => checkedInstant(end))),
    ...columns.map((_, i) => wholeList(ranges.map(({ values }) => values[i] ?? null))),
  ]
  const names = ['start_ms', 'end_ms', ...columns].map(quotedName)
  const instants = ['start', 'end'].map((end) => `make_timestamptz("${end}_ms" * 1000) AS "${end}"`)
  const rows = `SELECT ${lists.map((list, i) => `unnest(${list}) AS ${names[i]}`).join(', ')}`
  return `(SELECT ${[...instants, ...names.slice(2)].join(', ')} FROM (${rows}))`
}

function wholeList(values: readonly (number | null)[]): string {
  return `CAST('[${values.map((value) => (value === null ? 'NULL' : checkedWhole(value))).join(',')}]' AS BIGINT[])`
}

/**
 * A CASE goes through its values one by one, a list it looks up at once: so only rows with one of the values come to the
 * CASE, ten times faster where these are few.
 */
function lookedUp([key = '', ...rest]: readonly string[], entries: readonly LookedUp[]): string {
  const branches = [...byFirst(entries)].map(([first, below]) => {
    const value = rest.length === 0 ? String(checkedWhole(below[0]?.value ?? 0)) : lookedUp(rest, below)
    return [textLiteral(first), value] as const
  })
  const found = `CASE ${key} ${branches.map(([first, value]) => `WHEN ${first} THEN ${value}`).join(' ')} END`
  return branches.length === 1
    ? found
    : `CASE WHEN ${key} IN (${branches.map(([first]) => first).join(', ')}) THEN ${found} END`
}
