/**
 * What every lake promises, as tests: `lakeContract('memory', async () => …)` registers them for one adapter. `open` gives
 * a lake on empty stores; `reopen` another one on the stores of the last (a restart, or a second writer beside it).
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { tables, totalSketchSize } from '../../schemas/tables.ts'
import { SnapshotNotFoundError } from '../errors.ts'
import { dayMs, eventTime, utcDay } from '../event-time.ts'
import type { MerchantId } from '../ids.ts'
import type { LakeRow, TableName } from '../tables.ts'
import { testLength } from '../test/length.ts'
import type { ErasedHits } from './erasure-store.ts'
import type { LakeReader, LakeWriter, ScanFilter, TableView } from './lake.ts'

export type Lake = LakeWriter & LakeReader

export interface LakeUnderTest {
  readonly lake: Lake
  readonly reopen: () => Promise<Lake>
}

const noon = eventTime('2026-03-01T12:00:00Z')
const batchDays = testLength('LAKE_TEST_DAYS', { short: 70, full: 400 })

/** A full row of `hits`; every column is set. */
export function hitRow(change: LakeRow = {}): LakeRow {
  return {
    merchant: 'shop',
    id: 'a',
    name: 'page_view',
    time: noon,
    received: noon + 5,
    visitor: 'v',
    session: null,
    user: null,
    url: 'https://shop.example/',
    referrer: null,
    title: 'Tea “über” 茶 😀',
    revenue_micros: 2n ** 53n + 1n,
    revenue_currency: 'EUR',
    items: [{ id: 'x', name: null, quantity: 1.5, price_micros: -(2n ** 53n) - 1n }],
    props: '{}',
    bot: false,
    visitor_hash: 2n ** 63n - 1n,
    _src: 'log',
    _part: 0,
    _off: 0,
    _idx: 0,
    _gen: 1,
    ...change,
  }
}

export function hourlyRow(change: LakeRow = {}): LakeRow {
  return {
    merchant: 'shop',
    bucket: noon,
    breakdown: 'total',
    value: '',
    hits: 1,
    pageviews: 1,
    visitors: [1n],
    orders: 0,
    revenue_micros: 0n,
    _src: 'log',
    _part: 0,
    _off_from: 0,
    _off_to: 0,
    _gen: 1,
    ...change,
  }
}

export async function rowsOf(lake: LakeReader, view: TableView, filter?: ScanFilter): Promise<LakeRow[]> {
  const rows: LakeRow[] = []
  for await (const batch of lake.scan(view, filter)) rows.push(...batch)
  return rows
}

export function snapshotView(table: TableName, snapshot: string | null): TableView {
  return { table, snapshot, pending: [] }
}

const ids = (rows: readonly LakeRow[]) => rows.map((row) => row.id).sort()

