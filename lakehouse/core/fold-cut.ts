/**
 * The cut of long breakdowns, in JavaScript (`adapters/duckdb/parquet-cut.ts` is the same in SQL): of a merchant and
 * breakdown the values with most hits are kept, ties by value, and all others become one, `other`.
 */
import type { LakeRow, TableDefinition } from '../../core/tables.ts'
import { compareText } from '../../core/text-order.ts'

export interface CutRows {
  readonly rows: readonly LakeRow[]
  /** Merchants of whom a breakdown lost values now, rising. */
  readonly truncated: readonly string[]
}

/** Whether rows of the table are hits of a breakdown's value, which the cut is made for. */
export function isCut({ fold }: TableDefinition): boolean {
  return fold?.key.includes('other') ?? false
}

/** `rows` of one day and generation, yet to be folded: rows that lost their value are not one row yet. */
export function cutValues(definition: TableDefinition, rows: readonly LakeRow[], maxValues: number): CutRows {
  if (!isCut(definition)) return { rows, truncated: [] }
  const breakdowns = new Map<string, Map<string, bigint>>()
  for (const row of rows) {
    if (!isValue(row)) continue
    const key = breakdownOf(row)
    const hits = breakdowns.get(key) ?? new Map<string, bigint>()
    breakdowns.set(key, hits)
    const value = String(row.value)
    hits.set(value, (hits.get(value) ?? 0n) + BigInt((row.hits as bigint | null) ?? 0))
  }
  const lost = new Map<string, ReadonlySet<string>>()
  for (const [key, hits] of breakdowns) {
    if (hits.size <= maxValues) continue
    const ranked = [...hits].sort(([a, x], [b, y]) => (x === y ? compareText(a, b) : x > y ? -1 : 1))
    lost.set(key, new Set(ranked.slice(maxValues).map(([value]) => value)))
  }
  if (lost.size === 0) return { rows, truncated: [] }
  const truncated = new Set<string>()
  const cut = rows.map((row) => {
    if (!isValue(row) || !lost.get(breakdownOf(row))?.has(String(row.value))) return row
    truncated.add(String(row.merchant))
    return { ...row, value: '', other: true }
  })
  return { rows: cut, truncated: [...truncated].sort(compareText) }
}

function isValue(row: LakeRow): boolean {
  return row.other !== true && typeof row.breakdown === 'string' && row.breakdown !== 'total' && row.value !== null
}

function breakdownOf(row: LakeRow): string {
  return JSON.stringify([row.merchant, row.breakdown])
}
