/**
 * Folding partial rows in JavaScript: rows of one key become one, whatever their number and order. The law that any fold,
 * by whichever engine, has to keep: fold(parts of a whole) = fold(whole), and folding twice changes nothing.
 */
import type { FoldKind, LakeRow, LakeValue, TableDefinition } from '../../core/tables.ts'

/** Rows unchanged for a table that does not fold. A sum or union of nothing but nulls is null. */
export function foldRows(definition: TableDefinition, rows: readonly LakeRow[]): readonly LakeRow[] {
  const { fold } = definition
  if (fold === undefined) return rows
  const groups = new Map<string, LakeRow[]>()
  for (const row of rows) {
    const key = JSON.stringify(
      fold.key.map((name) => (typeof row[name] === 'bigint' ? String(row[name]) : (row[name] ?? null))),
    )
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [row])
    else group.push(row)
  }
  return [...groups.values()].map((group) => {
    const first = group[0] as LakeRow
    const folded: Record<string, LakeValue | undefined> = { ...first }
    for (const { name } of definition.columns) {
      if (fold.key.includes(name)) continue
      const values = group.map((row) => row[name]).filter((value) => value !== null && value !== undefined)
      folded[name] = values.length === 0 ? null : foldValues(name, fold.values[name], values)
    }
    return folded
  })
}

function foldValues(name: string, kind: FoldKind | undefined, values: readonly LakeValue[]): LakeValue {
  if (kind === 'sum') return values.reduce<bigint>((sum, value) => sum + BigInt(value as bigint), 0n)
  if (kind !== undefined) {
    const union = new Set((values as readonly (readonly LakeValue[])[]).flat().map((hash) => BigInt(hash as bigint)))
    return [...union].sort((a, b) => (a < b ? -1 : 1)).slice(0, kind.kmv)
  }
  const numbers = values.map(Number)
  if (name.endsWith('_from')) return Math.min(...numbers)
  if (name.endsWith('_to')) return Math.max(...numbers)
  throw new TypeError(`column ${name} has no rule to fold it by`)
}
