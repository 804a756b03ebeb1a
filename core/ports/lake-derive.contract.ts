/**
 * What every lake promises of derivation, as tests. Visits are held equal to the reference of their definition, days to a
 * recount in plain loops. `open` gives a lake on empty stores.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { breakdownSketchSize, totalSketchSize } from '../../schemas/tables.ts'
import { type ErasableHit, erasedTest } from '../erased.ts'
import { dayMs, eventTime, hourMs, minuteMs } from '../event-time.ts'
import { firstGenerations } from '../generations.ts'
import type { MerchantId } from '../ids.ts'
import type { LakeRow, LakeValue, TableName } from '../tables.ts'
import { visitsRule } from '../visits.ts'
import { visitsOf } from '../visits-of.ts'
import type { ErasedHits } from './erasure-store.ts'
import { drawnErasures } from './erasures-under-test.ts'
import type { DeriveWork, LakeMaintainer, LakeWriter, TableView } from './lake.ts'
import { deriveGenerationsContract } from './lake-derive-generations.contract.ts'
import type { DerivedTable, DerivedUnit } from './maintenance-store.ts'

export interface DeriveUnderTest {
  /** `maxValues`: kept of a breakdown, as `foldMaxValues`. */
  open(options: { readonly maxValues: number }): Promise<{
    readonly lake: Pick<LakeWriter, 'stage' | 'publish'> & Pick<LakeMaintainer, 'derive'>
    /** All rows of the snapshot, as they read back. */
    rows(table: TableName, snapshot: string): Promise<readonly LakeRow[]>
  }>
  /** Whether committed files that are not published yet are read too. */
  readonly pendingFiles: 'read' | 'left out'
  /** Drawn data sets of each kind. */
  readonly runs: number
}

const midnight = eventTime('2026-03-29T00:00:00Z')
const [tea, ship] = ['tea-house', "ship's"] as readonly string[] as readonly MerchantId[] as [MerchantId, MerchantId]
const manyValues = 1_000

export function lakeDeriveContract(name: string, under: DeriveUnderTest): void {
  describe(`derivation, ${name}`, () => {
    sessionsContract(under)
    dailyContract(under)
    onceContract(under)
    deriveGenerationsContract(under)
  })
}

async function opened({ open, pendingFiles }: DeriveUnderTest, maxValues = manyValues) {
  const { lake, rows } = await open({ maxValues })
  let file = 0
  let publication = 0
  return {
    lake,
    rows,
    /** Rows as files, all published but the last where pending files are read. */
    async viewOf(table: TableName, lists: readonly (readonly LakeRow[])[]): Promise<TableView> {
      const staged = []
      for (const list of lists) staged.push(await lake.stage(table, `staged/${table}-${file++}`, list))
      const published = pendingFiles === 'read' && staged.length > 1 ? staged.slice(0, -1) : staged
      const { snapshot } = await lake.publish(table, ++publication, published)
      return { table, snapshot, pending: staged.slice(published.length) }
    },
    /** What the derivation added, in the order of `_row`. */
    async derived(work: DeriveWork): Promise<readonly LakeRow[]> {
      const { snapshot, rows: count } = await lake.derive(work)
      const all = snapshot === null ? [] : await rows(work.table, snapshot)
      const added = all.filter((row) => row._publish === work.id).toSorted((a, b) => Number(a._row) - Number(b._row))
      expect(added.map((row) => row._row)).toEqual(added.map((_row, at) => at))
      expect(added).toHaveLength(count)
      return added
    },
  }
}

function workOf(table: DerivedTable, view: TableView, units: readonly DerivedUnit[], id = 1): DeriveWork {
  return { table, id, generations: firstGenerations, view, units, erased: [], rule: visitsRule }
}

const day = (merchant: MerchantId, number: number): DerivedUnit => ({
  merchant,
  start: midnight + number * dayMs,
  end: midnight + (number + 1) * dayMs,
})

let position = 0
const hit = (time: number, more: LakeRow = {}): LakeRow => ({
  merchant: tea,
  id: String(position),
  name: 'page_view',
  time,
  received: time,
  visitor: 'ada',
  session: null,
  bot: false,
  path: '/',
  _src: 'log',
  _part: 0,
  _off: position++,
  _idx: 0,
  _gen: 1,
  ...more,
})

