/**
 * The table's order, in JavaScript: partition (generation, UTC day or month), then the sort columns, then what else tells folded
 * rows apart, then every system column left.
 * Nulls first, strings by code point: as DuckDB and Iceberg's `nulls-first` order do.
 */
import { type LakeRow, type LakeValue, publicationColumns, type TableDefinition } from '../../core/tables.ts'
import { compareText } from '../../core/text-order.ts'
import { partitionTime, periodOf } from './partition.ts'

export function tableOrderColumns(definition: TableDefinition): readonly string[] {
  const system = definition.columns
    .map((column) => column.name)
    .filter((name) => name.startsWith('_') && !(publicationColumns as readonly string[]).includes(name))
  return [...new Set([...definition.sort, ...(definition.fold?.key ?? []), ...system])]
}

/** Compares two rows; 0 only where they are equal in all columns of the order. */
export function rowOrder(definition: TableDefinition): (a: LakeRow, b: LakeRow) => number {
  const columns = tableOrderColumns(definition)
  const { generation } = definition.partition
  const { column: time } = partitionTime(definition)
  return (a, b) => {
    if (generation) {
      const order = compareValues(a._gen, b._gen)
      if (order !== 0) return order
    }
    const order = periodOf(definition, Number(a[time])) - periodOf(definition, Number(b[time]))
    if (order !== 0) return order
    for (const column of columns) {
      const next = compareValues(a[column], b[column])
      if (next !== 0) return next
    }
    return 0
  }
}

/** Nulls first, strings by code point. */
export function compareValues(a: LakeValue | undefined, b: LakeValue | undefined): number {
  if (a === b) return 0
  const [left, right] = [a ?? null, b ?? null]
  if (left === null || right === null) return left === right ? 0 : left === null ? -1 : 1
  if (typeof left === 'string' && typeof right === 'string') return compareText(left, right)
  return left < right ? -1 : left > right ? 1 : 0
}
