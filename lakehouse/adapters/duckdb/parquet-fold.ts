/** Folding partial rows in DuckDB; `lakehouse/core/fold.ts` is the same in JavaScript, and tests hold both equal. */
import type { Column, FoldKind, TableDefinition } from '../../../core/tables.ts'
import { quoteName, quoteText, sqlType, stagedColumns } from './parquet-sql.ts'

/**
 * Partial rows of one key as one row; `rows` unchanged for tables that do not fold. A sum or union of nothing is null, a
 * flag of the key that is null is false.
 */
export function foldedRows(
  definition: TableDefinition,
  rows: string,
  columns: readonly Column[] = stagedColumns(definition),
): string {
  const { fold } = definition
  if (fold === undefined) return rows
  const key = definition.columns
    .filter(({ name }) => fold.key.includes(name))
    .map((column) => ({ column, sql: keyValue(column) }))
  const keyed = new Map(key.map(({ column, sql }) => [column.name, sql]))
  const grouped = columns.map((column) => {
    const name = quoteName(column.name)
    const kind = fold.values[column.name]
    const value = keyed.get(column.name) ?? (kind === undefined ? rangeFold(column.name) : valueFold(column, kind))
    return `${value} AS ${name}`
  })
  const groups = `SELECT ${grouped.join(', ')} FROM (${rows}) GROUP BY ${key.map(({ sql }) => sql).join(', ')}`
  return summedRuns(columns, (name) => fold.values[name] === 'sumByKey', groups)
}

function keyValue(column: Column): string {
  const name = quoteName(column.name)
  return column.type === 'boolean' ? `coalesce(${name}, false)` : name
}

function valueFold(column: Column, kind: FoldKind): string {
  const name = quoteName(column.name)
  if (kind === 'sum') return `CAST(sum(${name}) AS ${sqlType(column.type)})`
  const all = `flatten(list(${name}) FILTER (${name} IS NOT NULL))`
  // Sorted by key, so that `summedRuns` finds each key's structs beside each other.
  if (kind === 'sumByKey') return `list_sort(${all})`
  const { of, is, k, otherwise } = kind.kmv
  const size = `CASE WHEN any_value(${quoteName(of)}) = ${quoteText(is)} THEN ${k} ELSE ${otherwise} END`
  return `list_slice(list_sort(list_distinct(${all})), 1, ${size})`
}

function rangeFold(name: string): string {
  // As `_to`: a folded row is found by the newest publication in it.
  if (name.endsWith('_to') || name === '_publish' || name === '_row') return `max(${quoteName(name)})`
  if (name.endsWith('_from')) return `min(${quoteName(name)})`
  throw new TypeError(`column ${name} has no rule to fold it by`)
}

/**
 * Of lists sorted by key, the structs of one key as one. By where each run of a key starts, so that the work grows with the
 * list and not with its square.
 */
function summedRuns(columns: readonly Column[], isSummed: (name: string) => boolean, rows: string): string {
  const summed = columns.filter(({ name }) => isSummed(name))
  if (summed.length === 0) return rows
  const starts = summed.map((column) => {
    const [list, key] = [quoteName(column.name), quoteName(fieldsOf(column)[0].name)]
    const isStart = `i = 1 OR ${list}[i].${key} IS DISTINCT FROM ${list}[i - 1].${key}`
    return `list_filter(range(1, len(${list}) + 1), lambda i: ${isStart}) AS ${startsOf(column)}`
  })
  const selected = columns.map((column) =>
    isSummed(column.name) ? `${sumOfRuns(column)} AS ${quoteName(column.name)}` : quoteName(column.name),
  )
  return `SELECT ${selected.join(', ')} FROM (SELECT *, ${starts.join(', ')} FROM (${rows}))`
}

function sumOfRuns(column: Column): string {
  const [list, starts] = [quoteName(column.name), startsOf(column)]
  const [key, value] = fieldsOf(column)
  const end = `coalesce(${starts}[n + 1] - 1, len(${list}))`
  const values = `list_transform(${list}[start:${end}], lambda one: one.${quoteName(value.name)})`
  const sum = `CAST(list_sum(${values}) AS ${sqlType(value.type)})`
  const struct = `{${quoteText(key.name)}: ${list}[start].${quoteName(key.name)}, ${quoteText(value.name)}: ${sum}}`
  return `CAST(list_transform(${starts}, lambda start, n: ${struct}) AS ${sqlType(column.type)})`
}

function startsOf({ name }: Column): string {
  return quoteName(`#${name} starts`)
}

function fieldsOf({ name, type }: Column): readonly [Column, Column] {
  if (
    typeof type !== 'string' &&
    'list' in type &&
    typeof type.list.element !== 'string' &&
    'struct' in type.list.element
  ) {
    const [key, value] = type.list.element.struct
    if (key !== undefined && value !== undefined) return [key, value]
  }
  throw new TypeError(`column ${name} is no list of keys and values`)
}