function sessionsContract(under: DeriveUnderTest): void {
  describe('of sessions', () => {
    it('makes one row of a visit: attributes of its first hit, sums of all, the path of its last', async () => {
      const { viewOf, derived } = await opened(under)
      const start = midnight + 10 * hourMs
      const seen = { source: 'google', country: 'IN', device: 'mobile', browser: 'Firefox', campaign: 'spring' }
      const view = await viewOf('hits', [
        [
          hit(start, { ...seen, path: '/entry', _src: 'log', _part: 3, _off: 5, _idx: 2 }),
          hit(start + minuteMs, { name: 'purchase', revenue_home_micros: 2n ** 62n, path: '/pay' }),
          hit(start + minuteMs, { name: 'purchase', revenue_home_micros: 2n ** 62n, source: 'mail', path: '/pay' }),
        ],
        [hit(start + 2 * minuteMs, { path: null, country: 'DE' })],
      ])
      expect(await derived(workOf('sessions', view, [day(tea, 0)], 7))).toEqual([
        {
          merchant: tea,
          start,
          end: start + 2 * minuteMs,
          visitor: 'ada',
          session: null,
          hits: 4,
          pageviews: 2,
          orders: 2,
          revenue_micros: 2n ** 63n,
          bounce: false,
          duration_ms: 2 * minuteMs,
          name: 'page_view',
          page: '/entry',
          exit_page: null,
          ...seen,
          _src: 'log',
          _part: 3,
          _off: 5,
          _idx: 2,
          _publish: 7,
          _row: 0,
          _gen: 1,
        },
      ])
    })

    // UTC day:            |            0            |
    // visits:        [ before ]   [ x ]         [ starts ----- ends ]
    it('takes visits by the moment they start: one over midnight is a row of the day before only', async () => {
      const { viewOf, derived } = await opened(under)
      const times = [-minuteMs, minuteMs, 12 * hourMs, dayMs - minuteMs, dayMs + minuteMs]
      const view = await viewOf('hits', [times.map((time) => hit(midnight + time))])
      const rows = await derived(workOf('sessions', view, [day(tea, 0)]))
      expect(rows.map(({ start, hits }) => [Number(start) - midnight, hits])).toEqual([
        [12 * hourMs, 1],
        [dayMs - minuteMs, 2],
      ])
    })

    it('leaves out bots, other merchants, other generations, and days that were not asked for', async () => {
      const { viewOf, derived } = await opened(under)
      const noon = midnight + 12 * hourMs
      const view = await viewOf('hits', [
        [
          hit(noon),
          hit(noon + 1, { bot: true }),
          hit(noon, { merchant: 'tea' }),
          hit(noon, { merchant: ship }),
          hit(noon, { _gen: 2 }),
          hit(noon - dayMs),
          hit(noon + dayMs),
          hit(noon + dayMs, { merchant: ship, visitor: 'bob' }),
        ],
      ])
      const rows = await derived(workOf('sessions', view, [day(tea, 0), day(ship, 1)]))
      expect(rows.map(({ merchant, start, hits }) => [merchant, start, hits])).toEqual([
        [tea, noon, 1],
        [ship, noon + dayMs, 1],
      ])
    })

    it('leaves out erased hits of each merchant by its own erasures', async () => {
      const { viewOf, derived } = await opened(under)
      const noon = midnight + 12 * hourMs
      const visitor = { kind: 'visitor', value: 'ada' } as const
      const view = await viewOf('hits', [
        [
          ...[0, 1, 2].map((hours) => hit(noon + hours * hourMs)),
          ...[0, 1, 2].map((hours) => hit(noon + hours * hourMs, { merchant: ship })),
          hit(noon, { visitor: 'bob', user: 'ada' }),
        ],
      ])
      const erased: readonly ErasedHits[] = [
        { merchant: tea, subject: visitor, through: noon + hourMs },
        { merchant: ship, subject: visitor, through: noon },
        { merchant: 'of no unit' as MerchantId, subject: { kind: 'merchant' }, through: noon + dayMs },
      ]
      const rows = await derived({ ...workOf('sessions', view, [day(tea, 0), day(ship, 0)]), erased })
      expect(rows.map(({ merchant, start, visitor: of }) => [merchant, of, (Number(start) - noon) / hourMs])).toEqual([
        [ship, 'ada', 1],
        [ship, 'ada', 2],
        [tea, 'bob', 0],
        [tea, 'ada', 2],
      ])
    })

    it('equals the definition for drawn hits, lines that never pause and pauses of exactly the limit', async () => {
      await fc.assert(
        fc.asyncProperty(
          drawnHits,
          fc.shuffledSubarray(drawnUnits, { minLength: 1 }),
          drawnErased,
          async (files, units, erased) => {
            const { viewOf, derived } = await opened(under)
            const view = await viewOf('hits', files)
            const rows = await derived({ ...workOf('sessions', view, units), erased })
            const found = rows.map((row) => [
              row.merchant,
              row.start,
              row.end,
              row.hits,
              row._off,
              row.page,
              row.exit_page,
            ])
            const isErased = erasedTest(erased)
            const left = files.flat().filter((row) => !isErased(row as unknown as ErasableHit))
            expect(found.toSorted(byText)).toEqual(visitsIn(left, units).toSorted(byText))
          },
        ),
        { numRuns: under.runs },
      )
    })
  })
}

