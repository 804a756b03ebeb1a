/**
 * Columns that hold one value in all rows of a batch: plan, data sets, source, generation, and whatever nobody sends. To
 * copy a text into DuckDB row by row costs more than anything else in staging, so these are literals of the COPY instead.
 */
import type { Column, LakeRow, LakeValue } from '../../../core/tables.ts'
import { quoteText, sqlType } from './parquet-sql.ts'

/** Longer texts are copied: nobody repeats them. */
export const constantMaxLength = 256

/** By name, the SQL of the one value. Only types and values whose literal is exact; all others are for copying, or refusing. */
export function constantColumns(columns: readonly Column[], rows: readonly LakeRow[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  const first = rows[0]
  if (first === undefined) return found
  for (const { name, type } of columns) {
    const value = first[name] ?? null
    const literal = literalOf(type, value)
    if (literal !== undefined && rows.every((row) => (row[name] ?? null) === value)) found.set(name, literal)
  }
  // A table needs a column.
  if (found.size === columns.length) found.delete(columns[0]?.name ?? '')
  return found
}

function literalOf(type: Column['type'], value: LakeValue): string | undefined {
  if (value === null) return `CAST(NULL AS ${sqlType(type)})`
  if (type === 'string' && typeof value === 'string' && isPlain(value)) return quoteText(value)
  if (type === 'boolean' && typeof value === 'boolean') return value ? 'TRUE' : 'FALSE'
  if (type === 'int' && typeof value === 'number' && value === (value | 0)) return `CAST(${value} AS INTEGER)`
  return undefined
}

/** Visible ASCII: what needs no second thought between quotes. */
function isPlain(text: string): boolean {
  return text.length <= constantMaxLength && /^[\x20-\x7e]*$/.test(text)
}
