/**
 * What every query engine answers, as tests: its numbers are held equal to a recount of the same rows in plain loops.
 * Rows get into the lake as pipelines put them there: staged, some published, some pending.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { totalSketchSize } from '../../schemas/tables.ts'
import { RawBudgetError } from '../errors.ts'
import { dayMs, eventTime, hourMs } from '../event-time.ts'
import type { MerchantId } from '../ids.ts'
import type { LakeRow, TableName } from '../tables.ts'
import type { LakeWriter, StagedFile, TableView } from './lake.ts'
import type { BucketRange, QueryEngine, SeriesQuestion, SeriesRow } from './query-engine.ts'

export interface EngineUnderTest {
  /** An empty lake, and the engine over it. */
  open(): Promise<{ readonly lake: Pick<LakeWriter, 'stage' | 'publish'>; readonly engine: QueryEngine }>
  /**
   * Whether the engine reads committed files that are not published yet. One that does not is for a store that calls
   * visible only what is published; the suite then publishes every file.
   */
  readonly pendingFiles: 'read' | 'left out'
  /** Drawn data sets for each recount. */
  readonly recounts?: number
}

export const noon = eventTime('2026-03-29T12:00:00Z')
export const tea = 'tea-house' as MerchantId

export function partialRow(more: LakeRow = {}): LakeRow {
  return {
    merchant: tea,
    bucket: noon,
    breakdown: 'total',
    value: '',
    hits: 1,
    pageviews: 1,
    visitors: [7n],
    orders: 0,
    revenue_micros: 0n,
    _src: 'feed',
    _part: 0,
    _off_from: 0,
    _off_to: 0,
    _gen: 1,
    ...more,
  }
}

export function rawRow(more: LakeRow = {}): LakeRow {
  return {
    merchant: tea,
    id: 'a',
    name: 'page_view',
    time: noon,
    received: noon,
    visitor: 'v',
    bot: false,
    visitor_hash: 7n,
    _src: 'feed',
    _part: 0,
    _off: 0,
    _idx: 0,
    _gen: 1,
    ...more,
  }
}

export function questionOf(
  view: TableView,
  buckets: readonly BucketRange[],
  more: Partial<SeriesQuestion> = {},
): SeriesQuestion {
  return {
    from: view.table === 'hits' ? 'raw' : 'rollup',
    generation: 1,
    merchant: tea,
    breakdown: 'total',
    buckets,
    view,
    rawRowBudget: 1_000_000,
    ...more,
  }
}

export const hours = (count: number, from: number = noon): BucketRange[] =>
  Array.from({ length: count }, (_, i) => ({ start: from + i * hourMs, end: from + (i + 1) * hourMs }))

/** Stages each list as a file of its own; the first `published` of them are published, in one publication each. */
async function stagedView(
  lake: Pick<LakeWriter, 'stage' | 'publish'>,
  table: TableName,
  files: readonly (readonly LakeRow[])[],
  published: number,
): Promise<TableView> {
  const staged: StagedFile[] = []
  for (const [index, rows] of files.entries()) staged.push(await lake.stage(table, `staged/${table}-${index}`, rows))
  let snapshot: string | null = null
  for (const [index, file] of staged.slice(0, published).entries()) {
    snapshot = (await lake.publish(table, index + 1, [file])).snapshot
  }
  return { table, snapshot, pending: staged.slice(published) }
}

export function queryEngineContract(name: string, under: EngineUnderTest): void {
  describe(`${name} as query engine`, () => {
    rollupContract(under)
    rawContract(under)
    pendingContract(under)
    recountContract(under)
  })
}

/** An empty lake with its engine, and how rows get into it: see `stagedView`. */
async function opened({ open, pendingFiles }: EngineUnderTest) {
  const { lake, engine } = await open()
  return {
    engine,
    viewOf: (table: TableName, files: readonly (readonly LakeRow[])[], published = 0) =>
      stagedView(lake, table, files, pendingFiles === 'read' ? published : files.length),
    viewWithPending: (table: TableName, files: readonly (readonly LakeRow[])[], published: number) =>
      stagedView(lake, table, files, published),
  }
}

