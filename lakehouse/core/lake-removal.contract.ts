/** What every lake promises of taking rows out, as tests. `open` gives a lake on empty stores. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dayMs, eventTime, hourMs, utcDay } from '../../core/event-time.ts'
import type { MerchantId } from '../../core/ids.ts'
import type { ErasedHits, ErasureSubject } from '../../core/ports/erasure-store.ts'
import { hitRow as anyHit, hourlyRow as anyHour } from '../../core/ports/lake.contract.ts'
import type { LakeReader, LakeWriter } from '../../core/ports/lake.ts'
import {
  type LakeRemoval,
  type RecomputeWork,
  type RemovedRows,
  recomputedDaysMax,
  removedRowsMax,
} from '../../core/ports/lake-removal.ts'
import type { LakeRow, TableName } from '../../core/tables.ts'
import { hourlyTable } from '../../schemas/tables.ts'
import { foldRows } from './fold.ts'
import { hourlyRows } from './hourly-rows.ts'
import { plainRow } from './plain-row.ts'
import { removedRowTest } from './removal-work.ts'

export interface LakeRemovalUnderTest {
  open(): Promise<{
    readonly lake: Pick<LakeWriter, 'stage' | 'publish'> & Pick<LakeReader, 'snapshots'> & LakeRemoval
    /** All rows of the snapshot, as they read back. */
    rows(table: TableName, snapshot: string): Promise<readonly LakeRow[]>
  }>
  /** Drawn data sets. */
  readonly runs: number
}

const noon = eventTime('2026-03-29T12:00:00Z')
const day = utcDay(noon)
const shop = 'shop' as MerchantId
const tea = "o'brien" as MerchantId
const hitRow = (change: LakeRow = {}) => anyHit({ time: noon, received: noon + 5, ...change })
const hourlyRow = (change: LakeRow = {}) => anyHour({ bucket: noon, ...change })
const partition = { generation: 1, period: day }

