/**
 * What every lake promises of rewrites, as tests. Rows of derived tables are brought in as publications here: how they came
 * to be makes no difference. `open` gives a lake on empty stores.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dayMs, eventTime, hourMs, utcDay } from '../../core/event-time.ts'
import { hitRow, hourlyRow } from '../../core/ports/lake.contract.ts'
import type { LakeMaintainer, LakeWriter } from '../../core/ports/lake.ts'
import type { LakeRow, LakeValue, TableName } from '../../core/tables.ts'
import { tables } from '../../schemas/tables.ts'
import { foldRows } from './fold.ts'
import { cutValues } from './fold-cut.ts'

export interface LakeRewriteUnderTest {
  open(options: { readonly maxValues: number }): Promise<{
    readonly lake: Pick<LakeWriter, 'stage' | 'publish'> &
      Pick<LakeMaintainer, 'lastPublish' | 'partitions' | 'rewrite'>
    /** All rows of the snapshot, as they read back. */
    rows(table: TableName, snapshot: string): Promise<readonly LakeRow[]>
  }>
  /** Drawn data sets. */
  readonly runs: number
}

const noon = eventTime('2026-03-01T12:00:00Z')
const day = utcDay(noon)
const partition = { generation: 1, period: day }
const march = { generation: 1, period: (2026 - 1970) * 12 + 2 }

