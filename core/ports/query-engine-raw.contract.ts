/** What every engine answers of hits themselves, as tests. */
import { beforeAll, describe, expect, it } from 'vitest'
import { RawBudgetError, TooManyGroupsError } from '../errors.ts'
import { dayMs, eventTime, hourMs } from '../event-time.ts'
import type { LakeRow } from '../tables.ts'
import type { TableView } from './lake.ts'
import type { Dimension, Filter, QueryEngine } from './query-engine.ts'
import {
  counted,
  type EngineUnderTest,
  hostileHalves,
  hostileValues,
  hours,
  inOrder,
  noon,
  noView,
  opened,
  rawQuestion,
  rawRow,
  tea,
} from './query-engine-under-test.ts'

/** Column of `hits` that each dimension is read from. */
const columns: readonly (readonly [Dimension, string])[] = [
  ['name', 'name'],
  ['page', 'path'],
  ['source', 'source'],
  ['country', 'country'],
  ['device', 'device'],
  ['browser', 'browser'],
  ['campaign', 'campaign'],
  ['os', 'os'],
  ['language', 'language'],
  ['medium', 'medium'],
  ['term', 'campaign_term'],
  ['content', 'campaign_content'],
]

const numbered = (rows: readonly LakeRow[]): LakeRow[] => rows.map((row, _off) => ({ ...row, _off }))