const byText = (a: unknown, b: unknown) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)

/** Visits of the units by the reference, from all hits there are. */
function visitsIn(hits: readonly LakeRow[], units: readonly DerivedUnit[]) {
  return units.flatMap((unit) => {
    const mine = hits.filter((row) => row.merchant === unit.merchant && row.bot === false && row._gen === 1)
    return visitsOf(mine, visitsRule)
      .filter(([first]) => Number(first.time) >= unit.start && Number(first.time) < unit.end)
      .map((visit) => {
        const [first, last] = [visit[0], visit.at(-1)]
        return [unit.merchant, first.time, last?.time, visit.length, first._off, first.path, last?.path]
      })
  })
}

const drawnErased = drawnErasures({
  merchants: [tea, ship],
  values: ['ada', 'bob'],
  from: midnight - 3 * dayMs,
  to: midnight + 3 * dayMs,
})

const drawnUnits = [-1, 0, 1, 2].flatMap((number) => [day(tea, number), day(ship, number)])

/** Files of hits of several lines, some of which never pause. */
export const drawnHits: fc.Arbitrary<readonly (readonly LakeRow[])[]> = fc
  .array(
    fc.record({
      visitor: fc.constantFrom('ada', 'bob'),
      session: fc.constantFrom(null, null, 's'),
      bot: fc.constantFrom(false, false, true),
      merchant: fc.constantFrom(tea, tea, ship),
      start: fc.integer({ min: -3 * 24, max: 3 * 24 }).map((hours) => hours * hourMs),
      gaps: fc.oneof(
        fc.array(
          fc.constantFrom(
            0,
            1,
            10 * minuteMs,
            visitsRule.gapMs - 1,
            visitsRule.gapMs,
            5 * hourMs,
            dayMs,
            2 * dayMs - 1,
          ),
          { maxLength: 12 },
        ),
        fc.constantFrom(200, 150).map((count) => Array.from({ length: count }, () => visitsRule.gapMs - 1)),
      ),
    }),
    { minLength: 1, maxLength: 6 },
  )
  .chain((lines) => {
    const rows: LakeRow[] = []
    for (const { start, gaps, ...of } of lines) {
      let time = midnight + start
      for (const gap of [0, ...gaps]) {
        time += gap
        rows.push(hit(time, { ...of, path: `/${rows.length % 7}` }))
      }
    }
    const half = Math.ceil(rows.length / 2)
    return fc
      .shuffledSubarray(rows, { minLength: rows.length })
      .map((mixed) => [mixed.slice(0, half), mixed.slice(half)].filter((file) => file.length > 0))
  })