export function lakeRewriteContract(name: string, under: LakeRewriteUnderTest): void {
  async function opened(maxValues = 1_000) {
    const { lake, rows } = await under.open({ maxValues })
    let file = 0
    let publication = 0
    return {
      lake,
      rows,
      async publish(table: TableName, given: readonly LakeRow[]): Promise<string> {
        const staged = await lake.stage(table, `staged/${table}-${file++}`, given)
        return (await lake.publish(table, ++publication, [staged])).snapshot
      },
      async rewritten(table: TableName, of: typeof partition) {
        const done = await lake.rewrite(table, of)
        if (done === null) throw new Error('there was nothing to do')
        return { ...done, rows: await rows(table, done.snapshot) }
      },
    }
  }

  describe(`rewrites, ${name}`, () => {
    it('have nothing to do where there is no such partition, or one file only', async () => {
      const { lake, publish } = await opened()
      expect(await lake.rewrite('hits', partition)).toBeNull()
      expect(await lake.partitions('hits')).toEqual([])
      await publish('hits', [hitRow(), hitRow({ _off: 1 })])
      expect(await lake.rewrite('hits', partition)).toBeNull()
      expect(await lake.rewrite('hits', { generation: 2, period: day })).toBeNull()
    })

    it('make one file of many, every row as it was; other partitions stay as they are', async () => {
      const { lake, publish, rows, rewritten } = await opened()
      for (let n = 0; n < 3; n++) {
        const given = { _off: n, id: String(n) }
        await publish('hits', [hitRow(given), hitRow({ ...given, _idx: 1, time: noon + dayMs })])
      }
      const before = await rows('hits', await publish('hits', [hitRow({ _off: 9, id: '9', merchant: 'aaa' })]))
      const after = await rewritten('hits', partition)
      expect(sorted(after.rows)).toEqual(sorted(before))
      expect(after.truncated).toEqual([])
      expect((await lake.partitions('hits')).map(({ bytes, ...rest }) => ({ ...rest, isBig: bytes > 0 }))).toEqual([
        { ...partition, files: 1, rows: 4, isBig: true },
        { generation: 1, period: day + 1, files: 3, rows: 3, isBig: true },
      ])
      expect(await lake.rewrite('hits', partition)).toBeNull()
    })

    it('do not hide what was published: a publication that is repeated is found, and the next one counts on', async () => {
      const { lake, rows, publish, rewritten } = await opened()
      const one = await lake.stage('hits', 'staged/one', [hitRow({ id: 'one' })])
      await lake.publish('hits', 41, [one])
      await lake.publish('hits', 42, [await lake.stage('hits', 'staged/two', [hitRow({ id: 'two', _off: 1 })])])
      await rewritten('hits', partition)
      await lake.publish('hits', 41, [one])
      expect((await rewritten('hits', partition).catch(() => null))?.rows ?? []).toEqual([])
      expect(await lake.lastPublish('hits')).toBe(42)
      expect(await lake.lastPublish('failed_hits')).toBe(0)
      expect(ids(await rows('hits', await publish('hits', [hitRow({ id: 'three', _off: 2 })])))).toEqual([
        'one',
        'three',
        'two',
      ])
    })

    it('leave the snapshots there were: who reads one of them still finds its rows', async () => {
      const { rows, publish, rewritten } = await opened()
      const first = await publish('hits', [hitRow({ id: 'one' })])
      const second = await publish('hits', [hitRow({ id: 'two', _off: 1 })])
      await rewritten('hits', partition)
      expect(ids(await rows('hits', first))).toEqual(['one'])
      expect(ids(await rows('hits', second))).toEqual(['one', 'two'])
    })

    it('take rows from before a column was there: their lists and flags are null and count as nothing', async () => {
      const { publish, rewritten } = await opened()
      await publish('hourly', [hourlyRow({ load: null, other_revenue: null, other: null })])
      await publish('hourly', [
        hourlyRow({ load: [{ bucket: 3, n: 2n }], other_revenue: [{ currency: 'USD', micros: 5n }], other: false }),
      ])
      const { rows } = await rewritten('hourly', partition)
      expect(rows).toMatchObject([
        { hits: 2, load: [{ bucket: 3, n: 2n }], other_revenue: [{ currency: 'USD', micros: 5n }], other: false },
      ])
    })

    it('leave out rows of a derived unit that a newer derivation superseded, and only those', async () => {
      const { publish, rewritten } = await opened()
      const visit = (merchant: string, hits: number, start: number = noon) => ({
        merchant,
        start,
        end: start,
        hits,
        _gen: 1,
      })
      await publish('sessions', [visit('a', 1), visit('a', 1, noon + hourMs), visit('b', 1)])
      await publish('sessions', [visit('a', 2)])
      expect(summary((await rewritten('sessions', partition)).rows)).toEqual(['a 2', 'b 1'])

      const local = (merchant: string, hits: number, bucket: number): LakeRow => ({
        ...hourlyRow({ merchant, hits, bucket }),
        bucket_end: bucket + dayMs,
      })
      const midnight: number = noon - 12 * hourMs
      await publish('daily', [local('a', 1, midnight), local('a', 1, midnight + dayMs), local('b', 1, midnight)])
      await publish('daily', [local('a', 2, midnight), { ...local('a', 5, midnight), breakdown: 'name', value: 'x' }])
      expect(summary((await rewritten('daily', march)).rows)).toEqual(['a 1', 'a 2', 'a 5', 'b 1'])
    })

    it('keep of a long breakdown the values with most hits; the rest is one row, and said', async () => {
      const { publish, rewritten } = await opened(2)
      const page = (value: string, hits: number, change: LakeRow = {}) =>
        hourlyRow({ breakdown: 'page', value, hits, visitors: [BigInt(hits)], ...change })
      await publish('hourly', [page('/a', 1), page('/b', 2), page('/c', 3), hourlyRow({ hits: 10 })])
      await publish('hourly', [
        page('/a', 4, { bucket: noon + hourMs }),
        page('/d', 2),
        page('/x', 1, { merchant: 'other' }),
        page('/y', 1, { merchant: 'other' }),
      ])
      const { rows, truncated } = await rewritten('hourly', partition)
      expect(truncated).toEqual([{ merchant: 'shop', day }])
      const found = rows.map((row) => [row.merchant, row.breakdown, row.value, row.other, row.hits, row.visitors])
      expect(found.sort()).toEqual(
        [
          ['other', 'page', '/x', false, 1, [1n]],
          ['other', 'page', '/y', false, 1, [1n]],
          ['shop', 'page', '', true, 4, [2n]],
          ['shop', 'page', '/a', false, 1, [1n]],
          ['shop', 'page', '/a', false, 4, [4n]],
          ['shop', 'page', '/c', false, 3, [3n]],
          ['shop', 'total', '', false, 10, [1n]],
        ].sort(),
      )
    })

    it('fold as the reference does, whatever the parts and in however many publications and rewrites they came', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(hourlyPart, { minLength: 2, maxLength: 24 }), fc.nat(), async (parts, seed) => {
          const { publish, rows, lake } = await opened(3)
          const given = parts.map((part, n) => hourlyRow({ ...part, _off_from: n, _off_to: n }))
          let snapshot = ''
          for (let from = 0, n = seed; from < given.length; n = (n * 7 + 3) % 11) {
            const next = from + 1 + (n % 6)
            snapshot = await publish('hourly', given.slice(from, next))
            from = next
          }
          const done = await lake.rewrite('hourly', partition)
          const found = await rows('hourly', done?.snapshot ?? snapshot)
          const cut = cutValues(tables.hourly, given, 3)
          if (done !== null) expect(done.truncated.map(({ merchant }) => merchant)).toEqual(cut.truncated)
          expect(measures(found)).toEqual(measures(foldRows(tables.hourly, cut.rows)))
        }),
        { numRuns: under.runs },
      )
    })
  })
}

