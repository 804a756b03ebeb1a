/** Prints a `Select` for DuckDB. The only writer of literals and quoted names of that dialect. */
import type { TableName } from '../../../core/tables.ts'
import type { Expression, Literal, Relation, Select, Source } from './ast.ts'

/** Gives the relation that holds a table's rows with these columns: `read_parquet([…])`. */
export type TableText = (table: TableName, columns: readonly string[]) => string

const minWhole = -(2n ** 63n)
const maxWhole = 2n ** 63n - 1n

/** 0001-01-01 to the end of 9999: the years every engine writes with four digits. */
const minInstant = Date.parse('0001-01-01T00:00:00Z')
const maxInstant = Date.UTC(10_000, 0, 1) - 1

export function printDuckDb(select: Select, table: TableText): string {
  return printSelect(select, table)
}

/** A quoted name. @throws RangeError where the name holds a NUL, which no name can */
export function duckDbName(name: string): string {
  if (name.includes('\0')) throw new RangeError('a name holds a NUL')
  return `"${name.replaceAll('"', '""')}"`
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
      return wholeLiteral(literal.value)
    case 'instant':
      return instantLiteral(literal.value)
  }
}

function textLiteral(value: string): string {
  if (/\p{Surrogate}/u.test(value)) throw new RangeError('a text with a lone surrogate has no SQL literal')
  // In DuckDB nothing but the quote itself means anything between quotes; a NUL would end the whole statement.
  const parts = value.split('\0').map((part) => `'${part.replaceAll("'", "''")}'`)
  return parts.length === 1 ? `${parts[0]}` : `(${parts.join(' || chr(0) || ')})`
}

function wholeLiteral(value: number | bigint): string {
  if (typeof value === 'number' && !Number.isSafeInteger(value))
    throw new RangeError(`${value} is not a safe whole number`)
  const exact = BigInt(value)
  if (exact < minWhole || exact > maxWhole) throw new RangeError(`${exact} is beyond 64 bits`)
  return `CAST('${exact}' AS BIGINT)`
}

function instantLiteral(value: number): string {
  if (!Number.isSafeInteger(value) || value < minInstant || value > maxInstant) {
    throw new RangeError(`${value} is not a millisecond of the years 1 to 9999`)
  }
  return `TIMESTAMPTZ '${new Date(value).toISOString().replace('T', ' ').replace('Z', '+00')}'`
}

function printSelect(select: Select, table: TableText): string {
  const withs = (select.with ?? []).map(
    ({ name, select: inner }) => `${duckDbName(name)} AS (\n${indent(printSelect(inner, table))}\n)`,
  )
  const columns = select.columns.map(({ expression, as }) => `${print(expression)} AS ${duckDbName(as)}`)
  const conditions = [...rangeEnds(select.from.relation), ...(select.where === undefined ? [] : [select.where])]
  return [
    withs.length === 0 ? '' : `WITH ${withs.join(',\n')}`,
    `SELECT ${select.distinct === undefined ? '' : 'DISTINCT '}${columns.join(', ')}`,
    `FROM ${printSource(select.from, table)}`,
    conditions.length === 0 ? '' : `WHERE ${conditions.map(print).join(' AND ')}`,
    select.groupBy === undefined ? '' : `GROUP BY ${select.groupBy.map(print).join(', ')}`,
    select.orderBy === undefined ? '' : `ORDER BY ${select.orderBy.map(print).join(', ')}`,
  ]
    .filter((line) => line !== '')
    .join('\n')
}

/** The half of every `within` of a relation that its ASOF JOIN cannot say. */
function rangeEnds(relation: Relation): readonly Expression[] {
  switch (relation.kind) {
    case 'within':
      return [{ kind: 'compare', op: '<', left: relation.point, right: relation.end }]
    case 'join':
      return [...rangeEnds(relation.left.relation), ...rangeEnds(relation.right.relation)]
    case 'unnest':
      return rangeEnds(relation.left.relation)
    default:
      return []
  }
}

function printSource({ relation, as }: Source, table: TableText): string {
  const joined = relation.kind === 'join' || relation.kind === 'within' || relation.kind === 'unnest'
  // The parts of a join keep their own names; the join has none.
  return joined
    ? printRelation(relation, table)
    : `${printRelation(relation, table)} AS ${duckDbName(as)}${columnNames(relation)}`
}

function columnNames(relation: Relation): string {
  return relation.kind === 'values' ? `(${relation.columns.map(({ name }) => duckDbName(name)).join(', ')})` : ''
}

function printRelation(relation: Relation, table: TableText): string {
  switch (relation.kind) {
    case 'table':
      return table(relation.table, relation.columns)
    case 'named':
      return duckDbName(relation.name)
    case 'select':
      return `(\n${indent(printSelect(relation.select, table))}\n)`
    case 'values':
      return `(VALUES ${relation.rows.map((row) => `(${row.map(duckDbLiteral).join(', ')})`).join(', ')})`
    case 'join': {
      const how = relation.how === 'left' ? 'LEFT JOIN' : 'JOIN'
      return `${printSource(relation.left, table)}\n${how} ${printSource(relation.right, table)}\nON ${print(relation.on)}`
    }
    case 'within': {
      // The nearest range that starts at or before the point; whether it still holds the point, `rangeEnds` says. As a
      // join on both ends it took 20 times as long for 1,000 ranges and 3 M rows.
      const { left, ranges, point, start } = relation
      return `${printSource(left, table)}\nASOF JOIN ${printSource(ranges, table)}\nON ${print(point)} >= ${print(start)}`
    }
    case 'unnest': {
      const unnested = `UNNEST(${print(relation.list)}) AS ${duckDbName(relation.as)}(${duckDbName(relation.element)})`
      return `${printSource(relation.left, table)}\nCROSS JOIN ${unnested}`
    }
  }
}

function print(expression: Expression): string {
  switch (expression.kind) {
    case 'literal':
      return duckDbLiteral(expression.literal)
    case 'column':
      return expression.of === undefined
        ? duckDbName(expression.name)
        : `${duckDbName(expression.of)}.${duckDbName(expression.name)}`
    case 'compare':
      return `${print(expression.left)} ${expression.op} ${print(expression.right)}`
    case 'and':
      return expression.parts.map(print).join(' AND ')
    case 'notNull':
      return `${print(expression.of)} IS NOT NULL`
    case 'orElse':
      return `coalesce(${print(expression.of)}, ${print(expression.otherwise)})`
    case 'sum':
      // DuckDB sums BIGINT as HUGEINT and DECIMAL(38,0) as itself: exact beyond 64 bits.
      return `sum(${print(expression.of)})`
    case 'max':
      return `max(${print(expression.of)})`
    case 'count':
      return expression.where === undefined ? 'count(*)' : `count(*) FILTER (WHERE ${print(expression.where)})`
    case 'place': {
      const partition = expression.partitionBy.map(print).join(', ')
      return `row_number() OVER (PARTITION BY ${partition} ORDER BY ${print(expression.by)})`
    }
  }
}

const indent = (lines: string) => `  ${lines.replaceAll('\n', '\n  ')}`