export function rawContract(under: EngineUnderTest): void {
  describe('a question of hits', () => {
    it('counts hits, page views and orders by name, and sums revenue at home', async () => {
      const { engine, viewOf } = await opened(under)
      const order = { name: 'purchase', revenue_home_micros: 2n ** 62n, visitor_hash: 9n }
      const view = await viewOf(
        'hits',
        [
          [rawRow(), rawRow({ ...order, _idx: 1 }), rawRow({ ...order, _idx: 2 })],
          [rawRow({ name: 'page_view ', _off: 1 }), rawRow({ name: 'Purchase', _off: 2, visitor_hash: null })],
        ],
        1,
      )
      const sums = {
        bucket: 0,
        values: [],
        other: false,
        hits: 5n,
        pageviews: 1n,
        orders: 2n,
        revenueMicros: 2n ** 63n,
      }
      expect(await engine.hits(rawQuestion(view, hours(1)), {})).toEqual([sums])
      expect(await engine.hits(rawQuestion(view, hours(1), { parts: ['visitors'] }), {})).toEqual([
        { ...sums, visitors: { kept: 2, largest: 9n } },
      ])
    })

    it('keeps the k smallest hashes: all of k − 1 and of k, and k of k + 1', async () => {
      const { engine, viewOf } = await opened(under)
      const rows = [4, 5, 6].flatMap((count, hour) =>
        Array.from({ length: count * 2 }, (_, i) =>
          rawRow({ time: noon + hour * hourMs, visitor_hash: BigInt(i % count) }),
        ),
      )
      const question = rawQuestion(await viewOf('hits', [numbered(rows)]), hours(3), {
        parts: ['visitors'],
        sketchSize: 5,
      })
      expect(inOrder(await engine.hits(question, {})).map(({ visitors }) => visitors)).toEqual([
        { kept: 4, largest: 3n },
        { kept: 5, largest: 4n },
        { kept: 5, largest: 4n },
      ])
    })

    // A window or a heap per bucket would take more memory than a small engine has.
    it('answers 10,000 buckets that all have visitors', async () => {
      const { engine, viewOf } = await opened(under)
      const drawn = hours(10_000).map(({ start }, i) => rawRow({ time: start, visitor_hash: i, _off: i }))
      const question = rawQuestion(await viewOf('hits', [drawn]), hours(10_000), { parts: ['visitors'] })
      const groups = inOrder(await engine.hits(question, {}))
      expect(groups).toHaveLength(10_000)
      expect(groups[7]).toMatchObject({ bucket: 7, hits: 1n, visitors: { kept: 1, largest: 7n } })
    })

    it('leaves out bots, other merchants and other generations', async () => {
      const { engine, viewOf } = await opened(under)
      const view = await viewOf('hits', [
        [rawRow(), rawRow({ bot: true, _idx: 1 }), rawRow({ merchant: 'tea', _idx: 2 }), rawRow({ _gen: 2, _idx: 3 })],
      ])
      expect(await engine.hits(rawQuestion(view, hours(1)), {})).toMatchObject([{ hits: 1n }])
    })

    it('counts bots where the filter or a dimension speaks of them', async () => {
      const { engine, viewOf } = await opened(under)
      const rows = [false, true, true, false, true].map((bot) => rawRow({ bot }))
      const view = await viewOf('hits', [numbered(rows)])
      const isBot: Filter = { op: 'is', dimension: 'bot', values: ['true'] }
      expect(counted(await engine.hits(rawQuestion(view, hours(1), { filter: isBot }), {}))).toEqual([[3]])
      expect(
        counted(await engine.hits(rawQuestion(view, hours(1), { filter: { op: 'not', filter: isBot } }), {})),
      ).toEqual([[2]])
      expect(counted(await engine.hits(rawQuestion(view, hours(1), { dimensions: ['bot'] }), {}))).toEqual([
        ['false', 2],
        ['true', 3],
      ])
    })

    describe('by each column', () => {
      let engine: QueryEngine
      let hits: TableView
      beforeAll(async () => {
        const lake = await opened(under)
        // A column's values are its own, so that no other can stand for it.
        const own = (value: string | null, column: string) => (value ? `${value} ${column}` : value)
        const rows = ['a', 'a', 'b', '', null].map((value) => {
          const values = columns.map(([, column]) => [column, own(value, column)])
          // Every hit has a name.
          return rawRow({ ...Object.fromEntries(values), name: own(value ?? '', 'name') })
        })
        engine = lake.engine
        hits = await lake.viewOf('hits', [numbered(rows)])
      })

      it.each(columns)('groups and filters by %s, null and the empty text as one value', async (dimension, column) => {
        const [a, b] = [`a ${column}`, `b ${column}`]
        expect(counted(await engine.hits(rawQuestion(hits, hours(1), { dimensions: [dimension] }), {}))).toEqual([
          ['', 2],
          [a, 2],
          [b, 1],
        ])
        const asked = async (op: 'is' | 'is_not', values: string[]) =>
          counted(await engine.hits(rawQuestion(hits, hours(1), { filter: { op, dimension, values } }), {}))
        expect(await asked('is', ['', b])).toEqual([[3]])
        expect(await asked('is_not', [a])).toEqual([[3]])
      })
    })

    it('groups by several dimensions at once, and by properties as JavaScript writes their values', async () => {
      const { engine, viewOf } = await opened(under)
      const props = [
        { size: 'L', price: 12.5 },
        { size: 'L', price: 1e21 },
        { size: true, price: -0 },
        { size: null },
        null,
      ]
      const rows = props.map((each) => rawRow({ country: 'DE', props: each && JSON.stringify(each) }))
      const view = await viewOf('hits', [numbered(rows)])
      const dimensions = ['country', 'props.size', 'props.price'] as const
      expect(counted(await engine.hits(rawQuestion(view, hours(1), { dimensions }), {}))).toEqual([
        ['DE', '', '', 2],
        ['DE', 'L', '12.5', 1],
        ['DE', 'L', '1e+21', 1],
        ['DE', 'true', '0', 1],
      ])
    })

    it('finds hostile values and hostile keys of properties, and nothing else by them', async () => {
      const { engine, viewOf } = await opened(under)
      const rows = hostileValues.map((value) => rawRow({ props: JSON.stringify({ [value]: value, path: value }) }))
      const view = await viewOf('hits', [numbered(rows)])
      const dimensions = hostileValues.map((key): Dimension => `props.${key}`)
      const groups = await engine.hits(rawQuestion(view, hours(1), { dimensions }), {})
      expect(groups.map(({ values }) => values).sort()).toEqual(
        hostileValues.map((value) => hostileValues.map((key) => (key === value ? value : ''))).sort(),
      )
      for (const values of hostileHalves) {
        const filter: Filter = { op: 'is', dimension: 'props.path', values }
        const found = await engine.hits(rawQuestion(view, hours(1), { filter, dimensions: ['props.path'] }), {})
        expect(counted(found).sort()).toEqual(values.map((value) => [value, 1]).sort())
      }
    })

    it('counts load times by bucket and revenue in other currencies by currency', async () => {
      const { engine, viewOf } = await opened(under)
      const rows = [
        rawRow({ load_bucket: 40_300 }),
        rawRow({ load_bucket: 40_300, revenue_micros: 5, revenue_currency: 'USD' }),
        rawRow({ load_bucket: 0, revenue_micros: 6, revenue_currency: 'EUR', revenue_home_micros: 6 }),
        rawRow({ load_bucket: null, revenue_micros: -1, revenue_currency: 'USD', bot: false }),
        rawRow({ load_bucket: 7, revenue_micros: 9, revenue_currency: 'GBP', bot: true }),
        rawRow({ time: noon + hourMs }),
      ]
      const view = await viewOf('hits', [numbered(rows)])
      const parts = ['load', 'otherRevenue'] as const
      const expected = [
        {
          hits: 4n,
          load: [
            { bucket: 0, n: 1n },
            { bucket: 40_300, n: 2n },
          ],
          otherRevenue: [{ currency: 'USD', micros: 4n }],
        },
        { hits: 1n, load: [], otherRevenue: [] },
      ]
      expect(inOrder(await engine.hits(rawQuestion(view, hours(2), { parts }), {}))).toMatchObject(expected)
      const withVisitors = rawQuestion(view, hours(2), { parts: [...parts, 'visitors'], dimensions: ['name'] })
      expect(inOrder(await engine.hits(withVisitors, {}))).toMatchObject(expected)
    })

    it('reads up to its budget of rows, and refuses to read more', async () => {
      const { engine, viewOf } = await opened(under)
      const rows = Array.from({ length: 30 }, (_, _idx) => rawRow({ _idx }))
      const view = await viewOf('hits', [rows.slice(0, 20), rows.slice(20)], 1)
      for (const parts of [[], ['load', 'visitors']] as const) {
        const question = rawQuestion(view, hours(1), { parts, rawRowBudget: 30 })
        expect(await engine.hits(question, {})).toMatchObject([{ hits: 30n }])
        await expect(engine.hits({ ...question, rawRowBudget: 29 }, {})).rejects.toThrow(RawBudgetError)
      }
    })

    // days:      |  before  |   of the piece     |  after  |
    // piece:                             [------)           ends as the next day begins
    it('does not count against the budget what lies on days that no piece touches', async () => {
      const { engine, viewOf } = await opened(under)
      const midnight = eventTime('2026-03-30T00:00:00Z')
      const elsewhere = [midnight - 3 * dayMs, midnight, midnight + dayMs].map((time, _idx) => rawRow({ time, _idx }))
      const view = await viewOf('hits', [[...elsewhere, rawRow({ time: midnight - 1, _off: 1 })]], 1)
      const asked = rawQuestion(view, hours(1, midnight - hourMs), { rawRowBudget: 1 })
      expect(await engine.hits(asked, {})).toMatchObject([{ hits: 1n }])
    })

    it('has as many groups as it may have, and is refused with one more', async () => {
      const { engine, viewOf } = await opened(under)
      const view = await viewOf('hits', [numbered(['DE', 'FR', 'NL'].map((country) => rawRow({ country })))])
      const asked = { dimensions: ['country'], parts: ['visitors'] } as const
      expect(await engine.hits(rawQuestion(view, hours(1), { ...asked, maxGroups: 3 }), {})).toHaveLength(3)
      const refused = engine.hits(rawQuestion(view, hours(1), { ...asked, maxGroups: 2 }), {})
      await expect(refused).rejects.toThrow(TooManyGroupsError)
    })
  })

  describe('the ids that are known', () => {
    it('are those of the merchant, the generation and the range, bots or not', async () => {
      const { engine, viewOf } = await opened(under)
      const rows = [
        rawRow({ id: 'mine' }),
        rawRow({ id: 'mine', _off: 1 }),
        rawRow({ id: 'a bot', bot: true }),
        rawRow({ id: "o'b", time: noon + hourMs - 1 }),
        rawRow({ id: 'late', time: noon + hourMs }),
        rawRow({ id: 'early', time: noon - 1 }),
        rawRow({ id: 'theirs', merchant: 'tea' }),
        rawRow({ id: 'old', _gen: 2 }),
        rawRow({ id: 'unasked' }),
      ]
      const hits = await viewOf('hits', [rows.slice(0, 4), rows.slice(4)], 1)
      const ids = ['mine', 'a bot', "o'b", 'late', 'early', 'theirs', 'old', 'absent', '\ud800']
      const question = {
        merchant: tea,
        hits,
        range: { start: noon, end: noon + hourMs },
        ids,
      }
      expect((await engine.knownIds(question, {})).toSorted()).toEqual(['a bot', 'mine', "o'b", 'old'])
      expect(await engine.knownIds({ ...question, ids: [] }, {})).toEqual([])
      expect(await engine.knownIds({ ...question, hits: noView('hits') }, {})).toEqual([])
    })

    it('are asked 10,000 at a time, and no more', async () => {
      const { engine, viewOf } = await opened(under)
      const ids = Array.from({ length: 10_000 }, (_, i) => `id-${i}`)
      const hits = await viewOf('hits', [numbered([0, 999, 1_000, 9_999].map((i) => rawRow({ id: `id-${i}` })))])
      const question = { merchant: tea, hits, range: { start: noon, end: noon + 1 }, ids }
      expect((await engine.knownIds(question, {})).toSorted()).toEqual(['id-0', 'id-1000', 'id-999', 'id-9999'])
      await expect(engine.knownIds({ ...question, ids: [...ids, 'one more'] }, {})).rejects.toThrow(RangeError)
    })
  })
}