export function lakeContract(name: string, open: () => Promise<LakeUnderTest>): void {
  describe(`the lake contract, ${name}`, () => {
    describe('staging', () => {
      it('gives back what was staged, every type, null and absent columns as null', async () => {
        const { lake } = await open()
        const rows = [
          hitRow({ id: 'full' }),
          hitRow({ id: 'empty', items: [], title: '', props: null }),
          hitRow({ id: 'nested nulls', items: [{ id: null, name: null, quantity: null, price_micros: null }] }),
          hitRow({ id: 'negative zero time', time: -1, revenue_micros: -(2n ** 63n), visitor_hash: 0 }),
          { merchant: 'shop', id: 'absent', time: noon, _gen: 1, _src: 'log', _part: 0, _off: 0, _idx: 4 },
        ]
        const file = await lake.stage('hits', 'staged/one', rows)
        const found = await rowsOf(lake, { table: 'hits', snapshot: null, pending: [file] })
        const byId = new Map(found.map((row) => [row.id, row]))
        for (const row of rows) {
          const read = byId.get(row.id)
          for (const { name: column } of tables.hits.columns) {
            if (column === '_publish' || column === '_row') expect(read?.[column] ?? null).toBeNull()
            else expect([column, read?.[column]]).toEqual([column, readBack(row[column])])
          }
        }
        expect(found).toHaveLength(rows.length)
      })

      it('keeps decimals of 38 digits and lists of 63-bit longs exactly', async () => {
        const { lake } = await open()
        const rows = [
          hourlyRow({ revenue_micros: 10n ** 30n, visitors: [-(2n ** 63n), 0n, 2n ** 63n - 1n] }),
          hourlyRow({ revenue_micros: -(10n ** 37n), visitors: [], _part: 1 }),
          hourlyRow({ revenue_micros: null, visitors: null, _part: 2 }),
        ]
        const file = await lake.stage('hourly', 'staged/h', rows)
        const found = await rowsOf(lake, { table: 'hourly', snapshot: null, pending: [file] })
        expect(found.map((row) => [row.revenue_micros, row.visitors])).toEqual(
          rows.map((row) => [row.revenue_micros, row.visitors]),
        )
      })

      it('sorts the rows of a file as the table says', async () => {
        const { lake } = await open()
        const rows = ['b', 'a', '😀', '～', 'a'].map((merchant, n) => hitRow({ merchant, _off: 9 - n, id: String(n) }))
        const file = await lake.stage('hits', 'staged/sorted', rows)
        const found = await rowsOf(lake, { table: 'hits', snapshot: null, pending: [file] })
        expect(found.map((row) => row.id)).toEqual(['4', '1', '0', '3', '2'])
      })

      it('says how many rows a file holds and its first and last day', async () => {
        const { lake } = await open()
        const rows = [hitRow({ time: noon + 2 * dayMs }), hitRow({ time: -1 }), hitRow()]
        const file = await lake.stage('hits', 'staged/days', rows)
        expect(file).toMatchObject({
          name: 'staged/days',
          table: 'hits',
          rows: 3,
          firstDay: -1,
          lastDay: utcDay(noon) + 2,
        })
        expect(file.bytes).toBeGreaterThan(0)
      })

      it('replaces a file of the same name: a repeated epoch', async () => {
        const { lake } = await open()
        await lake.stage('hits', 'staged/one', [hitRow({ id: 'old' })])
        const file = await lake.stage('hits', 'staged/one', [hitRow({ id: 'new' })])
        expect(ids(await rowsOf(lake, { table: 'hits', snapshot: null, pending: [file] }))).toEqual(['new'])
        expect(await lake.stagedNames()).toEqual(['staged/one'])
      })

      it('lists staged files after a restart, and no more once discarded, as often as asked', async () => {
        const { lake, reopen } = await open()
        await lake.stage('hits', 'staged/a', [hitRow()])
        await lake.stage('hourly', 'staged/b', [hourlyRow()])
        const later = await reopen()
        expect(await later.stagedNames()).toEqual(['staged/a', 'staged/b'])
        await later.discard('staged/a')
        await later.discard('staged/a')
        expect(await later.stagedNames()).toEqual(['staged/b'])
      })

      it('refuses a row that has no place in a partition', async () => {
        const { lake } = await open()
        await expect(lake.stage('hits', 'staged/x', [hitRow({ time: null })])).rejects.toThrow('has no time')
        await expect(lake.stage('hits', 'staged/x', [hitRow({ _gen: null })])).rejects.toThrow('has no _gen')
        await expect(lake.stage('hits', 'staged/x', [hitRow({ merchant: null })])).rejects.toThrow('has no merchant')
        await expect(lake.stage('hits', 'staged/x', [])).rejects.toThrow('nothing to stage')
      })
    })

    describe('publication', () => {
      it('lands once, however often it is repeated, also after a restart and behind other publications', async () => {
        const { lake, reopen } = await open()
        const one = await lake.stage('hits', 'staged/1', [hitRow({ id: 'one' })])
        const two = await lake.stage('hits', 'staged/2', [hitRow({ id: 'two' })])
        const first = await lake.publish('hits', 7, [one])
        expect(await lake.publish('hits', 7, [one])).toEqual(first)
        await lake.publish('hits', 8, [two])
        const later = await reopen()
        await later.discard('staged/1')
        expect(await later.publish('hits', 7, [one])).toEqual(first)
        expect(ids(await rowsOf(later, snapshotView('hits', await later.currentSnapshot('hits'))))).toEqual([
          'one',
          'two',
        ])
        expect(await later.snapshots('hits')).toHaveLength(2)
      })

      it('names itself in the snapshot, newest first, with the rows it added', async () => {
        const { lake } = await open()
        expect(await lake.snapshots('hits')).toEqual([])
        expect(await lake.currentSnapshot('hits')).toBeNull()
        const a = await lake.publish('hits', 3, [await lake.stage('hits', 'staged/1', [hitRow(), hitRow({ _idx: 1 })])])
        const b = await lake.publish('hits', 4, [await lake.stage('hits', 'staged/2', [hitRow({ _off: 1 })])])
        expect(await lake.snapshots('hits')).toMatchObject([
          { id: b.snapshot, parent: a.snapshot, operation: 'append', publish: 4, addedRows: 1, totalRows: 3 },
          { id: a.snapshot, parent: null, operation: 'append', publish: 3, addedRows: 2, totalRows: 2 },
        ])
        expect(await lake.currentSnapshot('hits')).toBe(b.snapshot)
        for (const { id } of await lake.snapshots('hits')) expect(Number.isSafeInteger(Number(id))).toBe(true)
      })

      it('numbers its rows from 0 in the table’s order, over all partitions and files', async () => {
        const { lake } = await open()
        // U+FF5E is above the surrogates as UTF-16, below 😀 as a code point.
        const merchants = ['a', 'b', 'B', '～', '😀', '']
        const rows = merchants.flatMap((merchant, n) => [
          hitRow({ merchant, time: noon + dayMs, _off: 10 + n, id: `next ${merchant}` }),
          hitRow({ merchant, _off: n, _idx: 1, id: `tie 1 ${merchant}` }),
          hitRow({ merchant, _off: n, id: `tie 0 ${merchant}` }),
        ])
        const half = Math.floor(rows.length / 2)
        const files = [
          await lake.stage('hits', 'staged/1', rows.slice(0, half)),
          await lake.stage('hits', 'staged/2', rows.slice(half)),
        ]
        const { snapshot } = await lake.publish('hits', 5, files)
        const found = await rowsOf(lake, snapshotView('hits', snapshot))
        const order = found.sort((x, y) => Number(x._row) - Number(y._row))
        expect(order.map((row) => row._row)).toEqual(rows.map((_row, n) => n))
        const sorted = ['', 'B', 'a', 'b', '～', '😀']
        expect(order.map((row) => row.id)).toEqual([
          ...sorted.flatMap((merchant) => [`tie 0 ${merchant}`, `tie 1 ${merchant}`]),
          ...sorted.map((merchant) => `next ${merchant}`),
        ])
        expect(new Set(order.map((row) => row._publish))).toEqual(new Set([5]))
      })

      it('keeps generations apart', async () => {
        const { lake } = await open()
        const file = await lake.stage('hits', 'staged/1', [hitRow({ id: 'old' }), hitRow({ id: 'new', _gen: 2 })])
        const { snapshot } = await lake.publish('hits', 1, [file])
        const view = snapshotView('hits', snapshot)
        expect(ids(await rowsOf(lake, view, { generations: [2] }))).toEqual(['new'])
        expect(ids(await rowsOf(lake, view))).toEqual(['new', 'old'])
      })

      it(`takes a batch over ${batchDays} days`, async () => {
        const { lake } = await open()
        const rows = Array.from({ length: batchDays }, (_, n) =>
          hitRow({ id: String(n), time: noon - n * dayMs, _off: n }),
        )
        const { snapshot } = await lake.publish('hits', 1, [await lake.stage('hits', 'staged/1', rows)])
        const view = snapshotView('hits', snapshot)
        expect(await rowsOf(lake, view)).toHaveLength(batchDays)
        const numbers = (await rowsOf(lake, view)).map((row) => [Number(row.time), row._row])
        expect(numbers.sort(([a], [b]) => Number(a) - Number(b)).map(([, row]) => row)).toEqual(
          rows.map((_row, n) => n),
        )
        const [oldest] = await rowsOf(lake, view, { lastDay: utcDay(noon) - batchDays + 1 })
        expect(oldest).toMatchObject({ id: String(batchDays - 1), _row: 0 })
      })

      it('is a snapshot too where there is nothing to add', async () => {
        const { lake } = await open()
        const { snapshot } = await lake.publish('failed_hits', 1, [])
        expect(await rowsOf(lake, snapshotView('failed_hits', snapshot))).toEqual([])
      })

      it('by two writers at once loses neither', async () => {
        const { lake, reopen } = await open()
        const other = await reopen()
        const files = await Promise.all(
          [1, 2, 3, 4, 5, 6].map((n) => lake.stage('hits', `staged/${n}`, [hitRow({ id: String(n), _off: n })])),
        )
        await Promise.all(files.map((file, n) => (n % 2 === 0 ? lake : other).publish('hits', n + 1, [file])))
        const later = await reopen()
        const [newest] = await later.snapshots('hits')
        expect(ids(await rowsOf(later, snapshotView('hits', newest?.id ?? null)))).toEqual([
          '1',
          '2',
          '3',
          '4',
          '5',
          '6',
        ])
        expect(newest?.totalRows).toBe(6)
      })
    })

    describe('folding', () => {
      it('makes one row of a key: sums exact, sketches united, the range covered', async () => {
        const { lake } = await open()
        const huge = 10n ** 30n + 1n
        const rows = [
          hourlyRow({ visitors: [3n, 5n], revenue_micros: huge, _off_from: 4, _off_to: 9 }),
          hourlyRow({ visitors: [1n, 5n], revenue_micros: -1n, hits: 2n ** 53n, _off_from: 2, _off_to: 3 }),
          hourlyRow({ visitors: null, revenue_micros: huge, orders: null, _off_from: 10, _off_to: 12 }),
          hourlyRow({ _part: 1, visitors: null, orders: null }),
        ]
        const files = [
          await lake.stage('hourly', 'staged/1', rows.slice(0, 2)),
          await lake.stage('hourly', 'staged/2', rows.slice(2)),
        ]
        const { snapshot } = await lake.publish('hourly', 1, files)
        const found = await rowsOf(lake, snapshotView('hourly', snapshot))
        expect(found).toMatchObject([
          {
            hits: 2n ** 53n + 2n,
            pageviews: 3,
            orders: 0,
            visitors: [1n, 3n, 5n],
            revenue_micros: 2n * huge - 1n,
            _off_from: 2,
            _off_to: 12,
            _part: 0,
            _row: 0,
          },
          { hits: 1, orders: null, visitors: null, _part: 1, _row: 1 },
        ])
      })

      it('keeps the k smallest of a larger union', async () => {
        const { lake } = await open()
        const sketch = (from: number) => Array.from({ length: totalSketchSize }, (_, n) => BigInt((n + from) * 2))
        const rows = [
          hourlyRow({ visitors: sketch(2_000) }),
          hourlyRow({ visitors: sketch(0), _off_from: 1, _off_to: 1 }),
        ]
        const { snapshot } = await lake.publish('hourly', 1, [await lake.stage('hourly', 'staged/1', rows)])
        const [row] = await rowsOf(lake, snapshotView('hourly', snapshot))
        expect(row?.visitors).toEqual(sketch(0))
      })

      it('gives the same for any split of the parts into files and publications', async () => {
        const part = fc.record({
          merchant: fc.constantFrom('a', 'b'),
          bucket: fc.constantFrom(noon, noon + 3_600_000, noon + dayMs),
          hits: fc.integer({ min: 0, max: 1_000 }),
          revenue_micros: fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }),
          visitors: fc.array(fc.bigInt({ min: 0n, max: 50n }), { maxLength: 5 }),
          _gen: fc.constantFrom(1, 2),
          file: fc.integer({ min: 0, max: 2 }),
        })
        await fc.assert(
          fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 20 }), async (parts) => {
            const { lake } = await open()
            const rows = parts.map(({ file, ...row }, n) => ({
              file,
              row: hourlyRow({ ...row, _off_from: n, _off_to: n }),
            }))
            const files = []
            for (const n of [0, 1, 2]) {
              const own = rows.filter(({ file }) => file === n).map(({ row }) => row)
              if (own.length > 0) files.push(await lake.stage('hourly', `staged/${n}`, own))
            }
            const { snapshot } = await lake.publish('hourly', 1, files)
            const found = await rowsOf(lake, snapshotView('hourly', snapshot))
            expect(totals(found)).toEqual(totals(rows.map(({ row }) => row)))
            expect(found).toHaveLength(Object.keys(totals(found)).length)
          }),
          { numRuns: 15 },
        )
      })
    })

    describe('reading', () => {
      it('of a view shows the snapshot and pending files once each', async () => {
        const { lake } = await open()
        const published = await lake.stage('hits', 'staged/1', [hitRow({ id: 'published' })])
        const pending = await lake.stage('hits', 'staged/2', [hitRow({ id: 'pending' })])
        const { snapshot } = await lake.publish('hits', 1, [published])
        const view: TableView = { table: 'hits', snapshot, pending: [pending] }
        expect(ids(await rowsOf(lake, view))).toEqual(['pending', 'published'])
      })

      it('of an old snapshot still shows the old rows', async () => {
        const { lake, reopen } = await open()
        const first = await lake.publish('hits', 1, [await lake.stage('hits', 'staged/1', [hitRow({ id: 'one' })])])
        const second = await lake.publish('hits', 2, [await lake.stage('hits', 'staged/2', [hitRow({ id: 'two' })])])
        for (const reader of [lake, await reopen()]) {
          expect(ids(await rowsOf(reader, snapshotView('hits', first.snapshot)))).toEqual(['one'])
          expect(ids(await rowsOf(reader, snapshotView('hits', second.snapshot)))).toEqual(['one', 'two'])
        }
      })

      it('of a snapshot that another writer just made needs no restart', async () => {
        const { lake, reopen } = await open()
        const other = await reopen()
        await lake.publish('hits', 1, [await lake.stage('hits', 'staged/1', [hitRow({ id: 'one' })])])
        expect(await other.snapshots('hits')).toHaveLength(1)
        const { snapshot } = await lake.publish('hits', 2, [
          await lake.stage('hits', 'staged/2', [hitRow({ id: 'two' })]),
        ])
        expect(ids(await rowsOf(other, snapshotView('hits', snapshot)))).toEqual(['one', 'two'])
      })

      it('refuses a snapshot the table does not have', async () => {
        const { lake } = await open()
        await expect(rowsOf(lake, snapshotView('hits', '42'))).rejects.toThrow(SnapshotNotFoundError)
        await lake.publish('hits', 1, [await lake.stage('hits', 'staged/1', [hitRow()])])
        await expect(rowsOf(lake, snapshotView('hits', '42'))).rejects.toThrow('hits has no snapshot 42')
      })

      it('filters by merchant, days and generation, published and pending alike', async () => {
        const merchant = fc.constantFrom('a', 'merchant-with-a-long-name-1', 'merchant-with-a-long-name-2', '😀', 'z')
        const row = fc.record({ merchant, day: fc.integer({ min: -2, max: 2 }), _gen: fc.constantFrom(1, 2) })
        const { lake } = await open()
        const sample = fc.sample(row, { numRuns: 120, seed: 7 })
        const rows = sample.map(({ day, ...rest }, n) =>
          hitRow({ ...rest, time: noon + day * dayMs, id: String(n), _off: n }),
        )
        const published = await lake.stage('hits', 'staged/1', rows.slice(0, 80))
        const pending = await lake.stage('hits', 'staged/2', rows.slice(80))
        const { snapshot } = await lake.publish('hits', 1, [published])
        const view: TableView = { table: 'hits', snapshot, pending: [pending] }
        const today = utcDay(noon)
        const day = fc.integer({ min: today - 3, max: today + 3 })
        const erased = fc.constantFrom<readonly ErasedHits[]>(
          [],
          [{ merchant: 'a' as MerchantId, subject: { kind: 'merchant' }, through: Number.MAX_SAFE_INTEGER }],
        )
        const filter = fc.record(
          { merchant, firstDay: day, lastDay: day, generations: fc.subarray([1, 2, 3]), erased },
          { requiredKeys: [] },
        )
        await fc.assert(
          fc.asyncProperty(filter, async (given) => {
            const wanted = rows.filter(
              (one) =>
                (given.erased === undefined || given.erased.length === 0 || one.merchant !== 'a') &&
                (given.merchant === undefined || one.merchant === given.merchant) &&
                utcDay(Number(one.time)) >= (given.firstDay ?? -Infinity) &&
                utcDay(Number(one.time)) <= (given.lastDay ?? Infinity) &&
                (given.generations === undefined || given.generations.includes(Number(one._gen))),
            )
            expect(ids(await rowsOf(lake, view, given))).toEqual(ids(wanted))
          }),
          { numRuns: 40 },
        )
      })
    })
  })
}

// Undefined columns read back as null, safe longs as numbers.
function readBack(value: LakeRow[string]): LakeRow[string] {
  if (value === undefined) return null
  return typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value
}

function totals(rows: readonly LakeRow[]): Record<string, unknown> {
  const found: Record<string, { hits: number; revenue: bigint; visitors: Set<bigint> }> = {}
  for (const row of rows) {
    const key = `${row._gen} ${row.merchant} ${row.bucket}`
    found[key] ??= { hits: 0, revenue: 0n, visitors: new Set() }
    const sum = found[key]
    sum.hits += Number(row.hits)
    sum.revenue += row.revenue_micros as bigint
    for (const hash of row.visitors as readonly bigint[]) sum.visitors.add(hash)
  }
  return found
}
