import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemTimers } from '../../core/adapters/node/system.ts'
import { dayMs, eventTime, hourMs } from '../../core/event-time.ts'
import { firstGenerations, type GenerationMap } from '../../core/generations.ts'
import type { MerchantId } from '../../core/ids.ts'
import type { ErasedHits } from '../../core/ports/erasure-store.ts'
import { hitRow, hourlyRow, snapshotView } from '../../core/ports/lake.contract.ts'
import type { DeriveWork } from '../../core/ports/lake.ts'
import { answeredBy } from '../../core/ports/query-engine-under-test.ts'
import { kmvEstimate } from '../../core/sketch/kmv.ts'
import { loadBucket, quantileOf } from '../../core/sketch/quantiles.ts'
import type { LakeRow } from '../../core/tables.ts'
import { visitsRule } from '../../core/visits.ts'
import { hitsTable, sessionsTable, totalSketchSize } from '../../schemas/tables.ts'
import { createTrinoQueryEngine } from '../adapters/trino/query-engine.ts'
import { ensureViews } from '../adapters/trino/views.ts'
import { quotedName } from '../core/sql/printer.ts'
import { openTrinoLake, type TrinoLakeUnderTest } from './trino-lake-under-test.ts'

const noon = eventTime('2026-03-01T12:00:00Z')
const midnight = eventTime('2026-03-01T00:00:00Z')
const merchant = 'shop' as MerchantId

let under: TrinoLakeUnderTest
let viewSchema: string
beforeEach(async () => {
  under = await openTrinoLake()
  viewSchema = `${under.schema}_views`
})
afterEach(async () => {
  await under.trino.query(`DROP SCHEMA IF EXISTS ${under.catalog}.${viewSchema} CASCADE`)
  await under.close()
})

const ensure = (erased: readonly ErasedHits[] = [], generations = firstGenerations) =>
  ensureViews({ ...under, timers: systemTimers, viewSchema }, { erased, generations })
const view = (name: string) => [under.catalog, viewSchema, name].map(quotedName).join('.')
const money = (micros: bigint) => (Number(micros) / 1e6).toFixed(6)

describe('the views, where generations share the tables', () => {
  it('show each row of the generation that answers where it is, once', async () => {
    const lake = under.lake()
    const tea = 'tea' as MerchantId
    const places = [merchant, tea].flatMap((of) => [-1, 0, 1].map((days) => ({ of, days })))
    const each = [1, 2, 3].flatMap((_gen) => places.map((place) => ({ ...place, _gen })))
    const hits = each.map(({ of, days, _gen }, n) =>
      hitRow({ id: `${of} ${days} ${_gen}`, merchant: of, time: noon + days * dayMs, _off: n, _gen }),
    )
    const hourly = each.map(({ of, days, _gen }, n) =>
      hourlyRow({ merchant: of, bucket: noon + days * dayMs, hits: _gen, _off_from: n, _off_to: n, _gen }),
    )
    await lake.publish('hits', 1, [await lake.stage('hits', '1', hits)])
    await lake.publish('hourly', 1, [await lake.stage('hourly', '2', hourly)])
    const shown = async () => {
      const ids = await under.trino.query(`SELECT id FROM ${view('hits')}`)
      const numbers = await under.trino.query(
        `SELECT merchant || ' ' || CAST(date_diff('day', TIMESTAMP '2026-03-01 12:00:00 UTC', bucket) AS varchar) || ' ' || CAST(hits AS varchar) FROM ${view('hourly')}`,
      )
      return [ids.flat().map(String).sort(), numbers.flat().map(String).sort()]
    }
    await ensure()
    const all = (of: (place: { of: MerchantId; days: number }) => number) =>
      places.map((place) => `${place.of} ${place.days} ${of(place)}`).sort()
    expect(await shown()).toEqual([all(() => 1), all(() => 1)])
    await ensure([], {
      base: 1,
      entries: [
        { sink: 'hits', merchant: null, from: midnight, to: midnight + dayMs, generation: 2 },
        { sink: 'hourly', merchant: tea, from: null, to: midnight, generation: 3 },
      ],
    })
    expect(await shown()).toEqual([
      all(({ days }) => (days === 0 ? 2 : 1)),
      all(({ of, days }) => (of === tea && days < 0 ? 3 : 1)),
    ])
    // More places than there may be conditions.
    const others = Array.from({ length: 70 }, (_, n) => ({
      ...{ sink: 'hits', merchant: `m${n}` as MerchantId, from: midnight, to: null, generation: 3 },
    })) satisfies GenerationMap['entries']
    const own = { sink: 'hits', merchant: tea, from: midnight, to: null, generation: 2 } as const
    await ensure([], { base: 1, entries: [...others, own] })
    expect(await shown()).toEqual([all(({ of, days }) => (of === tea && days >= 0 ? 2 : 1)), all(() => 1)])
  })
})

