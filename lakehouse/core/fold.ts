/**
 * Folding partial rows in JavaScript: rows of one key become one, whatever their number and order. The law that any fold,
 * by whichever engine, has to keep: fold(parts of a whole) = fold(whole), and folding twice changes nothing.
 */
import type { FoldKind, LakeRow, LakeValue, TableDefinition } from '../../core/tables.ts'
import { compareValues } from './row-order.ts'

type LakeStruct = { readonly [name: string]: LakeValue }

/**
 * Rows unchanged for a table that does not fold. A sum or union of nothing but nulls is null; a flag of the key that is
 * null, in rows from before it was there, is false.
 */
export function foldRows(definition: TableDefinition, rows: readonly LakeRow[]): readonly LakeRow[] {
  const { fold } = definition
  if (fold === undefined) return rows
  const flags = new Set(definition.columns.filter(({ type }) => type === 'boolean').map(({ name }) => name))
  const keyValue = (name: string, row: LakeRow) => row[name] ?? (flags.has(name) ? false : null)
  const groups = new Map<string, LakeRow[]>()
  for (const row of rows) {
    const key = JSON.stringify(
      fold.key.map((name) => {
        const value = keyValue(name, row)
        return typeof value === 'bigint' ? String(value) : value
      }),
    )
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [row])
    else group.push(row)
  }
  return [...groups.values()].map((group) => {
    const first = group[0] as LakeRow
    const folded: Record<string, LakeValue | undefined> = { ...first }
    for (const { name } of definition.columns) {
      if (fold.key.includes(name)) {
        folded[name] = keyValue(name, first)
        continue
      }
      const values = group.map((row) => row[name]).filter((value) => value !== null && value !== undefined)
      folded[name] = values.length === 0 ? null : foldValues(name, fold.values[name], values, first)
    }
    return folded
  })
}

function foldValues(name: string, kind: FoldKind | undefined, values: readonly LakeValue[], row: LakeRow): LakeValue {
  if (kind === 'sum') return values.reduce<bigint>((sum, value) => sum + BigInt(value as bigint), 0n)
  if (kind === 'sumByKey') return sumByKey((values as readonly (readonly LakeStruct[])[]).flat())
  if (kind !== undefined) {
    const k = row[kind.kmv.of] === kind.kmv.is ? kind.kmv.k : kind.kmv.otherwise
    const union = new Set((values as readonly (readonly LakeValue[])[]).flat().map((hash) => BigInt(hash as bigint)))
    return [...union].sort((a, b) => (a < b ? -1 : 1)).slice(0, k)
  }
  const numbers = values.map(Number)
  if (name.endsWith('_from')) return Math.min(...numbers)
  // As `_to`: a folded row is found by the newest publication in it.
  if (name.endsWith('_to') || name === '_publish' || name === '_row') return Math.max(...numbers)
  throw new TypeError(`column ${name} has no rule to fold it by`)
}

/** Structs of two fields, the second summed by the first, rising by the first. */
function sumByKey(structs: readonly LakeStruct[]): LakeValue {
  const [key, value] = Object.keys(structs[0] ?? {})
  if (key === undefined || value === undefined) return []
  const sums = new Map<LakeValue, bigint>()
  for (const struct of structs) {
    const of = struct[key] ?? null
    sums.set(of, (sums.get(of) ?? 0n) + BigInt(struct[value] as bigint))
  }
  return [...sums].sort(([a], [b]) => compareValues(a, b)).map(([of, sum]) => ({ [key]: of, [value]: sum }))
}