function rollupContract(under: EngineUnderTest): void {
  describe('a series from the rollup', () => {
    it('adds partial rows of a bucket and counts a visitor of several partials once', async () => {
      const { engine, viewOf } = await opened(under)
      const view = await viewOf(
        'hourly',
        [
          [partialRow({ hits: 5, pageviews: 3, visitors: [1n, 2n], orders: 1, revenue_micros: 250n })],
          [partialRow({ hits: 2, pageviews: 2, visitors: [2n, 9n], _part: 1 })],
          [partialRow({ hits: 1, pageviews: 0, visitors: [2n], orders: 1, revenue_micros: -50n })],
        ],
        2,
      )
      expect(await engine.series(questionOf(view, hours(1)), {})).toEqual([
        { bucket: 0, hits: 8n, pageviews: 5n, orders: 2n, revenueMicros: 200n, visitors: { kept: 3, largest: 9n } },
      ])
    })

    // buckets:   [---- 0 ----)      [- 1 -)[--- 2 ---)
    // rows:      ^start   end^  ^gap       ^
    it('takes the start in and leaves the end out, and what lies between buckets', async () => {
      const { engine, viewOf } = await opened(under)
      const buckets = [
        { start: noon, end: noon + hourMs },
        { start: noon + 2 * hourMs, end: noon + 3 * hourMs },
        { start: noon + 3 * hourMs, end: noon + 5 * hourMs },
      ]
      const times = [-1, 0, 1, 1.5, 3, 5].map((h) => noon + h * hourMs)
      const view = await viewOf('hourly', [times.map((bucket, i) => partialRow({ bucket, visitors: [BigInt(i)] }))])
      const rows = await engine.series(questionOf(view, buckets), {})
      expect(rows.map(({ bucket, hits }) => [bucket, hits])).toEqual([
        [0, 1n],
        [2, 1n],
      ])
    })

    it('leaves out other merchants, generations and breakdowns', async () => {
      const { engine, viewOf } = await opened(under)
      const view = await viewOf('hourly', [
        [
          partialRow(),
          partialRow({ merchant: 'tea', hits: 100 }),
          partialRow({ merchant: 'tea-house2', hits: 100 }),
          partialRow({ _gen: 2, hits: 100 }),
          partialRow({ breakdown: 'name', value: 'page_view', hits: 100 }),
        ],
      ])
      expect(await engine.series(questionOf(view, hours(1)), {})).toMatchObject([{ hits: 1n }])
      expect(await engine.series(questionOf(view, hours(1), { generation: 2 }), {})).toMatchObject([{ hits: 100n }])
    })

    it('keeps the k smallest hashes of more visitors than a sketch holds', async () => {
      const { engine, viewOf } = await opened(under)
      const even = Array.from({ length: totalSketchSize }, (_, i) => BigInt(i) * 2n)
      const odd = even.map((hash) => hash + 1n)
      const view = await viewOf('hourly', [[partialRow({ visitors: even })], [partialRow({ visitors: odd })]], 1)
      const [row] = await engine.series(questionOf(view, hours(1)), {})
      expect(row?.visitors).toEqual({ kept: totalSketchSize, largest: BigInt(totalSketchSize) - 1n })
    })

    it('is exact at the ends of 63-bit hashes and beyond 64 bits of sums', async () => {
      const { engine, viewOf } = await opened(under)
      const huge = 10n ** 30n
      const view = await viewOf('hourly', [
        [partialRow({ visitors: [0n, 2n ** 63n - 1n], hits: 2n ** 62n, revenue_micros: huge })],
        [partialRow({ visitors: [2n ** 53n + 1n], hits: 2n ** 62n, revenue_micros: huge + 1n, _part: 1 })],
      ])
      expect(await engine.series(questionOf(view, hours(1)), {})).toEqual([
        {
          bucket: 0,
          hits: 2n ** 63n,
          pageviews: 2n,
          orders: 0n,
          revenueMicros: 2n * huge + 1n,
          visitors: { kept: 3, largest: 2n ** 63n - 1n },
        },
      ])
    })

    it('counts a partial without visitors, and answers nothing for a view or buckets without rows', async () => {
      const { engine, viewOf } = await opened(under)
      const empty: TableView = { table: 'hourly', snapshot: null, pending: [] }
      expect(await engine.series(questionOf(empty, hours(24)), {})).toEqual([])
      const view = await viewOf('hourly', [[partialRow({ visitors: [] })]])
      expect(await engine.series(questionOf(view, hours(1)), {})).toMatchObject([
        { hits: 1n, visitors: { kept: 0, largest: null } },
      ])
      expect(await engine.series(questionOf(view, hours(3, noon + dayMs)), {})).toEqual([])
    })

    it('answers 10,000 buckets, and refuses more, none, and buckets that do not rise', async () => {
      const { engine, viewOf } = await opened(under)
      const view = await viewOf('hourly', [[partialRow(), partialRow({ bucket: noon + 9_999 * hourMs })]])
      const rows = await engine.series(questionOf(view, hours(10_000)), {})
      expect(rows.map(({ bucket }) => bucket)).toEqual([0, 9_999])
      const [first, second] = hours(2)
      for (const wrong of [[], hours(10_001), [second, first], [first, first], [{ start: noon, end: noon }]]) {
        await expect(engine.series(questionOf(view, wrong as BucketRange[]), {})).rejects.toThrow(RangeError)
      }
    })

    it('answers nothing once its signal is aborted', async () => {
      const { engine, viewOf } = await opened(under)
      const view = await viewOf('hourly', [[partialRow()]])
      const reason = new Error('the client left')
      await expect(engine.series(questionOf(view, hours(1)), { signal: AbortSignal.abort(reason) })).rejects.toBe(
        reason,
      )
    })
  })
}

