import { describe, expect, it } from 'vitest'
import type { Column, ColumnType } from '../core/tables.ts'
import { tables } from './tables.ts'
import { tablesPage } from './tables-page.ts'

const definitions = Object.values(tables)

function allColumns(columns: readonly Column[]): { readonly id: number; readonly name: string }[] {
  const nested = (type: ColumnType): { readonly id: number; readonly name: string }[] => {
    if (typeof type === 'string') return []
    if ('struct' in type) return allColumns(type.struct)
    return [{ id: type.list.elementId, name: 'element' }, ...nested(type.list.element)]
  }
  return columns.flatMap((column) => [column, ...nested(column.type)])
}

describe('the tables', () => {
  it('are described in docs/reference/tables.md as they are', async () => {
    await expect(tablesPage(definitions)).toMatchFileSnapshot('../docs/reference/tables.md')
  })

  it.each(definitions)('$name uses every field id and every name once, ids without a gap', ({ columns }) => {
    const ids = allColumns(columns).map((column) => column.id)
    expect(ids.toSorted((a, b) => a - b)).toEqual(ids.map((_id, at) => at + 1))
    expect(new Set(columns.map((column) => column.name)).size).toBe(columns.length)
  })

  it.each(definitions)('$name partitions, sorts and folds by columns it has', ({ columns, partition, sort, fold }) => {
    const types = new Map(columns.map((column) => [column.name, column.type]))
    const time = 'day' in partition ? partition.day : partition.month
    expect(types.get(time)).toBe('timestamptz')
    if (partition.generation) expect(types.get('_gen')).toBe('int')
    for (const name of [...sort, ...(fold?.key ?? []), ...Object.keys(fold?.values ?? {})])
      expect(types.has(name)).toBe(true)
    // Folding across partitions would move rows between them.
    if (fold !== undefined) expect(fold.key).toEqual(expect.arrayContaining(['_gen', time]))
    const rest = columns
      .map(({ name }) => name)
      .filter((name) => fold && !fold.key.includes(name) && !(name in fold.values))
    expect(rest.every((name) => /_from$|_to$/.test(name) || name === '_publish' || name === '_row')).toBe(true)
  })
})
