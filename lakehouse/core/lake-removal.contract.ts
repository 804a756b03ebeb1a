/** What every lake promises of taking rows out, as tests. `open` gives a lake on empty stores. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dayMs, eventTime, hourMs, minuteMs, utcDay } from '../../core/event-time.ts'
import { firstGenerations, type GenerationMap } from '../../core/generations.ts'
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
    readonly lake: Pick<LakeWriter, 'stage' | 'publish'> &
      Pick<LakeReader, 'currentSnapshot' | 'snapshots'> &
      LakeRemoval
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
      newest: async (table: TableName) => String(await lake.currentSnapshot(table)),
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
      expect(await lake.currentSnapshot('hits')).toBe(done?.snapshot)
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
        failed('at the moment', { visitor: 'v1', received: noon + hourMs }),
        failed('just after', { visitor: 'v1', received: noon + hourMs + 1 }),
      ])
      const which = [erased(visitor('v1'))]
      const at = { generation: null, period: day }
      expect(await lake.partitionsWith('failed_hits', which)).toEqual([at])
      const done = await lake.removeRows('failed_hits', at, which)
      const left = ['another', 'just after', 'nested', 'not JSON']
      expect(ids(await rows('failed_hits', String(done?.snapshot)))).toEqual(left)
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

    it('takes whole generations out of the tables that are partitioned by them, at once; all other rows stay', async () => {
      const { lake, rows, publish, newest } = await opened()
      expect(await lake.removeGenerations('hits', [1, 2])).toBeNull()
      const of = (id: string, _gen: number, days = 0) => hitRow({ id, _gen, time: noon + days * dayMs })
      const all = await publish('hits', [
        of('1', 1),
        of('2', 2),
        of('3', 3),
        of('2 later', 2, 40),
        of('1 later', 1, 40),
      ])
      await publish('hits', [of('2 again', 2)])
      const before = await rows('hits', await newest('hits'))
      const done = await lake.removeGenerations('hits', [4, 2])
      expect(done?.removed).toBe(3)
      expect(await newest('hits')).toBe(done?.snapshot)
      const stays = ({ _gen }: LakeRow) => _gen !== 2
      expect(byId(await rows('hits', String(done?.snapshot)))).toEqual(byId(before.filter(stays)))
      expect(await rows('hits', all)).toHaveLength(5)
      expect(await lake.removeGenerations('hits', [4, 2])).toBeNull()
      expect(await lake.removeGenerations('hits', [])).toBeNull()
      expect((await lake.removeGenerations('hits', [1, 3]))?.removed).toBe(3)
      expect(await rows('hits', await newest('hits'))).toEqual([])
    })

    it('takes rows of generations out of failed hits, which are not partitioned by them', async () => {
      const { lake, rows, publish } = await opened()
      const failed = (id: string, _gen: number) => ({
        ...{ merchant: shop, id, name: 'x', time: noon, received: noon, step: 'govern', reason: 'blocked' },
        ...{ original: '{}', _src: 'log', _part: 0, _off: 0, _idx: 0, _gen },
      })
      await publish('failed_hits', [failed('1', 1), failed('2', 2), failed('3', 3)])
      const dead = [{ generations: [2, 3, 9] }]
      const at = { generation: null, period: day }
      expect(await lake.partitionsWith('failed_hits', dead)).toEqual([at])
      const done = await lake.removeRows('failed_hits', at, dead)
      expect(done?.removed).toBe(2)
      expect(ids(await rows('failed_hits', String(done?.snapshot)))).toEqual(['1'])
      expect(await lake.partitionsWith('failed_hits', [...dead, { generations: [] }])).toEqual([])
      await expect(lake.removeGenerations('failed_hits', [2])).rejects.toThrow(RangeError)
      const many = Array.from({ length: removedRowsMax + 1 }, (_, n) => n + 2)
      expect(await lake.removeGenerations('hits', many.slice(1))).toBeNull()
      await expect(lake.removeGenerations('hits', many)).rejects.toThrow(RangeError)
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
    const recompute = async (lake: LakeRemoval & Pick<LakeReader, 'currentSnapshot'>, given: Given) =>
      lake.recomputeHourly(work({ hourly: (await lake.currentSnapshot('hourly')) ?? '1', ...given }))
    const recomputed = async (lake: LakeRemoval & Pick<LakeReader, 'currentSnapshot'>, given: Given) => {
      const done = await recompute(lake, given)
      if (done === null) throw new Error('the tables stand apart')
      return done
    }
    const work = (change: Given & Pick<RecomputeWork, 'hourly'>): RecomputeWork => ({
      generation: 1,
      hitGenerations: firstGenerations,
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
      expect(await lake.countedDays(view(snapshot), firstGenerations, [one])).toEqual([
        { merchant: shop, day: day - 1, hits: 1, erased: one },
        // An hour of UTC is cut by the bucket's midnight: a day too many.
        { merchant: shop, day, hits: 1, erased: one },
        { merchant: shop, day: day + 3, hits: 1, erased: one },
      ])
      const all = erased({ kind: 'merchant' }, { through: midnight + 4 * dayMs })
      const other = erased(visitor('v2'), { through })
      expect(
        (await lake.countedDays(view(snapshot), firstGenerations, [all, other])).map((each) => [each.erased, each.day]),
      ).toEqual([
        [all, day - 1],
        [all, day],
        [all, day + 3],
        // Received later, but the other erasure names it: a day too many.
        [all, day + 6],
        [other, day + 6],
      ])
      expect(await lake.countedDays(view(snapshot), firstGenerations, [])).toEqual([])
      expect(
        await lake.countedDays({ ...view(snapshot), snapshot: null }, firstGenerations, [erased(visitor('v1'))]),
      ).toEqual([])
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
              {
                merchants: [shop, tea],
                generation: 1,
                hitGenerations: firstGenerations,
                range: { start: day * dayMs, end: (day + 1) * dayMs },
              },
              stored.filter((row) => !isErased(row)),
            )
            const found = (await rows('hourly', done.snapshot)).filter(({ merchant }) => merchant !== 'third')
            expect(numbers(found)).toEqual(numbers(foldRows(hourlyTable, expected)))
          },
        ),
        { numRuns: under.runs },
      )
    })

    it('are of the hits that answer, and replace the hours of their own generation only', async () => {
      const { lake, rows, publish } = await opened()
      const given = [1, 2, 3].flatMap((_gen) =>
        [shop, tea].flatMap((merchant, m) =>
          // The last hour of the day ends after it.
          [0, 11 * hourMs + 45 * minuteMs, 12 * hourMs + 5 * minuteMs].map((later, n) =>
            hit(_gen * 100 + m * 10 + n, {
              merchant,
              time: noon + later,
              zone: 'Asia/Kolkata',
              path: `/${_gen}`,
              _gen,
            }),
          ),
        ),
      )
      const snapshot = await publish('hits', given)
      await publish('hourly', [
        hourlyRow({ hits: 10 }),
        hourlyRow({ hits: 20, _gen: 2 }),
        hourlyRow({ merchant: tea, _gen: 3 }),
      ])
      const midnight = (day + 1) * dayMs
      const hitGenerations: GenerationMap = {
        base: 1,
        entries: [
          { sink: 'hits', merchant: null, from: null, to: midnight, generation: 2 },
          { sink: 'hourly', merchant: null, from: null, to: null, generation: 1 },
          { sink: 'hits', merchant: tea, from: null, to: null, generation: 3 },
        ],
      }
      const days = [shop, tea].map((merchant) => ({ merchant, day }))
      const work = { generation: 2, hitGenerations, hits: view(snapshot), days, erased: [], publish: 2 }
      const done = await recomputed(lake, work)
      const found = await rows('hourly', done.snapshot)
      const told = (row: LakeRow) =>
        `${row.merchant} ${row._gen} ${new Date(Number(row.bucket)).toISOString().slice(11, 16)} ${row.value} ${row.hits}`
      expect(
        found
          .filter(({ breakdown, _gen }) => breakdown === 'page' && _gen === 2)
          .map(told)
          .sort(),
      ).toEqual([
        `${tea} 2 11:30 /3 1`,
        `${tea} 2 23:30 /3 2`,
        'shop 2 11:30 /2 1',
        'shop 2 23:30 /1 1',
        'shop 2 23:30 /2 1',
      ])
      expect(
        found
          .filter(({ _gen }) => _gen !== 2)
          .map(told)
          .sort(),
      ).toEqual([`${tea} 3 12:00  1`, 'shop 1 12:00  10'])
      const counted = await lake.countedDays(view(snapshot), hitGenerations, [
        erased({ kind: 'merchant' }, { through: noon + dayMs }),
        erased({ kind: 'merchant' }, { merchant: tea, through: noon + dayMs }),
      ])
      expect(counted.map((each) => [each.merchant, each.day, each.hits])).toEqual([
        [shop, day, 3],
        [shop, day + 1, 1],
        [tea, day, 3],
        [tea, day + 1, 1],
      ])
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
