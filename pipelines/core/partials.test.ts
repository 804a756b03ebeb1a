import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Aggregate } from '../../core/aggregates/aggregate.ts'
import { count, countIf } from '../../core/aggregates/count.ts'
import { countDistinct } from '../../core/aggregates/count-distinct.ts'
import { max, min } from '../../core/aggregates/min-max.ts'
import { quantiles } from '../../core/aggregates/quantiles.ts'
import { avg, sum } from '../../core/aggregates/sum.ts'
import { top } from '../../core/aggregates/top.ts'
import type { AggregateNode, AnyPane } from './pane.ts'
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
      ['shop', 0, 'page', '/a', 2, 4, 7],
      ['shop', 0, 'page', '/b', 1, 5, 5],
      ['shop', 3_600_000, 'total', '', 1, 8, 8],
      ['shop', 3_600_000, 'page', '', 1, 8, 8],
      ['other', 0, 'total', '', 1, 9, 9],
      ['other', 0, 'page', '/a', 1, 9, 9],
    ])
    partials.clear()
    expect([...partials.panes()]).toEqual([])
  })

  it('take no value and the empty text as one value', () => {
    const partials = new Partials({ hits: { kind: 'count' } }, { page: ['path'] })
    for (const path of [null, '', undefined]) partials.add('shop', hour, { path }, 0)
    expect([...partials.panes()].map(({ value, values }) => [value, values.hits])).toEqual([['', 3]])
  })

  it('remember nothing of the epoch before', () => {
    const partials = new Partials(everything, { page: ['path'] })
    const once = () => {
      for (const path of ['/a', '/b', '/a']) partials.add('shop', hour, { ...oneRow, path }, 3)
      const panes = structuredClone([...partials.panes()])
      partials.clear()
      return panes
    }
    const before = once()
    partials.add('other', next, { ...oneRow, path: '/z' }, 1)
    partials.clear()
    expect(once()).toEqual(before)
  })

  it('sum beyond 64 bits exactly', () => {
    const partials = new Partials({ paid: { kind: 'sum', column: 'paid' } }, { total: [] })
    for (const paid of [2n ** 63n, 2n ** 63n, -1n]) partials.add('shop', hour, { paid }, 0)
    expect([...partials.panes()][0]?.values.paid).toBe(2n ** 64n - 1n)
  })

  it('keep the k smallest hashes of the total, and as many as are said of each value', () => {
    const visitors = { kind: 'countDistinct', column: 'who', k: 3, ofValues: 2 } as const
    const partials = new Partials({ visitors }, { total: [], page: ['path'] })
    for (const who of [9n, 5n, 2n ** 63n - 1n, 7n, 5n]) partials.add('shop', hour, { path: '/a', who }, 0)
    expect([...partials.panes()].map(({ set, values }) => [set, values.visitors])).toEqual([
      ['total', [5n, 7n, 9n]],
      ['page', [5n, 7n]],
    ])
  })

  it('tell hashes apart that are one double', () => {
    const visitors = { kind: 'countDistinct', column: 'who', k: 8, ofValues: 8 } as const
    const partials = new Partials({ visitors }, { total: [] })
    for (const who of [2n ** 62n + 1n, 2n ** 62n, 2n ** 62n + 1n, 2n ** 62n + 2n]) {
      partials.add('shop', hour, { who }, 0)
    }
    expect([...partials.panes()][0]?.values.visitors).toEqual([2n ** 62n, 2n ** 62n + 1n, 2n ** 62n + 2n])
  })

  it('give null for a histogram and for weights of nothing', () => {
    const partials = new Partials(everything, { total: [] })
    partials.add('shop', hour, { ...oneRow, load: null, currency: null }, 0)
    expect([...partials.panes()][0]?.values).toMatchObject({ load: null, other: null })
  })

  it.each([
    [{ kind: 'sum', column: 'paid' } as const, { paid: 1.5 }, "sum needs an integer in 'paid', not number"],
    [{ kind: 'countIf', column: 'first' } as const, {}, "countIf needs a boolean in 'first', not undefined"],
    [
      { kind: 'countDistinct', column: 'who', k: 2, ofValues: 2 } as const,
      { who: 'v1' },
      "countDistinct needs a bigint in 'who', not string",
    ],
    [
      { kind: 'quantiles', column: 'load' } as const,
      { load: 0.5 },
      "quantiles needs a bucket number in 'load', not number",
    ],
    [{ kind: 'top', column: 'a', weight: 'b' } as const, { a: 1, b: 1n }, "top needs a string in 'a', not number"],
    [{ kind: 'top', column: 'a', weight: 'b' } as const, { a: 'x' }, "top needs a bigint in 'b', not undefined"],
    [{ kind: 'max', column: 'a' } as const, { a: Number.NaN }, "max needs a string or number in 'a', not number"],
  ])('refuse a row that they could not fold: %o', (node, row, message) => {
    const partials = new Partials({ value: node }, { total: [] })
    expect(() => partials.check(row)).toThrow(message)
  })

  it('refuse an aggregate whose parts cannot be merged later', () => {
    expect(() => new Partials({ entry: { kind: 'first', column: 'path' } }, { total: [] })).toThrow(
      "'first' needs all rows of a group at once",
    )
  })
})