const partial = (more: LakeRow = {}): LakeRow => ({
  merchant: tea,
  bucket: midnight,
  breakdown: 'total',
  value: '',
  hits: 1,
  pageviews: 1,
  visitors: [7n],
  orders: 0,
  revenue_micros: 0n,
  load: null,
  other_revenue: null,
  other: false,
  _src: 'log',
  _part: 0,
  _off_from: 0,
  _off_to: 0,
  _gen: 1,
  ...more,
})

function dailyContract(under: DeriveUnderTest): void {
  describe('of daily', () => {
    it('folds the hours of a day, whatever wrote them: sums, sketches, histograms, currencies', async () => {
      const { viewOf, derived } = await opened(under)
      const view = await viewOf('hourly', [
        [
          partial({
            hits: 2 ** 50,
            visitors: [1n, 9n],
            revenue_micros: 10n ** 30n,
            load: [
              { bucket: -40_001, n: 1n },
              { bucket: 40_002, n: 2n },
            ],
            other_revenue: [{ currency: 'USD', micros: 10n ** 30n }],
            _off_from: 5,
            _off_to: 6,
            _src: 'b',
          }),
          partial({ hits: 2, visitors: null, _part: 1, _off_from: 2, _off_to: 9, other: null }),
        ],
        [
          partial({
            bucket: midnight + 22 * hourMs,
            visitors: [2n ** 63n - 1n, 1n],
            orders: 3,
            revenue_micros: 1n,
            load: [{ bucket: 40_002, n: 2n }],
            other_revenue: [
              { currency: 'GBP', micros: -1n },
              { currency: 'USD', micros: 1n },
            ],
            _src: 'a',
          }),
          // Beyond the day, of 23 hours.
          partial({ bucket: midnight + 23 * hourMs }),
          partial({ bucket: midnight - hourMs }),
        ],
      ])
      const unit = { merchant: tea, start: midnight, end: midnight + 23 * hourMs }
      expect(await derived(workOf('daily', view, [unit], 4))).toEqual([
        {
          merchant: tea,
          bucket: unit.start,
          bucket_end: unit.end,
          breakdown: 'total',
          value: '',
          hits: 2 ** 50 + 3,
          pageviews: 3,
          visitors: [1n, 9n, 2n ** 63n - 1n],
          orders: 3,
          revenue_micros: 10n ** 30n + 1n,
          load: [
            { bucket: -40_001, n: 1n },
            { bucket: 40_002, n: 4n },
          ],
          other_revenue: [
            { currency: 'GBP', micros: -1n },
            { currency: 'USD', micros: 10n ** 30n + 1n },
          ],
          other: false,
          _src: 'a',
          _part: 0,
          _off_from: 0,
          _off_to: 9,
          _publish: 4,
          _row: 0,
          _gen: 1,
        },
      ])
    })

    it('keeps k hashes, and k is larger for totals than for breakdowns', async () => {
      const { viewOf, derived } = await opened(under)
      const hashes = (from: number) => Array.from({ length: 3_000 }, (_, n) => BigInt(from + n * 2))
      const rows = (from: number) => [
        partial({ visitors: hashes(from) }),
        partial({ visitors: hashes(from), breakdown: 'page', value: '/' }),
      ]
      const view = await viewOf('hourly', [rows(0), rows(1)])
      const [page, total] = await derived(workOf('daily', view, [day(tea, 0)]))
      const first = (count: number) => Array.from({ length: count }, (_, n) => BigInt(n))
      expect(page?.visitors).toEqual(first(breakdownSketchSize))
      expect(total?.visitors).toEqual(first(totalSketchSize))
    })

    it('keeps the values of most hits, by code point among equals, and folds the rest into one row', async () => {
      const { viewOf, derived } = await opened(under, 2)
      const row = (value: string, hits: number, more: LakeRow = {}) =>
        partial({ breakdown: 'page', value, hits, visitors: [BigInt(hits)], ...more })
      const astral = '\u{1f600}'
      const view = await viewOf('hourly', [
        [row('/top', 9), row(astral, 5), row('\uffef', 5), row('/z', 2)],
        // Already cut before: more of the rest, and never a value of its own.
        [
          row('', 100, { other: true, bucket: midnight + hourMs }),
          row('/z', 2, { bucket: midnight + hourMs }),
          partial(),
        ],
      ])
      const rows = await derived(workOf('daily', view, [day(tea, 0)]))
      const shown = rows.map(({ breakdown, value, other, hits, visitors }) => [breakdown, value, other, hits, visitors])
      expect(shown).toEqual([
        ['page', '', true, 109, [2n, 5n, 100n]],
        ['page', '/top', false, 9, [9n]],
        ['page', '\uffef', false, 5, [5n]],
        ['total', '', false, 1, [7n]],
      ])
    })

    it('keeps as many values as there may be, and makes no row of a rest where there is none', async () => {
      const { viewOf, derived } = await opened(under, 3)
      const rows = ['', 'a', 'b'].map((value) => partial({ breakdown: 'name', value }))
      const view = await viewOf('hourly', [rows, [partial({ merchant: ship, breakdown: 'name', value: 'c' })]])
      const found = await derived(workOf('daily', view, [day(tea, 0)]))
      expect(found.map(({ value, other }) => [value, other])).toEqual([
        ['', false],
        ['a', false],
        ['b', false],
      ])
    })

    it('equals a recount of drawn hours, merchants and days of their own length', async () => {
      await fc.assert(
        fc.asyncProperty(drawnPartials, drawnDays, async (files, units) => {
          const { viewOf, derived } = await opened(under)
          const view = await viewOf('hourly', files)
          const rows = await derived(workOf('daily', view, units))
          const found = rows.map(({ merchant, bucket, breakdown, value, hits, visitors, load, other_revenue }) => ({
            key: [merchant, bucket, breakdown, value].join(' '),
            hits,
            visitors: visitors ?? [],
            load: asPairs(load),
            money: asPairs(other_revenue),
          }))
          expect(found.toSorted(byKey)).toEqual(daysOf(files.flat(), units).toSorted(byKey))
        }),
        { numRuns: under.runs },
      )
    })
  })
}

