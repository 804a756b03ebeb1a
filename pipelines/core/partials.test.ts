import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KmvBuilder } from '../../core/sketch/kmv.ts'
import { kSmallest } from './k-smallest.ts'
import { Partials } from './partials.ts'

const hour = { start: 0, end: 3_600_000 }
const next = { start: 3_600_000, end: 7_200_000 }

describe('partials', () => {
  it('fold rows by key, window and value of each set, and name the records they cover', () => {
    const partials = new Partials({ hits: { kind: 'count' } }, { total: [], page: ['path'] })
    partials.add('shop', hour, { path: '/a' }, 4)
    partials.add('shop', hour, { path: '/b' }, 5)
    partials.add('shop', hour, { path: '/a' }, 7)
    partials.add('shop', next, { path: null }, 8)
    partials.add('other', hour, { path: '/a' }, 9)
    const panes = [...partials.panes()].map((pane) => [
      ...[pane.key, pane.start, pane.set, pane.value, pane.values.hits],
      ...[pane.firstOffset, pane.lastOffset],
    ])
    expect(panes).toEqual([
      ['shop', 0, 'total', '', 3, 4, 7],
      ['shop', 3_600_000, 'total', '', 1, 8, 8],
      ['other', 0, 'total', '', 1, 9, 9],
      ['shop', 0, 'page', '/a', 2, 4, 7],
      ['shop', 0, 'page', '/b', 1, 5, 5],
      ['shop', 3_600_000, 'page', '', 1, 8, 8],
      ['other', 0, 'page', '/a', 1, 9, 9],
    ])
    partials.clear()
    expect([...partials.panes()]).toEqual([])
  })

  it('sum beyond 64 bits exactly', () => {
    const partials = new Partials({ paid: { kind: 'sum', column: 'paid' } }, { total: [] })
    for (const paid of [2n ** 63n, 2n ** 63n, -1n]) partials.add('shop', hour, { paid }, 0)
    expect([...partials.panes()][0]?.values.paid).toBe(2n ** 64n - 1n)
  })

  it.each([
    [{ kind: 'sum', column: 'paid' } as const, { paid: 1 }, "sum needs a bigint in 'paid', not number"],
    [{ kind: 'countIf', column: 'first' } as const, {}, "countIf needs a boolean in 'first', not undefined"],
    [
      { kind: 'countDistinct', column: 'who', k: 2 } as const,
      { who: 'v1' },
      "countDistinct needs a bigint in 'who', not string",
    ],
  ])('refuse a row that they could not fold: %o', (node, row, message) => {
    const partials = new Partials({ value: node }, { total: [] })
    expect(() => partials.check(row)).toThrow(message)
  })
})

describe('the k smallest of many hashes', () => {
  it('are what a sketch built hash by hash keeps', () => {
    const hashes = fc.array(
      fc.bigInt(0n, 2n ** 63n - 1n).chain((hash) => fc.constantFrom(hash, hash % 8n)),
      { maxLength: 60 },
    )
    fc.assert(
      fc.property(hashes, fc.integer({ min: 2, max: 20 }), (all, k) => {
        const sketch = new KmvBuilder(k)
        for (const hash of all) sketch.add(hash)
        expect(kSmallest(all, k)).toEqual(sketch.toSorted())
      }),
    )
  })
})
