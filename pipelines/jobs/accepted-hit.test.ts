import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { EventTime, ReceivedTime } from '../../core/event-time.ts'
import type { Campaign, ClientHints, FeedHit, HitContext, Item, PropValue, Revenue } from '../../core/hit.ts'
import type { MerchantId, Offset } from '../../core/ids.ts'
import type { LakeRow } from '../../core/tables.ts'
import { plainRow } from '../../lakehouse/core/plain-row.ts'
import { failedHitsTable, hitsTable } from '../../schemas/tables.ts'
import type { RunFacts } from '../plan/sinks.ts'
import { acceptedColumns, acceptedHit, acceptedHitOfFailed } from './accepted-hit.ts'
import { type EnrichContext, enrich } from './enrich.ts'
import { failedHits, hits } from './hit-sinks.ts'
import { createUserAgentReader } from './user-agent.ts'

const context: EnrichContext = {
  visitorSeed: (merchant) => merchant,
  visitorHash: (seed, visitor) => BigInt(seed.length * 1_000 + visitor.length),
  country: (prefix) => (prefix === null ? null : prefix.slice(0, 2)),
  userAgents: createUserAgentReader(),
}

const orNull = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: null })
const text = fc.oneof(fc.string({ maxLength: 12 }), fc.constantFrom('', ' ', '"', '\\', 'ä', '𝒳', '{', '\u2028'))
const micros = fc.bigInt(-(10n ** 18n) + 1n, 10n ** 18n - 1n)
// JSON has no -0, and no other value is one.
const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (value === 0 ? 0 : value))
const agent = fc.constantFrom(
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148',
  'Googlebot/2.1',
  '',
)
const hints = fc.record<ClientHints>({
  brands: orNull(fc.constantFrom('"Microsoft Edge";v="126"', '"Chromium";v="126"', '')),
  mobile: orNull(fc.constantFrom('?0', '?1')),
  platform: orNull(fc.constantFrom('"Windows"', '"Linux"')),
  platformVersion: orNull(text),
  model: orNull(text),
})

const someHit: fc.Arbitrary<FeedHit> = fc.record({
  id: text,
  name: fc.constantFrom('page_view', 'purchase', 'search'),
  time: fc.integer({ min: 0, max: 2_000_000_000_000 }).map((ms) => ms as EventTime),
  visitor: text,
  session: orNull(text),
  user: orNull(text),
  url: orNull(fc.oneof(text, fc.constantFrom('https://shop.example/a?utm_source=x&gclid=1', '/b#c'))),
  referrer: orNull(fc.oneof(text, fc.constantFrom('https://t.co/', 'https://www.google.com/search?q=a'))),
  title: orNull(text),
  revenue: orNull(fc.record<Revenue>({ micros, currency: fc.constantFrom('EUR', 'USD') })),
  items: fc.array(
    fc.record<Item>({ id: orNull(text), name: orNull(text), quantity: orNull(number), priceMicros: orNull(micros) }),
    { maxLength: 3 },
  ),
  props: fc.dictionary(
    fc.oneof(text, fc.constantFrom('load_ms', '1', '0')),
    fc.oneof<fc.Arbitrary<PropValue>[]>(text, number, fc.boolean(), fc.constant(null)),
    { maxKeys: 4, noNullPrototype: true },
  ),
  context: orNull(
    fc.record<HitContext>({
      userAgent: orNull(agent),
      language: orNull(text),
      screen: orNull(text),
      timeZone: orNull(text),
      campaign: orNull(
        fc.record<Campaign>({
          ...{ source: orNull(text), medium: orNull(text), name: orNull(text) },
          ...{ term: orNull(text), content: orNull(text) },
        }),
      ),
    }),
  ),
  merchant: fc.constantFrom('shop', 'other').map((id) => id as MerchantId),
  zone: fc.constantFrom('UTC', 'Asia/Kolkata'),
  currency: fc.constantFrom('EUR', 'USD'),
  received: fc.integer({ min: 0, max: 2_000_000_000_000 }).map((ms) => ms as ReceivedTime),
  addressPrefix: orNull(fc.constantFrom('203.0.113.0/24', '2001:db8::/48')),
  requestUserAgent: orNull(agent),
  requestLanguage: orNull(text),
  requestClientHints: orNull(hints),
  keyKind: fc.constantFrom('browser' as const, 'server' as const),
  source: fc.constantFrom('log-1', 'log-2'),
  position: fc.record({
    partition: fc.integer({ min: 0, max: 9 }),
    offset: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }).map((offset) => offset as Offset),
    index: fc.integer({ min: 0, max: 999 }),
  }),
})