function rawContract(under: EngineUnderTest): void {
  describe('a series from hits', () => {
    it('counts hits, page views and orders by name, and sums revenue at home', async () => {
      const { engine, viewOf } = await opened(under)
      const view = await viewOf(
        'hits',
        [
          [
            rawRow(),
            rawRow({ name: 'purchase', revenue_home_micros: 2n ** 62n, visitor_hash: 9n, _idx: 1 }),
            rawRow({ name: 'purchase', revenue_home_micros: 2n ** 62n, visitor_hash: 9n, _idx: 2 }),
          ],
          [rawRow({ name: 'page_view ', _off: 1 }), rawRow({ name: 'Purchase', _off: 2, visitor_hash: null })],
        ],
        1,
      )
      expect(await engine.series(questionOf(view, hours(1)), {})).toEqual([
        {
          bucket: 0,
          hits: 5n,
          pageviews: 1n,
          orders: 2n,
          revenueMicros: 2n ** 63n,
          visitors: { kept: 2, largest: 9n },
        },
      ])
    })

    // A window or a heap per bucket would take more memory than a small engine has.
    it('answers 10,000 buckets that all have visitors', async () => {
      const { engine, viewOf } = await opened(under)
      const drawn = hours(10_000).map(({ start }, i) => rawRow({ time: start, visitor_hash: i, _off: i }))
      const rows = await engine.series(questionOf(await viewOf('hits', [drawn]), hours(10_000)), {})
      expect(rows).toHaveLength(10_000)
      expect(rows[7]).toMatchObject({ bucket: 7, hits: 1n, visitors: { kept: 1, largest: 7n } })
    })

    it('leaves out bots, other merchants and other generations', async () => {
      const { engine, viewOf } = await opened(under)
      const view = await viewOf('hits', [
        [rawRow(), rawRow({ bot: true, _idx: 1 }), rawRow({ merchant: 'tea', _idx: 2 }), rawRow({ _gen: 2, _idx: 3 })],
      ])
      expect(await engine.series(questionOf(view, hours(1)), {})).toMatchObject([{ hits: 1n }])
    })

    it('reads up to its budget of rows, and refuses to read more', async () => {
      const { engine, viewOf } = await opened(under)
      const rows = Array.from({ length: 30 }, (_, _idx) => rawRow({ _idx }))
      const view = await viewOf('hits', [rows.slice(0, 20), rows.slice(20)], 1)
      expect(await engine.series(questionOf(view, hours(1), { rawRowBudget: 30 }), {})).toMatchObject([{ hits: 30n }])
      await expect(engine.series(questionOf(view, hours(1), { rawRowBudget: 29 }), {})).rejects.toThrow(RawBudgetError)
    })

    // days:      |  before  |   of the bucket    |  after  |
    // bucket:                            [------)           ends as the next day begins
    it('does not count against the budget what lies on days that no bucket touches', async () => {
      const { engine, viewOf } = await opened(under)
      const midnight = eventTime('2026-03-30T00:00:00Z')
      const elsewhere = [midnight - 3 * dayMs, midnight, midnight + dayMs].map((time, _idx) => rawRow({ time, _idx }))
      const view = await viewOf('hits', [[...elsewhere, rawRow({ time: midnight - 1, _off: 1 })]], 1)
      const asked = questionOf(view, hours(1, midnight - hourMs), { rawRowBudget: 1 })
      expect(await engine.series(asked, {})).toMatchObject([{ hits: 1n }])
    })
  })
}

