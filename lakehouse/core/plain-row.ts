/** A row as it reads back from the lake (core/tables.ts, `LakeRow`): absent columns null, integers in their one form. */
import type { Column, ColumnType, LakeRow, LakeValue } from '../../core/tables.ts'

export function plainRow(columns: readonly Column[], row: LakeRow): LakeRow {
  return Object.fromEntries(columns.map(({ name, type }) => [name, plainValue(type, row[name], 'column')]))
}

function plainValue(type: ColumnType, value: LakeValue | undefined, place: 'column' | 'list'): LakeValue {
  if (value === null || value === undefined) return null
  if (typeof type !== 'string') {
    if ('list' in type) {
      const { element } = type.list
      return (value as readonly LakeValue[]).map((item) => plainValue(element, item, 'list'))
    }
    const fields = value as { readonly [name: string]: LakeValue }
    return Object.fromEntries(type.struct.map((part) => [part.name, plainValue(part.type, fields[part.name], place)]))
  }
  if (type === 'decimal38') return BigInt(value as bigint)
  if (type !== 'long') return value
  const long = BigInt(value as bigint)
  const number = Number(long)
  return place === 'column' && Number.isSafeInteger(number) ? number : long
}