const runOf = ({ source, position }: FeedHit, changes: Partial<RunFacts> = {}): RunFacts => ({
  ...{ plan: 'p1', dataSets: '{}', source, partition: position.partition, generation: 1 },
  ...changes,
})
/** As it is read back. */
const rowOf = (hit: FeedHit, changes: Partial<RunFacts> = {}): LakeRow =>
  plainRow(hitsTable.columns, hits.toRow(enrich(hit, context), runOf(hit, changes)))
const failedRowOf = (hit: FeedHit): LakeRow =>
  plainRow(
    failedHitsTable.columns,
    failedHits.toRow({ kind: 'refused', step: 'govern', reason: 'blocked_name', row: hit }, runOf(hit)),
  )

describe('a hit read back from its row', () => {
  it('makes the same row again, but for plan, data sets and generation', () => {
    fc.assert(
      fc.property(someHit, (hit) => {
        const row = rowOf(hit)
        const again = rowOf(acceptedHit(row), { plan: 'p2', dataSets: '{"a":"2"}', generation: 7 })
        expect(again).toStrictEqual({ ...row, plan: 'p2', data_sets: '{"a":"2"}', _gen: 7 })
      }),
      { numRuns: 500 },
    )
  })

  it('is read from the accepted columns alone', () => {
    fc.assert(
      fc.property(someHit, (hit) => {
        const row = rowOf(hit)
        const accepted = Object.fromEntries(acceptedColumns.map((name) => [name, row[name] ?? null]))
        expect(acceptedHit(accepted)).toStrictEqual(acceptedHit(row))
      }),
    )
  })

  it('has its language as the language of its request, and a context that says nothing as none', () => {
    const [hit] = fc.sample(someHit, { numRuns: 1, seed: 3 }) as [FeedHit]
    const silent = { userAgent: null, language: 'de', screen: null, timeZone: null, campaign: null }
    const back = acceptedHit(rowOf({ ...hit, context: silent, requestLanguage: 'en' }))
    expect([back.requestLanguage, back.context]).toEqual(['de', null])
  })

  it('has nothing where its row is older than a column', () => {
    const [hit] = fc.sample(someHit, { numRuns: 1, seed: 3 }) as [FeedHit]
    const { client_hints: _hints, ...older } = rowOf(hit)
    expect(acceptedHit({ ...older, client_hints: null }).requestClientHints).toBeNull()
  })
})

describe('a hit read back from failed_hits', () => {
  it('is the hit that was refused', () => {
    fc.assert(
      fc.property(someHit, (hit) => {
        expect(acceptedHitOfFailed(failedRowOf(hit))).toEqual(hit)
      }),
      { numRuns: 300 },
    )
  })

  it('makes the row that it would have made', () => {
    fc.assert(
      fc.property(someHit, (hit) => {
        expect(rowOf(acceptedHitOfFailed(failedRowOf(hit)) as FeedHit)).toStrictEqual(rowOf(hit))
      }),
    )
  })

  it('is none where the record could not be decoded', () => {
    const payload = Buffer.from('nobody can read this')
    const facts: RunFacts = { plan: 'p1', dataSets: '{}', source: 'log-1', partition: 0, generation: 1 }
    const undecodable = { kind: 'undecodable' as const, step: 'decode', reason: 'poison_record', payload }
    const row = failedHits.toRow({ ...undecodable, received: 1, offset: 2, index: 0 }, facts)
    expect(acceptedHitOfFailed(row)).toBeNull()
    expect(acceptedHitOfFailed({ ...row, original: null })).toBeNull()
    expect(acceptedHitOfFailed({ ...row, original: '{"merchant":1}' })).toBeNull()
    expect(acceptedHitOfFailed({ ...row, original: '{' })).toBeNull()
  })

  it('of before client hints were kept has none', () => {
    const [hit] = fc.sample(someHit, { numRuns: 1, seed: 3 }) as [FeedHit]
    const { requestClientHints: _hints, ...older } = JSON.parse(String(failedRowOf(hit).original))
    const row = { ...failedRowOf(hit), original: JSON.stringify(older) }
    expect(acceptedHitOfFailed(row)).toEqual({ ...hit, requestClientHints: null })
  })
})