describe('the view hits, where something is erased', () => {
  it('leaves out what is erased, and nothing that came later or is another merchant’s', async () => {
    const lake = under.lake()
    const rows = [
      hitRow({ id: 'gone', visitor: "v'1", received: noon, _off: 1 }),
      hitRow({ id: 'later', visitor: "v'1", received: noon + 1, _off: 2 }),
      hitRow({ id: 'other visitor', visitor: 'v2', received: noon, _off: 3 }),
      hitRow({ id: 'gone by user', visitor: 'v3', user: 'u', received: noon, _off: 4 }),
      hitRow({ id: 'tea', merchant: 'tea', visitor: "v'1", received: noon, _off: 5 }),
    ]
    await lake.publish('hits', 1, [await lake.stage('hits', '1', rows)])
    const ids = async () => (await under.trino.query(`SELECT id FROM ${view('hits')}`)).flat().sort()
    await ensure()
    expect(await ids()).toHaveLength(rows.length)
    await ensure([
      { merchant, subject: { kind: 'visitor', value: "v'1" }, through: noon },
      { merchant, subject: { kind: 'user', value: 'u' }, through: noon },
    ])
    expect(await ids()).toEqual(['later', 'other visitor', 'tea'])
    const everyone = { merchant, subject: { kind: 'merchant' }, through: noon } as const
    await ensure([everyone])
    expect(await ids()).toEqual(['later', 'tea'])
  })
})