function pendingContract(under: EngineUnderTest): void {
  describe('a view with files that are not published yet', () => {
    it(`has them ${under.pendingFiles}`, async () => {
      const { engine, viewWithPending } = await opened(under)
      const files = [[partialRow()], [partialRow({ hits: 10, _part: 1 })], [partialRow({ hits: 100, _part: 2 })]]
      for (const [published, visible] of [
        [0, 0n],
        [2, 11n],
      ] as const) {
        const view = await viewWithPending('hourly', files, published)
        const rows = await engine.series(questionOf(view, hours(1)), {})
        const expected = under.pendingFiles === 'read' ? 111n : visible
        expect(rows.reduce((sum, { hits }) => sum + hits, 0n)).toBe(expected)
      }
    })
  })
}

function recountContract(under: EngineUnderTest): void {
  const merchant = fc.constantFrom(tea, 'tea', 'zz')
  const time = fc.integer({ min: noon - 3 * dayMs, max: noon + 3 * dayMs })
  const hash = fc.bigInt({ min: 0n, max: 40n })
  const money = fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n })
  const generation = fc.constantFrom(1, 1, 1, 2)
  const partial = fc.record({
    merchant,
    bucket: time,
    breakdown: fc.constantFrom('total', 'total', 'name'),
    hits: fc.integer({ min: 0, max: 1_000 }),
    pageviews: fc.integer({ min: 0, max: 1_000 }),
    orders: fc.integer({ min: 0, max: 1_000 }),
    revenue_micros: money,
    visitors: fc.uniqueArray(hash, { maxLength: 12 }).map((all) => all.sort((a, b) => (a < b ? -1 : 1))),
    _part: fc.integer({ min: 0, max: 2 }),
    _gen: generation,
  })
  const hit = fc.record({
    merchant,
    time,
    name: fc.constantFrom('page_view', 'purchase', 'view_item'),
    bot: fc.boolean(),
    visitor_hash: hash,
    revenue_home_micros: fc.option(fc.bigInt({ min: -(10n ** 17n), max: 10n ** 17n })),
    _gen: generation,
  })
  /** Rising edges; every second or every range between them is asked, so ranges touch and leave gaps. */
  const buckets = fc
    .tuple(fc.uniqueArray(time, { minLength: 2, maxLength: 14 }), fc.constantFrom(1, 2))
    .map(([edges, step]) => {
      const rising = edges.sort((a, b) => a - b)
      return rising.slice(1).flatMap((end, i) => (i % step === 0 ? [{ start: rising[i] ?? 0, end }] : []))
    })

  const files = <T>(row: fc.Arbitrary<T>) =>
    fc.array(fc.array(row, { minLength: 1, maxLength: 25 }), { minLength: 1, maxLength: 4 })

  it('answers the rollup as a recount of its partial rows does, whatever is published', async () => {
    await fc.assert(
      fc.asyncProperty(files(partial), buckets, fc.nat({ max: 4 }), async (drawn, asked, published) => {
        const { engine, viewOf } = await opened(under)
        const rows = drawn.map((file) => file.map((row) => partialRow({ ...row, value: '' })))
        const view = await viewOf('hourly', rows, published)
        const mine = drawn.flat().filter((row) => row.merchant === tea && row._gen === 1 && row.breakdown === 'total')
        const expected = recount(
          asked,
          mine,
          ({ bucket }) => bucket,
          (row) => ({
            hits: BigInt(row.hits),
            pageviews: BigInt(row.pageviews),
            orders: BigInt(row.orders),
            revenueMicros: row.revenue_micros,
            hashes: row.visitors,
          }),
        )
        expect(await engine.series(questionOf(view, asked), {})).toEqual(expected)
      }),
      { numRuns: under.recounts ?? 25 },
    )
  })

  it('answers raw as a recount of the hits does, whatever is published', async () => {
    await fc.assert(
      fc.asyncProperty(files(hit), buckets, fc.nat({ max: 4 }), async (drawn, asked, published) => {
        const { engine, viewOf } = await opened(under)
        let number = 0
        const rows = drawn.map((file) => file.map((row) => rawRow({ ...row, _off: number++ })))
        const view = await viewOf('hits', rows, published)
        const mine = drawn.flat().filter((row) => row.merchant === tea && row._gen === 1 && !row.bot)
        const expected = recount(
          asked,
          mine,
          (row) => row.time,
          (row) => ({
            hits: 1n,
            pageviews: row.name === 'page_view' ? 1n : 0n,
            orders: row.name === 'purchase' ? 1n : 0n,
            revenueMicros: row.revenue_home_micros ?? 0n,
            hashes: [row.visitor_hash],
          }),
        )
        expect(await engine.series(questionOf(view, asked), {})).toEqual(expected)
      }),
      { numRuns: under.recounts ?? 25 },
    )
  })
}

type Counted = Omit<SeriesRow, 'bucket' | 'visitors'> & { readonly hashes: readonly bigint[] }

/** The model: every bucket against every row. */
function recount<T>(
  buckets: readonly BucketRange[],
  rows: readonly T[],
  timeOf: (row: T) => number,
  count: (row: T) => Counted,
): SeriesRow[] {
  return buckets.flatMap(({ start, end }, bucket) => {
    const counted = rows.filter((row) => timeOf(row) >= start && timeOf(row) < end).map(count)
    if (counted.length === 0) return []
    const total = (of: (row: Counted) => bigint) => counted.reduce((sum, row) => sum + of(row), 0n)
    const distinct = [...new Set(counted.flatMap(({ hashes }) => hashes))].sort((a, b) => (a < b ? -1 : 1))
    const kept = distinct.slice(0, totalSketchSize)
    return [
      {
        bucket,
        hits: total((row) => row.hits),
        pageviews: total((row) => row.pageviews),
        orders: total((row) => row.orders),
        revenueMicros: total((row) => row.revenueMicros),
        visitors: { kept: kept.length, largest: kept.at(-1) ?? null },
      },
    ]
  })
}
