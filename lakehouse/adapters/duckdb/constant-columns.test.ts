import { describe, expect, it } from 'vitest'
import type { Column } from '../../../core/tables.ts'
import { constantColumns, constantMaxLength } from './constant-columns.ts'

const columns: readonly Column[] = [
  { id: 1, name: 'plan', type: 'string', doc: '' },
  { id: 2, name: 'path', type: 'string', doc: '' },
  { id: 3, name: 'bot', type: 'boolean', doc: '' },
  { id: 4, name: '_gen', type: 'int', doc: '' },
  { id: 5, name: 'items', type: { list: { elementId: 6, element: 'string' } }, doc: '' },
  { id: 7, name: 'time', type: 'timestamptz', doc: '' },
]
const row = { plan: "it's", path: '/a', bot: false, _gen: 1, items: null, time: 5 }

describe('constant columns of a batch', () => {
  it('are those with one value in all rows, absent and null being one', () => {
    const { items: _items, ...without } = row
    expect([...constantColumns(columns, [row, { ...without, path: '/b' }])]).toEqual([
      ['plan', "'it''s'"],
      ['bot', 'FALSE'],
      ['_gen', 'CAST(1 AS INTEGER)'],
      ['items', 'CAST(NULL AS VARCHAR[])'],
    ])
  })

  it('leave at least one column to be copied', () => {
    const some = columns.slice(0, 3)
    expect([...constantColumns(some, [row]).keys()]).toEqual(['path', 'bot'])
    expect(constantColumns(some, []).size).toBe(0)
  })

  it.each([
    ['a text with a letter beyond ASCII', { path: 'é' }],
    ['a text with a control character', { path: 'a\0b' }],
    ['a text above the limit', { path: 'x'.repeat(constantMaxLength + 1) }],
    ['a value of another type, which is refused when it is copied', { path: 5 }],
    ['a number that is no int', { _gen: 1.5 }],
    ['a number beyond an int', { _gen: 2 ** 31 }],
  ])('leave out %s', (_what, change) => {
    const [name] = Object.keys(change)
    expect(constantColumns(columns, [{ ...row, ...change }]).has(name as string)).toBe(false)
  })

  it('hold the longest text of the limit', () => {
    expect(constantColumns(columns, [{ ...row, path: 'x'.repeat(constantMaxLength) }]).has('path')).toBe(true)
  })
})