const byKey = (a: { readonly key: string }, b: { readonly key: string }) => (a.key < b.key ? -1 : 1)

function asPairs(list: LakeValue | undefined): string {
  const pairs = (list ?? []) as readonly { readonly [name: string]: LakeValue }[]
  return pairs.map((pair) => Object.values(pair).join(':')).join(' ')
}

/** The recount: every unit against every row. */
function daysOf(rows: readonly LakeRow[], units: readonly DerivedUnit[]) {
  return units.flatMap(({ merchant, start, end }) => {
    const mine = rows.filter(
      (row) => row.merchant === merchant && row._gen === 1 && Number(row.bucket) >= start && Number(row.bucket) < end,
    )
    const keys = new Set(mine.map((row) => `${row.breakdown} ${row.value}`))
    return [...keys].map((key) => {
      const group = mine.filter((row) => `${row.breakdown} ${row.value}` === key)
      const hashes = new Set(group.flatMap((row) => (row.visitors ?? []) as bigint[]))
      return {
        key: [merchant, start, key].join(' '),
        hits: group.reduce((sum, row) => sum + Number(row.hits), 0),
        visitors: [...hashes].toSorted((a, b) => (a < b ? -1 : 1)),
        load: summedPairs(group, 'load', 'bucket', 'n'),
        money: summedPairs(group, 'other_revenue', 'currency', 'micros'),
      }
    })
  })
}

function summedPairs(rows: readonly LakeRow[], list: string, by: string, of: string): string {
  const sums = new Map<string | number, bigint>()
  for (const pair of rows.flatMap(
    (row) => (row[list] ?? []) as { readonly [name: string]: string | number | bigint }[],
  )) {
    const key = pair[by] as string | number
    sums.set(key, (sums.get(key) ?? 0n) + BigInt(pair[of] ?? 0))
  }
  return [...sums]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map((pair) => pair.join(':'))
    .join(' ')
}

const drawnDays = fc.constantFrom<readonly DerivedUnit[]>(
  [day(tea, 0), day(ship, 0)],
  [
    { merchant: tea, start: midnight - hourMs, end: midnight + 22 * hourMs },
    { merchant: tea, start: midnight + 22 * hourMs, end: midnight + 47 * hourMs },
  ],
  [day(ship, -1), day(tea, 1)],
)

