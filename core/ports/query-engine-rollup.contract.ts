/** What every engine answers of the rollup, as tests. */
import { describe, expect, it } from 'vitest'
import { breakdownSketchSize, totalSketchSize } from '../../schemas/tables.ts'
import { TooManyGroupsError } from '../errors.ts'
import { dayMs, hourMs } from '../event-time.ts'
import type { Filter, Piece } from './query-engine.ts'
import {
  answeredBy,
  counted,
  dailyRow,
  type EngineUnderTest,
  hostileHalves,
  hostileValues,
  hours,
  inOrder,
  noon,
  noView,
  opened,
  partialRow,
  rollupQuestion,
} from './query-engine-under-test.ts'

export function rollupContract(under: EngineUnderTest): void {
  describe('a question of the rollup', () => {
    it('adds partial rows of a bucket and counts a visitor of several partials once', async () => {
      const { engine, viewOf } = await opened(under)
      const hourly = await viewOf(
        'hourly',
        [
          [partialRow({ hits: 5, pageviews: 3, visitors: [1n, 2n], orders: 1, revenue_micros: 250n })],
          [partialRow({ hits: 2, pageviews: 2, visitors: [2n, 9n], _part: 1 })],
          [partialRow({ hits: 1, pageviews: 0, visitors: [2n], orders: 1, revenue_micros: -50n })],
        ],
        2,
      )
      const sums = { bucket: 0, values: [], other: false, hits: 8n, pageviews: 5n, orders: 2n, revenueMicros: 200n }
      expect(await engine.hits(rollupQuestion({ hourly }, hours(1)), {})).toEqual([sums])
      expect(await engine.hits(rollupQuestion({ hourly }, hours(1), { parts: ['visitors'] }), {})).toEqual([
        { ...sums, visitors: { kept: 3, largest: 9n } },
      ])
    })

    // pieces:    [---- 0 ----)      [- 1 -)[--- 2 ---)
    // rows:      ^start   end^  ^gap       ^
    it('takes the start in and leaves the end out, and what lies between pieces', async () => {
      const { engine, viewOf } = await opened(under)
      const pieces = [
        { start: noon, end: noon + hourMs, bucket: 0, stored: null },
        { start: noon + 2 * hourMs, end: noon + 3 * hourMs, bucket: 1, stored: null },
        { start: noon + 3 * hourMs, end: noon + 5 * hourMs, bucket: 2, stored: null },
      ]
      const times = [-1, 0, 1, 1.5, 3, 5].map((h) => noon + h * hourMs)
      const hourly = await viewOf('hourly', [times.map((bucket, i) => partialRow({ bucket, visitors: [BigInt(i)] }))])
      const groups = await engine.hits(rollupQuestion({ hourly }, pieces), {})
      expect(inOrder(groups).map(({ bucket, hits }) => [bucket, hits])).toEqual([
        [0, 1n],
        [2, 1n],
      ])
    })

    it('leaves out other merchants, generations and breakdowns', async () => {
      const { engine, viewOf } = await opened(under)
      const hourly = await viewOf('hourly', [
        [
          partialRow(),
          partialRow({ merchant: 'tea', hits: 100 }),
          partialRow({ merchant: 'tea-house2', hits: 100 }),
          partialRow({ _gen: 2, hits: 100 }),
          partialRow({ breakdown: 'name', value: 'page_view', hits: 100 }),
        ],
      ])
      expect(await engine.hits(rollupQuestion({ hourly }, hours(1)), {})).toMatchObject([{ hits: 1n }])
      expect(await engine.hits(rollupQuestion({ hourly }, hours(1), { generations: answeredBy(2) }), {})).toMatchObject(
        [{ hits: 100n }],
      )
    })

    it.each([5, breakdownSketchSize, totalSketchSize])(
      'keeps the k smallest hashes: all of k − 1 and of k, and k of k + 1, where k is %i',
      async (k) => {
        const { engine, viewOf } = await opened(under)
        const bounds = [k - 1, k, k + 1]
        // Two partials of each hour, which share a hash.
        const rows = bounds.map((count, hour) => {
          const hashes = Array.from({ length: count }, (_, i) => BigInt(i) * 3n)
          const bucket = noon + hour * hourMs
          return [hashes.slice(0, 3), hashes.slice(2)].map((visitors, _part) => partialRow({ bucket, visitors, _part }))
        })
        const hourly = await viewOf('hourly', [rows.flat()])
        const question = rollupQuestion({ hourly }, hours(3), { parts: ['visitors'], sketchSize: k })
        expect(inOrder(await engine.hits(question, {})).map(({ visitors }) => visitors)).toEqual([
          { kept: k - 1, largest: BigInt(k - 2) * 3n },
          { kept: k, largest: BigInt(k - 1) * 3n },
          { kept: k, largest: BigInt(k - 1) * 3n },
        ])
      },
    )

    it('is exact at the ends of 63-bit hashes and beyond 64 bits of sums', async () => {
      const { engine, viewOf } = await opened(under)
      const huge = 10n ** 30n
      const other = (micros: bigint) => [{ currency: 'JPY', micros }]
      const hourly = await viewOf('hourly', [
        [
          partialRow({
            visitors: [0n, 2n ** 63n - 1n],
            hits: 2n ** 62n,
            revenue_micros: huge,
            other_revenue: other(huge),
          }),
        ],
        [
          partialRow({
            visitors: [2n ** 53n + 1n],
            hits: 2n ** 62n,
            revenue_micros: huge + 1n,
            _part: 1,
            other_revenue: other(1n),
          }),
        ],
      ])
      const question = rollupQuestion({ hourly }, hours(1), { parts: ['visitors', 'otherRevenue'] })
      expect(await engine.hits(question, {})).toMatchObject([
        {
          hits: 2n ** 63n,
          revenueMicros: 2n * huge + 1n,
          visitors: { kept: 3, largest: 2n ** 63n - 1n },
          otherRevenue: other(huge + 1n),
        },
      ])
    })

    it('counts a partial without visitors, and answers nothing for a view or pieces without rows', async () => {
      const { engine, viewOf } = await opened(under)
      expect(await engine.hits(rollupQuestion({}, hours(24)), {})).toEqual([])
      const hourly = await viewOf('hourly', [[partialRow({ visitors: [] })]])
      const parts = ['visitors'] as const
      expect(await engine.hits(rollupQuestion({ hourly }, hours(1), { parts }), {})).toMatchObject([
        { hits: 1n, visitors: { kept: 0, largest: null } },
      ])
      expect(await engine.hits(rollupQuestion({ hourly }, hours(3, noon + dayMs), { parts }), {})).toEqual([])
    })

    it('answers 20,000 pieces, and refuses more, none, and pieces that do not rise', async () => {
      const { engine, viewOf } = await opened(under)
      const hourly = await viewOf('hourly', [[partialRow(), partialRow({ bucket: noon + 19_999 * hourMs })]])
      const groups = await engine.hits(rollupQuestion({ hourly }, hours(20_000)), {})
      expect(inOrder(groups).map(({ bucket }) => bucket)).toEqual([0, 19_999])
      const [first, second] = hours(2)
      const empty = { start: noon, end: noon, bucket: 0, stored: null }
      for (const wrong of [[], hours(20_001), [second, first], [first, first], [empty]]) {
        await expect(engine.hits(rollupQuestion({ hourly }, wrong as Piece[]), {})).rejects.toThrow(RangeError)
      }
    })

    it('answers nothing once its signal is aborted', async () => {
      const { engine, viewOf } = await opened(under)
      const hourly = await viewOf('hourly', [[partialRow()]])
      const reason = new Error('the client left')
      const signal = AbortSignal.abort(reason)
      await expect(engine.hits(rollupQuestion({ hourly }, hours(1)), { signal })).rejects.toBe(reason)
    })

    it('adds histograms and other currencies by key, and has none of rows older than their columns', async () => {
      const { engine, viewOf } = await opened(under)
      const hourly = await viewOf('hourly', [
        [
          partialRow({
            load: [
              { bucket: -40_001, n: 1 },
              { bucket: 40_007, n: 2 },
            ],
            other_revenue: [
              { currency: 'GBP', micros: 5n },
              { currency: 'USD', micros: -7n },
            ],
          }),
          partialRow({ load: [{ bucket: 40_007, n: 2n ** 40n }], other_revenue: [{ currency: 'USD', micros: 8n }] }),
          partialRow(),
        ],
        [partialRow({ bucket: noon + hourMs })],
        [partialRow({ bucket: noon + 2 * hourMs, load: [], other_revenue: [] })],
      ])
      const question = rollupQuestion({ hourly }, hours(3), { parts: ['load', 'otherRevenue'] })
      const groups = inOrder(await engine.hits(question, {}))
      expect(groups.map(({ load, otherRevenue, visitors }) => ({ load, otherRevenue, visitors }))).toEqual([
        {
          load: [
            { bucket: -40_001, n: 1n },
            { bucket: 40_007, n: 2n ** 40n + 2n },
          ],
          otherRevenue: [
            { currency: 'GBP', micros: 5n },
            { currency: 'USD', micros: 1n },
          ],
        },
        { load: [], otherRevenue: [] },
        { load: [], otherRevenue: [] },
      ])
    })
  })

  describe('a breakdown of the rollup', () => {
    it('has a group for each value, whatever characters it is made of', async () => {
      const { engine, viewOf } = await opened(under)
      const rows = hostileValues.map((value, i) => partialRow({ breakdown: 'campaign', value, hits: i + 1 }))
      const hourly = await viewOf('hourly', [rows])
      const question = rollupQuestion({ hourly }, hours(1), { breakdown: 'campaign', dimensions: ['campaign'] })
      const groups = await engine.hits(question, {})
      expect(groups.map(({ values, hits }) => [...values, Number(hits)]).sort()).toEqual(
        hostileValues.map((value, i) => [value, i + 1]).sort(),
      )
      for (const values of hostileHalves) {
        const filter: Filter = { op: 'is', dimension: 'campaign', values }
        expect(counted(await engine.hits({ ...question, filter }, {})).sort()).toEqual(
          values.map((value) => [value, hostileValues.indexOf(value) + 1]).sort(),
        )
      }
    })

    it('is filtered without being grouped, and has no values then', async () => {
      const { engine, viewOf } = await opened(under)
      const values = ['', '/bowls', '/bowls/blue', '/mugs']
      const hourly = await viewOf('hourly', [
        values.map((value, i) => partialRow({ breakdown: 'page', value, hits: 10 ** i })),
      ])
      const hits = async (filter: Filter) => {
        const question = rollupQuestion({ hourly }, hours(1), { breakdown: 'page', filter })
        return (await engine.hits(question, {})).map((group) => [group.values, Number(group.hits)])
      }
      const page = { dimension: 'page' } as const
      expect(await hits({ ...page, op: 'is', values: ['', '/mugs'] })).toEqual([[[], 1_001]])
      expect(await hits({ ...page, op: 'is_not', values: ['/mugs'] })).toEqual([[[], 111]])
      expect(await hits({ ...page, op: 'contains', values: ['bowls', 'MUGS'] })).toEqual([[[], 110]])
      expect(await hits({ ...page, op: 'contains_not', values: ['bowls'] })).toEqual([[[], 1_001]])
      expect(await hits({ ...page, op: 'contains', values: [''] })).toEqual([[[], 1_111]])
      expect(await hits({ ...page, op: 'is', values: ['\ud800'] })).toEqual([])
    })

    it('keeps what was not kept apart: it is no value, so it is none of any and has no part of any', async () => {
      const { engine, viewOf } = await opened(under)
      const page = (more: object) => partialRow({ breakdown: 'page', ...more })
      const hourly = await viewOf('hourly', [
        [
          page({ value: '/a', hits: 1 }),
          page({ value: '', hits: 10, other: false }),
          page({ value: '', hits: 100, other: true }),
        ],
      ])
      const question = rollupQuestion({ hourly }, hours(1), { breakdown: 'page', dimensions: ['page'] })
      const told = async (filter: Filter | null) =>
        inOrder(await engine.hits({ ...question, filter }, {})).map(({ values, other, hits }) => [
          ...values,
          other,
          Number(hits),
        ])
      const [a, none, other] = [
        ['/a', false, 1],
        ['', false, 10],
        ['', true, 100],
      ]
      expect(await told(null)).toEqual([none, a, other])
      expect(await told({ op: 'is', dimension: 'page', values: [''] })).toEqual([none])
      expect(await told({ op: 'is_not', dimension: 'page', values: [''] })).toEqual([a, other])
      expect(await told({ op: 'contains', dimension: 'page', values: [''] })).toEqual([none, a])
      expect(await told({ op: 'contains_not', dimension: 'page', values: ['a'] })).toEqual([none, other])
      const total = await engine.hits(rollupQuestion({ hourly }, hours(1), { breakdown: 'page' }), {})
      expect(total).toMatchObject([{ hits: 111n, other: false, values: [] }])
    })

    it('has as many groups as it may have, over all buckets, and is refused with one more', async () => {
      const { engine, viewOf } = await opened(under)
      const values = ['a', 'b', 'c']
      const rows = values.flatMap((value) =>
        [noon, noon + hourMs].map((bucket) => partialRow({ breakdown: 'name', value, bucket })),
      )
      const hourly = await viewOf('hourly', [rows])
      const asked = { breakdown: 'name', dimensions: ['name'] } as const
      expect(await engine.hits(rollupQuestion({ hourly }, hours(2), { ...asked, maxGroups: 6 }), {})).toHaveLength(6)
      const refused = engine.hits(rollupQuestion({ hourly }, hours(2), { ...asked, maxGroups: 5 }), {})
      await expect(refused).rejects.toThrow(TooManyGroupsError)
    })
  })

  describe('a question of which some pieces are stored', () => {
    const start = noon - 12 * hourMs
    // bucket:   [------------- 0 -------------)[------ 1 ------)
    // piece:    [ 3 h hourly )[ a day, stored )[ a day, stored )
    const pieces: Piece[] = [
      { start: start - 3 * hourMs, end: start, bucket: 0, stored: null },
      { start, end: start + dayMs, bucket: 0, stored: 2 },
      { start: start + dayMs, end: start + 2 * dayMs, bucket: 1, stored: 3 },
    ]

    it('reads of each piece the rows that hold, and of no piece those of two tables', async () => {
      const { engine, viewOf, publishedView } = await opened(under)
      const hourly = await viewOf('hourly', [
        [
          partialRow({ bucket: start - hourMs, hits: 1, visitors: [1n, 2n] }),
          partialRow({ bucket: start, hits: 10_000 }),
          partialRow({ bucket: start + dayMs, hits: 10_000 }),
        ],
      ])
      const daily = await publishedView('daily', [
        // Superseded, each by the file after it.
        [dailyRow({ bucket: start, hits: 10_000 }), dailyRow({ bucket: start + dayMs, hits: 10_000 })],
        [
          dailyRow({ bucket: start, hits: 20, visitors: [2n, 3n] }),
          dailyRow({ bucket: start + dayMs, hits: 10_000 }),
          dailyRow({ bucket: start - dayMs, hits: 10_000 }),
        ],
        [dailyRow({ bucket: start + dayMs, hits: 300, visitors: [5n] })],
      ])
      const question = rollupQuestion({ hourly, daily }, pieces, { parts: ['visitors'] })
      expect(inOrder(await engine.hits(question, {}))).toMatchObject([
        { bucket: 0, hits: 21n, visitors: { kept: 3, largest: 3n } },
        { bucket: 1, hits: 300n, visitors: { kept: 1, largest: 5n } },
      ])
      const storedOnly = await engine.hits({ ...question, pieces: pieces.slice(1) }, {})
      expect(inOrder(storedOnly).map(({ hits }) => hits)).toEqual([20n, 300n])
    })

    it('has nothing of a table that has no rows yet', async () => {
      const { engine, viewOf } = await opened(under)
      const hourly = await viewOf('hourly', [[partialRow({ bucket: start - hourMs })]])
      const question = rollupQuestion({ hourly, daily: noView('daily') }, pieces)
      expect(await engine.hits(question, {})).toMatchObject([{ bucket: 0, hits: 1n }])
      expect(await engine.hits({ ...question, pieces: pieces.slice(1) }, {})).toEqual([])
    })

    it('folds values, histograms and other currencies of both tables into one group', async () => {
      const { engine, viewOf, publishedView } = await opened(under)
      const source = (more: object) => ({ breakdown: 'source', value: 'google', ...more })
      const hourly = await viewOf('hourly', [
        [partialRow(source({ bucket: start - hourMs, load: [{ bucket: 40_001, n: 1 }] }))],
      ])
      const daily = await publishedView('daily', [
        [dailyRow(source({ bucket: start + dayMs }))],
        [
          dailyRow(
            source({
              bucket: start,
              load: [{ bucket: 40_001, n: 4 }],
              other_revenue: [{ currency: 'USD', micros: 3n }],
            }),
          ),
          dailyRow(source({ bucket: start, value: '', other: true })),
        ],
      ])
      const question = rollupQuestion({ hourly, daily }, pieces, {
        breakdown: 'source',
        dimensions: ['source'],
        parts: ['load', 'otherRevenue', 'visitors'],
      })
      expect(inOrder(await engine.hits(question, {}))).toMatchObject([
        {
          values: ['google'],
          other: false,
          hits: 2n,
          load: [{ bucket: 40_001, n: 5n }],
          otherRevenue: [{ currency: 'USD', micros: 3n }],
        },
        { values: [''], other: true, hits: 1n, load: [] },
      ])
    })
  })
}