export function lakeRemovalContract(name: string, under: LakeRemovalUnderTest): void {
  async function opened() {
    const { lake, rows } = await under.open()
    let publication = 0
    return {
      lake,
      rows,
      async publish(table: TableName, given: readonly LakeRow[]): Promise<string> {
        const id = ++publication
        const staged = await lake.stage(table, `staged/${table}-${id}`, given)
        return (await lake.publish(table, id, [staged])).snapshot
      },
      newest: async (table: TableName) => String((await lake.snapshots(table))[0]?.id),
    }
  }
  const ids = (rows: readonly LakeRow[]) => rows.map(({ id }) => String(id)).sort()
  const erased = (subject: ErasureSubject, change: Partial<ErasedHits> = {}): ErasedHits => ({
    merchant: shop,
    subject,
    through: noon + hourMs,
    ...change,
  })
  const visitor = (value: string) => ({ kind: 'visitor', value }) as const

  describe(`removal, ${name}`, () => {
    it('finds the partitions that hold such rows, of the newest snapshot, and no others', async () => {
      const { lake, publish } = await opened()
      expect(await lake.partitionsWith('hits', [erased(visitor('v1'))])).toEqual([])
      await publish('hits', [hitRow({ visitor: 'v1' }), hitRow({ visitor: 'v2', time: noon - dayMs, _off: 1 })])
      await publish('hits', [hitRow({ visitor: 'v1', time: noon - 3 * dayMs, merchant: tea, _off: 2, user: 'u' })])
      expect(await lake.partitionsWith('hits', [])).toEqual([])
      expect(await lake.partitionsWith('hits', [erased(visitor('v1'))])).toEqual([partition])
      expect(await lake.partitionsWith('hits', [erased(visitor('v3')), erased({ kind: 'user', value: 'u' })])).toEqual(
        [],
      )
      expect(
        await lake.partitionsWith('hits', [
          erased({ kind: 'user', value: 'u' }, { merchant: tea }),
          erased(visitor('v2')),
        ]),
      ).toEqual([
        { generation: 1, period: day - 3 },
        { generation: 1, period: day - 1 },
      ])
      await lake.removeRows('hits', partition, [erased(visitor('v1'))])
      expect(await lake.partitionsWith('hits', [erased(visitor('v1'))])).toEqual([])
    })

    it('takes out what was received up to and at the moment; all other rows stay as they are, number and all', async () => {
      const { lake, rows, publish } = await opened()
      const through = noon + 1_000
      const given = [
        hitRow({ id: 'gone', visitor: 'v1', received: through, _off: 0 }),
        hitRow({ id: 'later', visitor: 'v1', received: through + 1, _off: 1 }),
        hitRow({ id: 'another visitor', visitor: 'v2', user: 'v1', received: through, _off: 2 }),
        hitRow({ id: 'another merchant', merchant: tea, visitor: 'v1', received: through, _off: 3 }),
      ]
      await publish('hits', given)
      const before = await rows('hits', await publish('hits', [hitRow({ id: 'another file', visitor: 'v3', _off: 4 })]))
      const done = await lake.removeRows('hits', partition, [erased(visitor('v1'), { through })])
      expect(done?.removed).toBe(1)
      const after = await rows('hits', String(done?.snapshot))
      expect(byId(after)).toEqual(byId(before.filter(({ id }) => id !== 'gone')))
      expect((await lake.snapshots('hits'))[0]?.id).toBe(done?.snapshot)
      expect(await lake.removeRows('hits', partition, [erased(visitor('v1'), { through })])).toBeNull()
      expect(await lake.removeRows('hits', { generation: 1, period: 1 }, [erased(visitor('v2'))])).toBeNull()
    })

    it('takes a partition away of which nothing is left; readers of earlier snapshots still see it', async () => {
      const { lake, rows, publish } = await opened()
      const first = await publish('hits', [hitRow({ id: 'a' }), hitRow({ id: 'b', _off: 1, user: 'u' })])
      await publish('hits', [hitRow({ id: 'stays', time: noon - dayMs })])
      const done = await lake.removeRows('hits', partition, [erased({ kind: 'merchant' })])
      expect(done?.removed).toBe(2)
      expect(ids(await rows('hits', String(done?.snapshot)))).toEqual(['stays'])
      expect(ids(await rows('hits', first))).toEqual(['a', 'b'])
    })

    it('takes out rows before a moment by the time of the partition column, of that merchant only', async () => {
      const { lake, rows, publish } = await opened()
      await publish('hits', [
        hitRow({ id: 'old', time: noon - 1 }),
        hitRow({ id: 'on it', time: noon, _off: 1 }),
        hitRow({ id: 'another', merchant: tea, time: noon - 1, _off: 2 }),
      ])
      const before = [{ merchant: shop, before: noon }]
      expect(await lake.partitionsWith('hits', before)).toEqual([partition])
      const done = await lake.removeRows('hits', partition, before)
      expect(ids(await rows('hits', String(done?.snapshot)))).toEqual(['another', 'on it'])
    })

    it('takes out failed hits of the subject, also those from before their columns said whose they are', async () => {
      const { lake, rows, publish } = await opened()
      const failed = (id: string, change: LakeRow) => ({
        ...{ merchant: shop, id, name: 'x', time: noon, received: noon, step: 'govern', reason: 'blocked' },
        ...{ original: '{}', _src: 'log', _part: 0, _off: 0, _idx: 0, _gen: 1, ...change },
      })
      await publish('failed_hits', [
        failed('by column', { visitor: 'v1', user: null }),
        failed('by original', { original: JSON.stringify({ id: 'x', visitor: 'v1', props: { visitor: 'v2' } }) }),
        failed('nested', { original: JSON.stringify({ id: 'x', visitor: 'v2', props: { visitor: 'v1' } }) }),
        failed('not JSON', { original: 'djE=' }),
        failed('another', { visitor: 'v2', user: 'v1' }),
        failed('later', { visitor: 'v1', received: noon + 2 * hourMs }),
      ])
      const which = [erased(visitor('v1'))]
      const at = { generation: null, period: day }
      expect(await lake.partitionsWith('failed_hits', which)).toEqual([at])
      const done = await lake.removeRows('failed_hits', at, which)
      expect(ids(await rows('failed_hits', String(done?.snapshot)))).toEqual(['another', 'later', 'nested', 'not JSON'])
    })

    it('takes out rows of a derived table that are superseded, in the stretch that is named', async () => {
      const { lake, rows, publish } = await opened()
      const visit = (id: string, start: number, merchant: string = shop) => ({
        ...{ merchant, start, end: start, visitor: id, hits: 1, pageviews: 1, orders: 0, revenue_micros: 0n },
        ...{ bounce: true, duration_ms: 0, _src: 'log', _part: 0, _off: 0, _idx: 0, _gen: 1 },
      })
      await publish('sessions', [visit('old', noon), visit('before it', noon - 1), visit('tea', noon, tea)])
      await publish('sessions', [visit('new', noon)])
      const dead = [{ merchant: shop, start: noon, end: noon + 1, publishBelow: 2 }]
      expect(await lake.partitionsWith('sessions', dead)).toEqual([partition])
      const done = await lake.removeRows('sessions', partition, dead)
      expect((await rows('sessions', String(done?.snapshot))).map((row) => row.visitor).sort()).toEqual([
        'before it',
        'new',
        'tea',
      ])
      expect(await lake.partitionsWith('sessions', dead)).toEqual([])
    })

    it('takes values of any text as they are', async () => {
      const { lake, rows, publish } = await opened()
      const values = ["v'1", 'v"1', 'v\\1', 'v\u00001', '😀', '%', '']
      await publish(
        'hits',
        values.map((value, n) => hitRow({ id: String(n), visitor: value, user: null, _off: n })),
      )
      const which = [...values.slice(0, 6).map((value) => erased(visitor(value))), erased(visitor('\ud800'))]
      const done = await lake.removeRows('hits', partition, which)
      expect(done?.removed).toBe(6)
      expect(ids(await rows('hits', String(done?.snapshot)))).toEqual(['6'])
    })

    it('takes so many conditions at once, and no more; of tables without hits no erasure', async () => {
      const { lake, publish } = await opened()
      await publish('hits', [hitRow()])
      const many = (count: number): RemovedRows[] =>
        Array.from({ length: count }, (_, n) => ({ merchant: `m${n}` as MerchantId, before: noon }))
      expect(await lake.partitionsWith('hits', many(removedRowsMax))).toEqual([])
      await expect(lake.partitionsWith('hits', many(removedRowsMax + 1))).rejects.toThrow(RangeError)
      await expect(lake.removeRows('hits', partition, many(removedRowsMax + 1))).rejects.toThrow(RangeError)
    })
  })

  describe(`hours computed again, ${name}`, () => {
    const hit = (n: number, change: LakeRow) =>
      hitRow({ id: String(n), zone: 'UTC', currency: 'EUR', revenue_home_micros: n, _off: n, ...change })
    type Given = Partial<RecomputeWork> & Pick<RecomputeWork, 'hits'>
    /** Of what `hourly` holds now. */
    const recompute = async (lake: LakeRemoval & Pick<LakeReader, 'snapshots'>, given: Given) =>
      lake.recomputeHourly(work({ hourly: (await lake.snapshots('hourly'))[0]?.id ?? '1', ...given }))
    const recomputed = async (lake: LakeRemoval & Pick<LakeReader, 'snapshots'>, given: Given) => {
      const done = await recompute(lake, given)
      if (done === null) throw new Error('the tables stand apart')
      return done
    }
    const work = (change: Given & Pick<RecomputeWork, 'hourly'>): RecomputeWork => ({
      generation: 1,
      days: [{ merchant: shop, day }],
      erased: [],
      publish: 1,
      ...change,
    })
    const view = (snapshot: string) => ({ table: 'hits' as const, snapshot, pending: [] })

    it('says on which days of hourly hits are counted: by the zone of each, the first minutes on the day before', async () => {
      const { lake, publish } = await opened()
      const midnight = day * dayMs
      const snapshot = await publish('hits', [
        hit(0, { visitor: 'v1', time: midnight + 10 * 60_000, zone: 'Asia/Kolkata' }),
        hit(1, { visitor: 'v1', time: midnight + 3 * dayMs, received: midnight + 3 * dayMs, zone: 'UTC' }),
        hit(2, { visitor: 'v1', time: midnight + 5 * dayMs, bot: true, received: midnight + 5 * dayMs }),
        hit(3, { visitor: 'v2', time: midnight + 6 * dayMs, received: midnight + 6 * dayMs }),
        hit(4, { visitor: 'v1', time: midnight + 7 * dayMs, received: midnight + 7 * dayMs, _gen: 2 }),
      ])
      const through = midnight + 9 * dayMs
      const one = erased(visitor('v1'), { through })
      expect(await lake.countedDays(view(snapshot), 1, [one])).toEqual([
        { merchant: shop, day: day - 1, hits: 1, erased: one },
        // An hour of UTC is cut by the bucket's midnight: a day too many.
        { merchant: shop, day, hits: 1, erased: one },
        { merchant: shop, day: day + 3, hits: 1, erased: one },
      ])
      const all = erased({ kind: 'merchant' }, { through: midnight + 4 * dayMs })
      const other = erased(visitor('v2'), { through })
      expect((await lake.countedDays(view(snapshot), 1, [all, other])).map((each) => [each.erased, each.day])).toEqual([
        [all, day - 1],
        [all, day],
        [all, day + 3],
        // Received later, but the other erasure names it: a day too many.
        [all, day + 6],
        [other, day + 6],
      ])
      expect(await lake.countedDays(view(snapshot), 1, [])).toEqual([])
      expect(await lake.countedDays({ ...view(snapshot), snapshot: null }, 1, [erased(visitor('v1'))])).toEqual([])
    })

    it('replaces the rows of these merchants and this day, and no others, in one snapshot', async () => {
      const { lake, rows, publish } = await opened()
      const hits = await publish('hits', [hit(0, {}), hit(1, { visitor: 'v1' }), hit(2, { merchant: tea })])
      await publish('hourly', [
        hourlyRow({ hits: 99 }),
        hourlyRow({ hits: 98, merchant: tea }),
        hourlyRow({ hits: 97, bucket: noon + dayMs }),
      ])
      await publish('hourly', [hourlyRow({ hits: 96, bucket: noon + hourMs })])
      const before = (await lake.snapshots('hourly')).length
      const { snapshot } = await recomputed(lake, { hits: view(hits), erased: [erased(visitor('v1'))], publish: 3 })
      const all = await rows('hourly', snapshot)
      const totals = all.filter(({ breakdown }) => breakdown === 'total')
      expect(totals.map(({ merchant, bucket, hits }) => [merchant, bucket, Number(hits)]).sort()).toEqual(
        [
          [shop, noon, 1],
          [tea, noon, 98],
          [shop, noon + dayMs, 97],
        ].sort(),
      )
      expect(all).toHaveLength(8 + 2)
      expect((await lake.snapshots('hourly')).length).toBe(before + 1)
      expect((await lake.snapshots('hourly'))[0]).toMatchObject({ id: snapshot, operation: 'overwrite' })
      expect(new Set(all.map(({ _publish, _row }) => `${_publish} ${_row}`)).size).toBe(all.length)
    })

    it('again gives the same rows, and rows of another merchant keep their numbers', async () => {
      const { lake, rows, publish } = await opened()
      const hits = await publish('hits', [hit(0, {}), hit(1, { merchant: tea })])
      await publish('hourly', [hourlyRow(), hourlyRow({ merchant: tea })])
      await recomputed(lake, { hits: view(hits), publish: 2 })
      const once = await rows('hourly', (await recomputed(lake, { hits: view(hits), publish: 2 })).snapshot)
      const both = [{ merchant: tea, day }]
      const twice = await rows(
        'hourly',
        (await recomputed(lake, { hits: view(hits), publish: 2, days: both })).snapshot,
      )
      expect(numbers(once.filter(({ merchant }) => merchant === shop))).toEqual(
        numbers(twice.filter(({ merchant }) => merchant === shop)),
      )
      expect(once.filter(({ merchant }) => merchant === shop)).toHaveLength(8)
      expect(new Set(twice.map(({ _publish, _row }) => `${_publish} ${_row}`)).size).toBe(16)
    })

    it('does nothing where either table holds what the other does not know of yet', async () => {
      const { lake, newest, publish } = await opened()
      const hits = await publish('hits', [hit(0, {}), hit(5, { _part: 1 }), hit(9, { merchant: tea })])
      await publish('hourly', [hourlyRow({ _off_to: 3 }), hourlyRow({ _off_from: 9, _off_to: 9, merchant: tea })])
      const before = await newest('hourly')
      const apart = (partition: number, next: number) =>
        recompute(lake, { hits: view(hits), publish: 2, both: [{ partition, next }] })
      expect(await apart(0, 3)).toBeNull()
      expect(await apart(1, 5)).toBeNull()
      expect(await newest('hourly')).toBe(before)
      expect(await apart(0, 4)).not.toBeNull()
      expect(await apart(1, 6)).not.toBeNull()
    })

    it('leaves nothing of a day whose hits are all gone', async () => {
      const { lake, rows, publish } = await opened()
      const hits = await publish('hits', [hit(0, { time: noon - 5 * dayMs })])
      await publish('hourly', [hourlyRow(), hourlyRow({ bucket: noon - dayMs })])
      const { snapshot } = await recomputed(lake, { hits: view(hits) })
      expect((await rows('hourly', snapshot)).map(({ bucket }) => bucket)).toEqual([noon - dayMs])
    })

    it('gives the rows that JavaScript counts, whatever the zones and what is erased', async () => {
      const zones = ['UTC', 'Asia/Kolkata', 'Asia/Kathmandu', 'Australia/Lord_Howe', 'Europe/Berlin']
      const aHit = fc.record({
        merchant: fc.constantFrom<string>(shop, tea, 'third'),
        visitor: fc.constantFrom('v1', 'v2'),
        user: fc.constantFrom(null, 'u1'),
        time: fc.integer({ min: -26, max: 26 }).map((half) => noon + half * (hourMs / 2)),
        received: fc.integer({ min: 0, max: 3 }).map((n) => noon + 14 * hourMs + n),
        zone: fc.constantFrom(...zones),
        name: fc.constantFrom('page_view', 'purchase', 'x'),
        path: fc.constantFrom(null, '', '/a', '/ü'),
        country: fc.constantFrom(null, 'DE'),
        bot: fc.constantFrom(false, false, true),
        visitor_hash: fc.constantFrom(1, 2, 2n ** 63n - 1n),
        revenue_currency: fc.constantFrom(null, 'EUR', 'USD', 'JPY'),
        revenue_micros: fc.constantFrom(null, 5, -(2n ** 62n), 2n ** 62n),
        load_bucket: fc.constantFrom(null, 3, 70),
        _part: fc.integer({ min: 0, max: 1 }),
      })
      const anErasure: fc.Arbitrary<ErasedHits> = fc.record({
        merchant: fc.constantFrom(shop, tea),
        subject: fc.constantFrom<ErasureSubject>(visitor('v1'), { kind: 'user', value: 'u1' }, { kind: 'merchant' }),
        through: fc.integer({ min: 0, max: 3 }).map((n) => noon + 14 * hourMs + n),
      })
      await fc.assert(
        fc.asyncProperty(
          fc.array(aHit, { minLength: 1, maxLength: 25 }),
          fc.array(anErasure, { maxLength: 2 }),
          async (drawn, erasures) => {
            const { lake, rows, publish } = await opened()
            const given = drawn.map((each, n) => hit(n, { ...each, revenue_home_micros: n }))
            const snapshot = await publish('hits', given)
            const stored = await rows('hits', snapshot)
            await publish('hourly', [hourlyRow({ hits: 1_000 }), hourlyRow({ hits: 7, merchant: 'third' })])
            const days = [shop, tea].map((merchant) => ({ merchant, day }))
            const done = await recomputed(lake, { hits: view(snapshot), days, erased: erasures, publish: 2 })
            const isErased = removedRowTest(erasures, 'hits')
            const expected = hourlyRows(
              { merchants: [shop, tea], generation: 1, range: { start: day * dayMs, end: (day + 1) * dayMs } },
              stored.filter((row) => !isErased(row)),
            )
            const found = (await rows('hourly', done.snapshot)).filter(({ merchant }) => merchant !== 'third')
            expect(numbers(found)).toEqual(numbers(foldRows(hourlyTable, expected)))
          },
        ),
        { numRuns: under.runs },
      )
    })

    it('takes so many merchants at once, all of one day', async () => {
      const { lake } = await opened()
      const hits = { table: 'hits' as const, snapshot: null, pending: [] }
      const of = (days: RecomputeWork['days']) => recompute(lake, { hits, days })
      const many = (count: number) =>
        Array.from({ length: count }, (_, n) => ({ merchant: `m${n}` as MerchantId, day }))
      await expect(of(many(recomputedDaysMax + 1))).rejects.toThrow(RangeError)
      await expect(of([])).rejects.toThrow(RangeError)
      await expect(of([...many(1), { merchant: shop, day: day + 1 }])).rejects.toThrow(RangeError)
    })
  })
}

/** All that a row of `hourly` says, but for its number. */
function numbers(rows: readonly LakeRow[]) {
  const plain = rows.map((row) => ({
    ...plainRow(hourlyTable.columns, row),
    ...{ _publish: null, _row: null, revenue_micros: BigInt((row.revenue_micros ?? 0) as bigint) },
    ...{ hits: Number(row.hits), pageviews: Number(row.pageviews), orders: Number(row.orders) },
  }))
  const key = (row: LakeRow) =>
    [row.merchant, row.breakdown, row.value, row.bucket, row._src, row._part].map(String).join('\n')
  return plain.sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0))
}

function byId(rows: readonly LakeRow[]) {
  return [...rows].sort((a, b) => (String(a.id) < String(b.id) ? -1 : 1))
}