describe('the view hourly', () => {
  it('has the numbers that the gateway answers', async () => {
    await ensure()
    const lake = under.lake()
    const hashes = (count: number) =>
      Array.from({ length: count }, () => randomBytes(8).readBigUInt64LE() & (2n ** 63n - 1n)).sort((a, b) =>
        a < b ? -1 : 1,
      )
    const many = hashes(3 * totalSketchSize)
    const loads = (...ms: number[]) => ms.map(loadBucket).map((bucket) => ({ bucket, n: 1n }))
    const rows: LakeRow[] = [
      hourlyRow({
        visitors: [1n, 2n],
        revenue_micros: 12_990_001n,
        orders: 1,
        load: loads(-40, 0, 120, 300),
        other_revenue: [
          { currency: 'GBP', micros: 1n },
          { currency: 'USD', micros: 2_500_000n },
        ],
      }),
      hourlyRow({
        visitors: [2n, 3n],
        revenue_micros: -1n,
        load: loads(120, 4_000, 90_000),
        other_revenue: [{ currency: 'USD', micros: -500_000n }],
        _off_from: 1,
        _off_to: 1,
        _part: 1,
      }),
      // United, more than a sketch holds; each alone is less or just as much.
      hourlyRow({ bucket: noon + hourMs, visitors: many.slice(0, totalSketchSize) }),
      hourlyRow({ bucket: noon + hourMs, visitors: many.slice(totalSketchSize, 2 * totalSketchSize), _part: 1 }),
      // Exactly full, exactly one short of it, none at all.
      hourlyRow({ bucket: noon + 2 * hourMs, visitors: many.slice(0, totalSketchSize) }),
      hourlyRow({ bucket: noon + 3 * hourMs, visitors: many.slice(0, totalSketchSize - 1), load: loads(0) }),
      hourlyRow({ bucket: noon + 4 * hourMs, visitors: null, revenue_micros: null, orders: null, load: null }),
      // Not to be seen.
      hourlyRow({ _gen: 2, hits: 1_000 }),
    ]
    const half = rows.length / 2
    await lake.publish('hourly', 1, [await lake.stage('hourly', '1', rows.slice(0, half))])
    const { snapshot } = await lake.publish('hourly', 2, [await lake.stage('hourly', '2', rows.slice(half))])
    const engine = createTrinoQueryEngine({ ...under, timers: systemTimers })
    const starts = [0, 1, 2, 3, 4].map((n) => noon + n * hourMs)
    const groups = await engine.hits(
      {
        from: 'rollup',
        generations: answeredBy(1),
        merchant,
        breakdown: 'total',
        pieces: starts.map((start, bucket) => ({ bucket, start, end: start + hourMs, stored: null })),
        dimensions: [],
        filter: null,
        parts: ['visitors', 'load', 'otherRevenue'],
        sketchSize: totalSketchSize,
        maxGroups: 100,
        hourly: snapshotView('hourly', snapshot),
        daily: snapshotView('daily', null),
      },
      {},
    )
    const seen = await under.trino.query(
      `SELECT to_unixtime(bucket) * 1000, hits, pageviews, visitors, orders, revenue,
  CAST(other_revenue AS json), load_p50, load_p75, load_p95, load_p99
FROM ${view('hourly')} WHERE merchant = 'shop' AND breakdown = 'total' AND "value" = '' ORDER BY bucket`,
    )
    const told = seen.map((row) => [
      ...row.slice(0, 6),
      (JSON.parse(row[6] as string) as object[]).map((each) => Object.values(each)),
      ...row.slice(7).map(rounded),
    ])
    expect(told).toEqual(
      groups
        .toSorted((a, b) => a.bucket - b.bucket)
        .map((group) => [
          starts[group.bucket],
          Number(group.hits),
          Number(group.pageviews),
          kmvEstimate(group.visitors?.kept ?? 0, group.visitors?.largest ?? null, totalSketchSize).count,
          Number(group.orders),
          money(group.revenueMicros),
          (group.otherRevenue ?? []).map(({ currency, micros }) => [currency, Number(micros) / 1e6]),
          ...[0.5, 0.75, 0.95, 0.99].map((q) => rounded(quantileOf(group.load ?? [], q))),
        ]),
    )
    expect(seen).toHaveLength(starts.length)
    expect(told[0]?.slice(1, 7)).toEqual([
      2,
      2,
      3,
      1,
      '12.990000',
      [
        ['GBP', 0.000001],
        ['USD', 2],
      ],
    ])
    expect(Math.abs((seen[0]?.[7] as number) - 120)).toBeLessThan(1.2)
    expect(seen[1]?.[3]).toBeGreaterThan(1.8 * totalSketchSize)
    expect(seen[3]?.[3]).toBe(totalSketchSize - 1)
    expect(seen[3]?.slice(7)).toEqual([0, 0, 0, 0])
    expect(seen[4]?.slice(3)).toEqual([0, 0, '0.000000', '[]', null, null, null, null])
  })
})

/** Engines' powers may differ in their last digit. */
const rounded = (value: unknown) => (value === null ? null : Number((value as number).toPrecision(12)))

