/** Every number of every breakdown in `hourly`, merged, equals a recount of the rows of `hits`. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { quantiles } from '../../core/aggregates/quantiles.ts'
import { top } from '../../core/aggregates/top.ts'
import { hourMs } from '../../core/event-time.ts'
import type { Hit } from '../../core/hit.ts'
import { breakdowns } from '../../core/ports/query-engine.ts'
import { kmvUnion } from '../../core/sketch/kmv.ts'
import type { LakeRow, LakeValue } from '../../core/tables.ts'
import { breakdownSketchSize, totalSketchSize } from '../../schemas/tables.ts'
import { at, batch, createWorld, drain, hit, push, receivedAt, rowsOf } from './support/world.ts'

const load = quantiles()
const otherRevenue = top({ value: 'currency', weight: 'micros' })

interface Numbers {
  hits: bigint
  pageviews: bigint
  orders: bigint
  revenue: bigint
  visitors: readonly bigint[]
  load: ReturnType<typeof load.create>
  otherRevenue: ReturnType<typeof otherRevenue.create>
}

/** By `bucket breakdown value`. */
class Table {
  readonly #groups = new Map<string, Numbers>()

  at(bucket: number, breakdown: string, value: string): Numbers {
    const key = JSON.stringify([bucket, breakdown, value])
    const nothing = { hits: 0n, pageviews: 0n, orders: 0n, revenue: 0n, visitors: [] }
    const found = this.#groups.get(key) ?? { ...nothing, load: load.create(), otherRevenue: otherRevenue.create() }
    this.#groups.set(key, found)
    return found
  }

  results(): ReadonlyMap<string, unknown> {
    const finished = [...this.#groups].map(([key, numbers]) => {
      const lists = { load: load.result(numbers.load), otherRevenue: otherRevenue.result(numbers.otherRevenue) }
      return [key, { ...numbers, ...lists }] as const
    })
    return new Map(finished)
  }
}

const whole = (value: LakeValue | undefined) => BigInt((value ?? 0) as number)
const sketchSize = (breakdown: string) => (breakdown === 'total' ? totalSketchSize : breakdownSketchSize)

function ofRollup(rows: readonly LakeRow[]): ReadonlyMap<string, unknown> {
  const table = new Table()
  for (const row of rows) {
    const breakdown = String(row.breakdown)
    const into = table.at(Number(row.bucket), breakdown, String(row.value))
    into.hits += whole(row.hits)
    into.pageviews += whole(row.pageviews)
    into.orders += whole(row.orders)
    into.revenue += whole(row.revenue_micros)
    into.visitors = kmvUnion(into.visitors, row.visitors as readonly bigint[], sketchSize(breakdown))
    into.load = load.merge(into.load, load.fromLake(row.load ?? null))
    into.otherRevenue = otherRevenue.merge(into.otherRevenue, otherRevenue.fromLake(row.other_revenue ?? null))
  }
  return table.results()
}

function ofHits(rows: readonly LakeRow[]): ReadonlyMap<string, unknown> {
  const table = new Table()
  for (const row of rows.filter(({ bot }) => bot === false)) {
    const bucket = Math.floor(Number(row.time) / hourMs) * hourMs
    const { name, source, country, device, browser, campaign } = row
    const values: Readonly<Record<string, LakeValue | undefined>> = {
      ...{ total: '', name, page: row.path, source, country, device, browser, campaign },
    }
    for (const breakdown of ['total', ...breakdowns]) {
      const into = table.at(bucket, breakdown, String(values[breakdown] ?? ''))
      into.hits += 1n
      if (name === 'page_view') into.pageviews += 1n
      if (name === 'purchase') into.orders += 1n
      into.revenue += whole(row.revenue_home_micros)
      into.visitors = kmvUnion(into.visitors, [whole(row.visitor_hash)], sketchSize(breakdown))
      into.load = load.add(into.load, row.load_bucket === null ? null : Number(row.load_bucket))
      const foreign = row.revenue_currency === row.currency ? null : (row.revenue_currency as string | null)
      into.otherRevenue = otherRevenue.add(into.otherRevenue, { value: foreign, weight: whole(row.revenue_micros) })
    }
  }
  return table.results()
}

const aHit: fc.Arbitrary<Hit> = fc
  .record({
    time: fc.integer({ min: -3 * hourMs, max: 0 }),
    name: fc.constantFrom('page_view', 'purchase', 'custom'),
    visitor: fc.constantFrom('v1', 'v2', 'v3'),
    url: fc.constantFrom(
      null,
      'https://shop.example/',
      'https://shop.example/a',
      'https://shop.example/a?utm_campaign=x',
    ),
    referrer: fc.constantFrom(null, 'https://www.google.com/', 'https://friend.example/'),
    load: fc.constantFrom(undefined, 0, 12, 12.1, 900, -1, 'slow'),
    revenue: fc.option(fc.record({ micros: fc.bigInt(-5n, 5n), currency: fc.constantFrom('EUR', 'USD', 'CHF') })),
    campaign: fc.option(fc.constantFrom('spring', 'autumn')),
    bot: fc.boolean(),
  })
  .map(({ time, load: load_ms, campaign: name, bot, ...rest }) =>
    hit({
      ...rest,
      time: at(time),
      props: load_ms === undefined ? {} : { load_ms },
      context: {
        ...{ userAgent: bot ? 'a bot' : 'UA', language: null, screen: null, timeZone: null },
        campaign: name && { source: 'mail', medium: null, name, term: null, content: null },
      },
    }),
  )

describe('every breakdown of hourly', () => {
  it('merged equals a recount of hits, however they are cut into batches and epochs', async () => {
    const histories = fc.array(fc.array(aHit, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(histories, fc.integer({ min: 1, max: 20 }), async (batches, epochMaxHits) => {
        const world = await createWorld()
        for (const [b, hits] of batches.entries()) {
          const own = hits.map((each, n) => ({ ...each, id: `${b}-${n}` }))
          push(world, [batch(own, { received: receivedAt(b) })])
        }
        await drain(world, { epochMaxHits })
        const rollup = await rowsOf(world, 'hourly')
        expect(rollup.every(({ other }) => other === false)).toBe(true)
        expect(ofRollup(rollup)).toEqual(ofHits(await rowsOf(world, 'hits')))
      }),
      { numRuns: 60 },
    )
  })
})
