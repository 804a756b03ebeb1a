import { describe, expect, it } from 'vitest'
import type { EventTime } from '../../../core/event-time.ts'
import type { Offset } from '../../../core/ids.ts'
import type { AggregateNode } from '../../core/pane.ts'
import { avg, count, countDistinct, first, last, max, min, quantiles, sum, top } from '../../plan/aggregates.ts'
import { type PlacedRow, rowAggregates } from './row-aggregates.ts'

const nodes: Readonly<Record<string, AggregateNode>> = {
  rows: count(),
  paid: { kind: 'countIf', column: 'paid' },
  home: { kind: 'countIf', column: 'page', is: '/' },
  cents: sum('cents'),
  mean: avg('cents'),
  least: min('cents'),
  most: max('page'),
  visitors: countDistinct('hash', { k: 4, ofValues: 2 }),
  load: quantiles('bucket'),
  pages: top('page', { weight: 'cents' }),
  entry: first('page'),
  exit: last('page'),
}
const placed = (time: number, row: Readonly<Record<string, unknown>>): PlacedRow => ({
  ...{ time: time as EventTime, position: { partition: 0, offset: time as Offset, index: 0 } },
  row: { paid: true, page: '/', cents: 5n, hash: 7n, bucket: 3, ...row },
})
const some = [
  placed(2, { page: '/b', cents: 9_007_199_254_740_993n, hash: 1n }),
  placed(1, { page: '/a', paid: false, hash: 2n }),
  placed(3, { page: null, cents: null, hash: null, bucket: null, paid: null }),
  placed(4, { hash: 3n }),
]
const all = rowAggregates(nodes, { ofValues: false })
const whole = () => some.reduce((states, row) => all.add(states, row), all.create())

describe('the aggregates of a step', () => {
  it('each hold what their rows bring; null adds nothing', () => {
    expect(all.result(whole())).toEqual({
      ...{ rows: 4, paid: 2, home: 1, cents: 9_007_199_254_741_003n, mean: 3_002_399_751_580_334.5 },
      ...{ least: 5n, most: '/b', visitors: [1n, 2n, 3n], load: [{ bucket: 3, n: 3n }] },
      pages: ['/', '/a', '/b'].map((value, n) => ({ value, weight: n === 2 ? 9_007_199_254_740_993n : 5n })),
      ...{ entry: '/a', exit: '/' },
    })
  })

  it('hold the same of parts that merge, and of what was packed', () => {
    const [left, right] = [some.slice(0, 2), some.slice(2)].map((rows) =>
      rows.reduce((states, row) => all.add(states, row), all.create()),
    ) as [unknown[], unknown[]]
    const packed = all.pack(right)
    expect(all.result(all.merge(left, all.unpack(packed)))).toEqual(all.result(whole()))
  })

  it('keep a smaller sketch of values', () => {
    const ofValues = rowAggregates({ visitors: countDistinct('hash', { k: 4, ofValues: 2 }) }, { ofValues: true })
    const states = some.reduce((sketch, row) => ofValues.add(sketch, row), ofValues.create())
    expect(ofValues.result(states)).toEqual({ visitors: [1n, 2n] })
  })

  it.each([
    ['paid', 'yes'],
    ['cents', 1.5],
    ['cents', '1'],
    ['hash', -1n],
    ['hash', 2n ** 63n],
    ['hash', 1],
    ['bucket', 0.5],
    ['page', 1],
    ['page', {}],
  ])('refuse a row whose %s is %s before anything of it counts', (column, value) => {
    expect(() => all.check({ [column]: value })).toThrow(TypeError)
    expect(() => all.check({ [column]: value })).toThrow(`'${column}'`)
  })

  it('say more bytes where a row made one of them larger, and the same where none can grow', () => {
    const states = all.create()
    const before = all.size(states)
    all.add(states, placed(1, { page: '/a long one that was not there' }))
    expect(all.size(states)).toBeGreaterThan(before)
    const counts = rowAggregates({ rows: count(), cents: sum('cents'), mean: avg('cents') }, { ofValues: false })
    expect(counts.size(counts.add(counts.create(), some[0] as PlacedRow))).toBe(counts.size(counts.create()))
    expect(counts.size(counts.create())).toBeGreaterThan(0)
  })
})