describe('the numbers of any rows', () => {
  it('are those of each aggregate over the rows of each group', () => {
    const row = fc.record({
      merchant: fc.constantFrom('a', 'b'),
      window: fc.constantFrom(hour, next),
      path: fc.constantFrom('/', '/a', '/ä', null),
      source: fc.constantFrom('x', '', null),
      first: fc.boolean(),
      paid: fc.bigInt(-3n, 3n),
      who: fc.oneof(fc.bigInt(0n, 5n), fc.bigInt(2n ** 63n - 6n, 2n ** 63n - 1n)),
      load: fc.option(fc.integer({ min: -2, max: 2 })),
      currency: fc.option(fc.constantFrom('CHF', 'USD', '\u{1f600}', '\uffee')),
      foreign: fc.bigInt(-2n, 2n),
      offset: fc.nat(9),
    })
    fc.assert(
      fc.property(fc.array(row, { maxLength: 40 }), (rows) => {
        const partials = new Partials(everything, sets)
        for (const each of rows) {
          partials.check(each)
          partials.add(each.merchant, each.window, each, each.offset)
        }
        expect(byName([...partials.panes()])).toEqual(byName(recount(rows)))
      }),
    )
  })
})

const everything = {
  hits: { kind: 'count' },
  firsts: { kind: 'countIf', column: 'first' },
  roots: { kind: 'countIf', column: 'path', is: '/' },
  visitors: { kind: 'countDistinct', column: 'who', k: 4, ofValues: 3 },
  revenue: { kind: 'sum', column: 'paid' },
  load: { kind: 'quantiles', column: 'load' },
  other: { kind: 'top', column: 'currency', weight: 'foreign' },
  least: { kind: 'min', column: 'currency' },
  most: { kind: 'max', column: 'paid' },
  mean: { kind: 'avg', column: 'paid' },
} as const satisfies Readonly<Record<string, AggregateNode>>
const sets = { total: [], page: ['path'], source: ['source'] } as const

const oneRow = { path: '/', first: true, who: 1n, paid: 2n, load: 3, currency: 'CHF', foreign: 4n }
type AnyRow = typeof oneRow | Readonly<Record<string, unknown>>

/** The same by way of the definitions in core/aggregates, group by group. */
function recount(rows: readonly { readonly [column: string]: unknown }[]): AnyPane[] {
  const groups = new Map<string, { readonly set: string; readonly value: string; readonly rows: AnyRow[] }>()
  for (const row of rows) {
    for (const [set, [column]] of Object.entries(sets)) {
      const value = column === undefined ? '' : String(row[column] ?? '')
      const name = JSON.stringify([row.merchant, (row.window as typeof hour).start, set, value])
      const group = groups.get(name) ?? { set, value, rows: [] }
      group.rows.push(row)
      groups.set(name, group)
    }
  }
  return [...groups.values()].map(({ set, value, rows: members }) => {
    const [one] = members as [{ readonly merchant: string; readonly window: typeof hour }]
    const offsets = members.map((row) => (row as { readonly offset: number }).offset)
    const of = <S, I, R>(aggregate: Aggregate<S, I, R>, input: (row: Record<string, unknown>) => unknown): R =>
      aggregate.result(
        (members as Record<string, unknown>[]).reduce(
          (state, row) => aggregate.add(state, input(row) as I),
          aggregate.create(),
        ),
      )
    const orNull = <T>(list: readonly T[]) => (list.length === 0 ? null : list)
    const values = {
      hits: of(count(), () => null),
      firsts: of(countIf(), (row) => row.first),
      roots: of(countIf(), (row) => row.path === '/'),
      visitors: of(countDistinct(set === 'total' ? 4 : 3), (row) => row.who),
      revenue: of(sum(), (row) => row.paid),
      load: orNull(of(quantiles(), (row) => row.load)),
      other: orNull(of(top(), (row) => ({ value: row.currency, weight: row.foreign }))),
      least: of(min(), (row) => row.currency),
      most: of(max(), (row) => row.paid),
      mean: of(avg(), (row) => row.paid),
    }
    const { start, end } = one.window
    const [firstOffset, lastOffset] = [Math.min(...offsets), Math.max(...offsets)]
    return { key: one.merchant, start, end, set, value, values: values as never, firstOffset, lastOffset }
  })
}

function byName(panes: readonly AnyPane[]): ReadonlyMap<string, AnyPane> {
  return new Map(panes.map((pane) => [JSON.stringify([pane.key, pane.start, pane.set, pane.value]), pane]))
}
