/** Dimensions and filters of rows of `hits`, in plain loops. */
import type { Dimension, Filter } from '../../../core/ports/query-engine.ts'
import type { LakeRow, LakeValue } from '../../../core/tables.ts'
import { hitColumn, propKeyOf } from '../../core/sql/dimensions.ts'

export function hitValue(row: LakeRow, dimension: Dimension): string {
  const cell = row[hitColumn(dimension)]
  const key = propKeyOf(dimension)
  if (key === undefined) return textOf(cell)
  const props: Readonly<Record<string, LakeValue>> = typeof cell === 'string' ? JSON.parse(cell) : {}
  return Object.hasOwn(props, key) ? textOf(props[key]) : ''
}

export function textOf(cell: LakeValue | undefined): string {
  return cell === null || cell === undefined ? '' : String(cell)
}

/** `valueIn` says undefined where there is no text to compare: then `is` and `contains` are false. */
export function holds(filter: Filter, valueIn: (dimension: Dimension) => string | undefined): boolean {
  switch (filter.op) {
    case 'and':
      return filter.filters.every((each) => holds(each, valueIn))
    case 'or':
      return filter.filters.some((each) => holds(each, valueIn))
    case 'not':
      return !holds(filter.filter, valueIn)
    case 'is':
    case 'is_not': {
      const value = valueIn(filter.dimension)
      return (value !== undefined && filter.values.includes(value)) === (filter.op === 'is')
    }
    case 'contains':
    case 'contains_not': {
      const value = valueIn(filter.dimension)
      const found = value !== undefined && filter.values.some((part) => value.includes(part))
      return found === (filter.op === 'contains')
    }
  }
}
