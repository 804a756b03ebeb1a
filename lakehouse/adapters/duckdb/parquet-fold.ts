/** Folding partial rows in DuckDB; `lakehouse/core/fold.ts` is the same in JavaScript, and tests hold both equal. */
import type { Column, FoldKind, TableDefinition } from '../../../core/tables.ts'
import { quoteName, stagedColumns } from './parquet-sql.ts'

/** Partial rows of one key as one row; `rows` unchanged for tables that do not fold. A sum or union of nothing is null. */
export function foldedRows(definition: TableDefinition, rows: string): string {
  const { fold } = definition
  if (fold === undefined) return rows
  const columns = stagedColumns(definition).map((column) => {
    const name = quoteName(column.name)
    if (fold.key.includes(column.name)) return name
    const kind = fold.values[column.name]
    return `${kind === undefined ? rangeFold(column.name) : `CAST(${valueFold(name, kind)} AS ${foldType(column)})`} AS ${name}`
  })
  return `SELECT ${columns.join(', ')} FROM (${rows}) GROUP BY ${fold.key.map(quoteName).join(', ')}`
}

function valueFold(name: string, kind: FoldKind): string {
  if (kind === 'sum') return `sum(${name})`
  return `list_slice(list_sort(list_distinct(flatten(list(${name}) FILTER (${name} IS NOT NULL)))), 1, ${kind.kmv})`
}

function foldType(column: Column): string {
  if (column.type === 'long') return 'BIGINT'
  return column.type === 'decimal38' ? 'DECIMAL(38,0)' : 'BIGINT[]'
}

function rangeFold(name: string): string {
  if (name.endsWith('_from')) return `min(${quoteName(name)})`
  if (name.endsWith('_to')) return `max(${quoteName(name)})`
  throw new TypeError(`column ${name} has no rule to fold it by`)
}