describe('the views of derived tables', () => {
  const derive = (work: Pick<DeriveWork, 'table' | 'id'>, snapshot: string, from: 'hourly' | 'hits') =>
    under.lake().derive({
      ...work,
      generations: firstGenerations,
      erased: [],
      rule: visitsRule,
      units: [0, 1].map((day) => ({ merchant, start: midnight + day * dayMs, end: midnight + (day + 1) * dayMs })),
      view: snapshotView(from, snapshot),
    })

  it('daily has what the newest derivation of each day made of it, as finished numbers', async () => {
    await ensure()
    const lake = under.lake()
    const first = [
      hourlyRow({ visitors: [1n], revenue_micros: 5n, load: [{ bucket: loadBucket(80), n: 3n }] }),
      hourlyRow({ bucket: noon + dayMs, visitors: [1n] }),
    ]
    const one = await lake.publish('hourly', 1, [await lake.stage('hourly', '1', first)])
    await derive({ table: 'daily', id: 1 }, one.snapshot, 'hourly')
    const late = [
      hourlyRow({ bucket: noon + hourMs, visitors: [1n, 7n], revenue_micros: 1n, _off_from: 9, _off_to: 9 }),
    ]
    const two = await lake.publish('hourly', 2, [await lake.stage('hourly', '2', late)])
    await derive({ table: 'daily', id: 2 }, two.snapshot, 'hourly')
    const seen = await under.trino.query(
      `SELECT to_unixtime(bucket) * 1000, to_unixtime(bucket_end) * 1000, hits, visitors, revenue, abs(load_p99 - 80) <= 0.8
FROM ${view('daily')} WHERE merchant = 'shop' AND breakdown = 'total' ORDER BY bucket`,
    )
    expect(seen).toEqual([
      [midnight, midnight + dayMs, 2, 2, '0.000006', true],
      [midnight + dayMs, midnight + 2 * dayMs, 1, 1, expect.any(String), null],
    ])
  })

  it('sessions has the visits of the newest derivation of each day', async () => {
    await ensure()
    const lake = under.lake()
    const at = (time: number, change: LakeRow) => hitRow({ time, bot: false, session: null, visitor: 'v', ...change })
    const first = [at(noon, { id: 'a' }), at(noon + dayMs, { id: 'b', _idx: 1 })]
    const one = await lake.publish('hits', 1, [await lake.stage('hits', '1', first)])
    await derive({ table: 'sessions', id: 1 }, one.snapshot, 'hits')
    const late = [at(noon + 60_000, { id: 'c', _idx: 2 })]
    const two = await lake.publish('hits', 2, [await lake.stage('hits', '2', late)])
    // Only the day that changed.
    await under.lake().derive({
      table: 'sessions',
      id: 2,
      generations: firstGenerations,
      erased: [],
      rule: visitsRule,
      units: [{ merchant, start: midnight, end: midnight + dayMs }],
      view: snapshotView('hits', two.snapshot),
    })
    const seen = await under.trino.query(
      `SELECT to_unixtime("start") * 1000, hits, bounce, duration_ms FROM ${view('sessions')} WHERE merchant = 'shop' ORDER BY "start"`,
    )
    expect(seen).toEqual([
      [noon, 2, false, 60_000],
      [noon + dayMs, 1, true, 0],
    ])
    const columns = await under.trino.query(`SHOW COLUMNS FROM ${view('sessions')}`)
    expect(columns.map(([name]) => name)).toEqual(sessionsTable.columns.map(({ name }) => name))
    // Until the day is derived anew: what ended by then.
    await ensure([{ merchant, subject: { kind: 'visitor', value: 'v' }, through: noon + 60_000 }])
    const left = await under.trino.query(`SELECT to_unixtime("start") * 1000 FROM ${view('sessions')}`)
    expect(left).toEqual([[noon + dayMs]])
  })
})

describe('the view hits', () => {
  it('has every column of the generation in force', async () => {
    await ensure()
    const lake = under.lake()
    const rows = [hitRow({ id: 'seen' }), hitRow({ id: 'of a rerun', _gen: 2, _idx: 1 })]
    await lake.publish('hits', 1, [await lake.stage('hits', '1', rows)])
    expect(await under.trino.query(`SELECT id FROM ${view('hits')}`)).toEqual([['seen']])
    const columns = await under.trino.query(`SHOW COLUMNS FROM ${view('hits')}`)
    expect(columns.map(([name]) => name)).toEqual(hitsTable.columns.map(({ name }) => name))
  })
})

describe('making the views', () => {
  it('may be done by several processes at once, and again', async () => {
    await Promise.all([ensure(), ensure(), ensure()])
    await ensure()
    const names = await under.trino.query(`SHOW TABLES FROM ${under.catalog}.${viewSchema}`)
    expect(names.flat().sort()).toEqual(['daily', 'hits', 'hourly', 'sessions'])
  })
})