const drawnPartial = fc.record({
  merchant: fc.constantFrom(tea, tea, ship, 'other'),
  bucket: fc.integer({ min: -26, max: 50 }).map((hours) => midnight + hours * hourMs),
  breakdown: fc.constantFrom('total', 'name', 'page'),
  value: fc.constantFrom('', 'a', 'b'),
  hits: fc.integer({ min: 1, max: 1_000 }),
  visitors: fc.option(fc.uniqueArray(fc.bigInt({ min: 0n, max: 40n }), { minLength: 1, maxLength: 9 })),
  load: fc.option(
    fc
      .uniqueArray(fc.integer({ min: 39_990, max: 40_010 }), { minLength: 1, maxLength: 4 })
      .map((buckets) => buckets.toSorted((a, b) => a - b).map((bucket) => ({ bucket, n: BigInt(bucket % 7) + 1n }))),
  ),
  other_revenue: fc.option(fc.constantFrom('EUR', 'USD').map((currency) => [{ currency, micros: 10n ** 20n }])),
  _part: fc.integer({ min: 0, max: 2 }),
  _gen: fc.constantFrom(1, 1, 2),
})
const drawnPartials = fc.array(fc.array(drawnPartial.map(partial), { minLength: 1, maxLength: 12 }), {
  minLength: 1,
  maxLength: 3,
})

function onceContract(under: DeriveUnderTest): void {
  describe('done', () => {
    it('again changes nothing, also after others', async () => {
      const { lake, rows, viewOf } = await opened(under)
      const view = await viewOf('hits', [[hit(midnight + hourMs), hit(midnight + 5 * hourMs)]])
      const work = workOf('sessions', view, [day(tea, 0)])
      const first = await lake.derive(work)
      const second = await lake.derive(workOf('sessions', view, [day(tea, 0)], 2))
      await lake.derive(work)
      const last = await lake.derive(workOf('sessions', view, [day(tea, 0)], 2))
      expect([first.rows, second.rows, last.rows]).toEqual([2, 2, 2])
      const all = await rows('sessions', last.snapshot ?? '')
      expect(all.map((row) => `${row._publish} ${row._row}`).toSorted()).toEqual(['1 0', '1 1', '2 0', '2 1'])
    })

    it('leaves the rows that it supersedes, told by their publication', async () => {
      const { lake, rows, viewOf } = await opened(under)
      const before = await viewOf('hits', [[hit(midnight + hourMs)]])
      await lake.derive(workOf('sessions', before, [day(tea, 0)], 3))
      const after = await viewOf('hits', [[hit(midnight + hourMs + minuteMs)]])
      const { snapshot } = await lake.derive(workOf('sessions', after, [day(tea, 0)], 5))
      const all = await rows('sessions', snapshot ?? '')
      expect(all.map(({ _publish, hits }) => [_publish, hits]).toSorted(byText)).toEqual([
        [3, 1],
        [5, 2],
      ])
    })

    it('may be of 5,000 merchants', async () => {
      const { viewOf, derived } = await opened(under)
      const units = Array.from({ length: 5_000 }, (_, n) => day(`shop '${n}'` as MerchantId, 0))
      const visitors = [units[0], units[2_500], units[4_999]].map((unit) => unit?.merchant ?? '')
      const view = await viewOf('hits', [visitors.map((merchant) => hit(midnight + hourMs, { merchant }))])
      const rows = await derived(workOf('sessions', view, units))
      expect(rows.map(({ merchant }) => merchant)).toEqual(visitors.toSorted())
      const hours = await viewOf('hourly', [visitors.map((merchant) => partial({ merchant }))])
      expect(await derived(workOf('daily', hours, units))).toHaveLength(3)
    })

    it('of units without rows adds nothing', async () => {
      const { lake, rows, viewOf } = await opened(under)
      const view = await viewOf('hits', [[hit(midnight + hourMs)]])
      const nothing = await lake.derive(workOf('sessions', view, [day(ship, 0)]))
      expect(nothing.rows).toBe(0)
      if (nothing.snapshot !== null) expect(await rows('sessions', nothing.snapshot)).toEqual([])
    })
  })
}
