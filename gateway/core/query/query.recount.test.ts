import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Asked, type AskedFilter, type KnownHit, recountQuery } from '../../../cli/test/support/recount-query.ts'
import { dayMs, utcDayText } from '../../../core/event-time.ts'
import { metricNames } from '../metrics.ts'
import { createWorld, type ShopHit, shop } from '../test/time-series-world.ts'

// The law: cold, warm and after any change, a query equals a recount of the hits that shares no code with it.
const now = '2026-04-05T06:07:08.009Z'
const earliest = Date.parse('2026-03-28T00:00:00Z')
const latest = Date.parse('2026-04-05T06:00:00Z')
const zones = ['Europe/Berlin', 'America/New_York', 'Asia/Kathmandu', 'Australia/Lord_Howe', 'UTC']
const valued = ['page', 'source', 'country', 'os', 'props.shoe', 'props.a"]\'/ \u{1f600}']

const text = fc.constantFrom('/', '/a', '/ab', 'DE', '', '\u{1f600}', '\uff5e', "';--")
const sentHit: fc.Arbitrary<KnownHit> = fc.record({
  time: fc.integer({ min: earliest, max: latest }).map((ms) => ms - (ms % 600_000)),
  name: fc.constantFrom('page_view', 'purchase', 'view_item'),
  visitor: fc.integer({ min: 1, max: 5 }).map(String),
  session: fc.option(fc.constantFrom('s1', 's2'), { freq: 4 }),
  bot: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  dimensions: fc.record(Object.fromEntries(valued.map((name) => [name, text]))),
  cents: fc.integer({ min: -500, max: 9_999 }),
  currency: fc.constantFrom('EUR', 'EUR', 'JPY'),
  loadMs: fc.option(fc.integer({ min: -5, max: 9_000 })),
})

// A session is named anew each day: of one that goes on for more than a day the recount knows nothing.
const knownHit = sentHit.map((hit) => ({ ...hit, session: hit.session && `${hit.session} ${dateOf(hit.time)}` }))

const leaf = fc.tuple(
  fc.constantFrom('is' as const, 'is_not' as const, 'contains' as const, 'contains_not' as const),
  fc.constantFrom(...valued, 'name', 'bot'),
  fc.array(fc.oneof(text, fc.constant(null), fc.constantFrom('page_view', 'true', 'a')), {
    minLength: 1,
    maxLength: 3,
  }),
)
const filter: fc.Arbitrary<AskedFilter> = fc.oneof(
  { weight: 3, arbitrary: leaf },
  fc.tuple(fc.constantFrom('and' as const, 'or' as const), fc.array(leaf, { minLength: 1, maxLength: 3 })),
  fc.tuple(fc.constant('not' as const), leaf),
) as fc.Arbitrary<AskedFilter>

const asked: fc.Arbitrary<Asked> = fc
  .record({
    metrics: fc.subarray([...metricNames], { minLength: 1 }),
    from: fc.integer({ min: 0, max: 8 }),
    days: fc.integer({ min: 0, max: 8 }),
    time: fc.option(fc.constantFrom('time:hour', 'time:day')),
    dimensions: fc.subarray([...valued, 'name', 'bot'], { maxLength: 2 }),
    filters: fc.array(filter, { maxLength: 2 }),
    timeZone: fc.constantFrom(...zones),
  })
  .map(({ from, days, time, dimensions, ...rest }) => ({
    ...rest,
    dateRange: [dateOf(earliest + from * dayMs), dateOf(earliest + (from + days) * dayMs)] as const,
    dimensions: time === null ? dimensions : [time, ...dimensions],
  }))

describe('queries and an independent recount', () => {
  it('are equal: cold, warm, and after each of several commits, in any zone', { timeout: 120_000 }, async () => {
    let questions = 0
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...zones),
        fc.array(fc.array(knownHit, { minLength: 1, maxLength: 25 }), { minLength: 2, maxLength: 2 }),
        fc.array(asked, { minLength: 5, maxLength: 5 }),
        async (zone, epochs, queries) => {
          const world = await createWorld(now)
          const merchant = shop('a', zone)
          const neighbour = shop('b', zone)
          const known: KnownHit[] = []
          for (const epoch of epochs) {
            known.push(...epoch)
            world.append(...epoch.flatMap((hit) => [shopHit(merchant, hit), shopHit(neighbour, hit)]))
            await world.commit()
            await world.versions.refresh()
            for (const query of queries) {
              const recounted = recountQuery(known, query, 'EUR')
              for (const repeat of ['cold', 'warm']) {
                questions += 1
                const reply = await world.query(merchant, { ...query, limit: 10_000 })
                expectEqual(reply.results, query, recounted, repeat)
                if (repeat === 'warm') expect(reply.meta.servedFrom).toMatchObject({ rollup: 0, raw: 0 })
              }
            }
          }
        },
      ),
      { numRuns: 25 },
    )
    expect(questions).toBeGreaterThanOrEqual(500)
  })
})

function expectEqual(
  rows: Awaited<ReturnType<Awaited<ReturnType<typeof createWorld>>['query']>>['results'],
  query: Asked,
  recounted: ReturnType<typeof recountQuery>,
  repeat: string,
): void {
  const what = `${repeat} ${JSON.stringify(query)}`
  const wanted = new Map(recounted)
  // Without dimensions there is a row of nothing too.
  if (query.dimensions.length === 0 && wanted.size === 0) {
    expect(rows, what).toHaveLength(1)
    return
  }
  expect(rows.map(({ dimensions }) => JSON.stringify(dimensions)).sort(), what).toEqual([...wanted.keys()].sort())
  for (const { dimensions, metrics } of rows) {
    const values = wanted.get(JSON.stringify(dimensions))?.values ?? {}
    query.metrics.forEach((metric, i) => {
      const [got, want] = [metrics[i] ?? null, values[metric] ?? null]
      const at = `${metric} of ${JSON.stringify(dimensions)}: ${what}`
      if (want === null || got === null) expect(got, at).toBe(want)
      else if (metric.startsWith('load_'))
        expect(Math.abs(Number(got) - want), at).toBeLessThanOrEqual(Math.abs(want) * 0.0101)
      else expect(Number(got), at).toBeCloseTo(want, 9)
    })
  }
}

function shopHit(merchant: ShopHit['merchant'], hit: KnownHit): ShopHit {
  const micros = BigInt(hit.cents) * 10_000n
  return {
    merchant,
    time: hit.time,
    name: hit.name,
    visitor: BigInt(hit.visitor),
    bot: hit.bot,
    dimensions: hit.dimensions as NonNullable<ShopHit['dimensions']>,
    micros: hit.currency === 'EUR' ? micros : 0n,
    ...(hit.currency === 'JPY' && { otherRevenue: { currency: 'JPY', micros } }),
    ...(hit.session !== null && { session: hit.session }),
    ...(hit.loadMs !== null && { loadMs: hit.loadMs }),
  }
}

function dateOf(ms: number): string {
  return utcDayText(Math.floor(ms / dayMs))
}