const hash = fc.bigInt({ min: 0n, max: 40n })
const hourlyPart: fc.Arbitrary<LakeRow> = fc
  .record({
    merchant: fc.constantFrom('a', 'ü', '😀'),
    bucket: fc.constantFrom<number>(noon, noon + hourMs),
    breakdown: fc.constantFrom('total', 'page', 'name'),
    value: fc.constantFrom('', 'x', 'é', '～', '😀', "it's"),
    hits: fc.option(fc.integer({ min: 0, max: 50 })),
    orders: fc.option(fc.integer({ min: 0, max: 3 })),
    revenue_micros: fc.option(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n })),
    visitors: fc.option(fc.uniqueArray(hash, { maxLength: 6 }).map((list) => list.sort((x, y) => Number(x - y)))),
    load: fc.option(
      fc
        .uniqueArray(fc.record({ bucket: fc.integer({ min: -3, max: 9 }), n: fc.bigInt({ min: 1n, max: 9n }) }), {
          selector: ({ bucket }) => bucket,
          maxLength: 5,
        })
        .map((list): LakeValue => list.sort((x, y) => x.bucket - y.bucket)),
    ),
    other_revenue: fc.option(
      fc
        .uniqueArray(
          fc.record({
            currency: fc.constantFrom('CHF', 'JPY', 'USD'),
            micros: fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }),
          }),
          { selector: ({ currency }) => currency, maxLength: 3 },
        )
        .map((list): LakeValue => list.sort((x, y) => (x.currency < y.currency ? -1 : 1))),
    ),
    other: fc.constantFrom(null, false, false, true),
    _part: fc.integer({ min: 0, max: 1 }),
  })
  .map((part) => (part.breakdown === 'total' || part.other === true ? { ...part, value: '' } : part))

/** All but what publications add, in an order of its own. */
function measures(rows: readonly LakeRow[]): unknown[] {
  return sorted(
    rows.map(({ _publish, _row, ...row }) =>
      Object.fromEntries(
        Object.entries(row).map(([key, value]) => [key, typeof value === 'number' ? BigInt(value) : value]),
      ),
    ),
  )
}

function sorted(rows: readonly LakeRow[]): unknown[] {
  const text = (row: LakeRow) =>
    JSON.stringify(Object.entries(row).sort(), (_key, value) => (typeof value === 'bigint' ? `${value}n` : value))
  return rows.map(text).sort()
}

const ids = (rows: readonly LakeRow[]) => rows.map((row) => row.id).sort()
const summary = (rows: readonly LakeRow[]) => rows.map((row) => `${row.merchant} ${row.hits}`).sort()
