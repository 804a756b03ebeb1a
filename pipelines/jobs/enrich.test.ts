import { describe, expect, it } from 'vitest'
import type { EventTime, ReceivedTime } from '../../core/event-time.ts'
import type { ClientHints, FeedHit, HitContext, PropValue } from '../../core/hit.ts'
import type { MerchantId, Offset } from '../../core/ids.ts'
import { loadBucket } from '../../core/sketch/quantiles.ts'
import { type EnrichContext, enrich } from './enrich.ts'
import { createUserAgentReader } from './user-agent.ts'

const context: EnrichContext = {
  visitorSeed: (merchant) => `seed of ${merchant}`,
  visitorHash: (seed, visitor) => BigInt(`${seed} ${visitor}`.length),
  country: (prefix) => (prefix === '203.0.113.0/24' ? 'IN' : null),
  userAgents: createUserAgentReader(),
}

const chrome = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36'
const phone =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1'
const crawler = 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)'

const hit: FeedHit = {
  merchant: 'shop' as MerchantId,
  id: 'h1',
  name: 'page_view',
  time: 1_000 as EventTime,
  visitor: 'ann',
  session: 's1',
  user: 'u1',
  url: 'https://www.shop.example/shoes/?size=42#top',
  referrer: 'https://www.google.com/',
  title: 'Shoes',
  revenue: null,
  items: [{ id: 'sku', name: 'Shoe', quantity: 1, priceMicros: 5n }],
  props: { load_ms: 12 },
  context: null,
  zone: 'Asia/Kolkata',
  currency: 'INR',
  received: 2_000 as ReceivedTime,
  addressPrefix: '203.0.113.0/24',
  requestUserAgent: chrome,
  requestLanguage: 'hi',
  requestClientHints: null,
  keyKind: 'browser',
  source: 'log-1',
  position: { partition: 0, offset: 7 as Offset, index: 3 },
}
const given = (userAgent: string | null): HitContext => {
  return { userAgent, language: null, screen: null, timeZone: null, campaign: null }
}

describe('enrich', () => {
  it('adds what can be derived and leaves every accepted field as it was', () => {
    expect(enrich(hit, context)).toEqual({
      ...hit,
      bot: false,
      device: 'desktop',
      path: '/shoes',
      trafficSource: 'google',
      country: 'IN',
      visitorHash: BigInt('seed of shop ann'.length),
      revenueHomeMicros: 0n,
      browser: 'Chrome',
      os: 'Linux',
      medium: 'organic',
      campaign: null,
      loadBucket: loadBucket(12),
      otherCurrency: null,
      otherRevenueMicros: 0n,
      isPageView: true,
      isOrder: false,
    })
  })

  it("judges the hit's own user agent before the request's", () => {
    expect(enrich({ ...hit, context: given(phone) }, context)).toMatchObject({ bot: false, device: 'mobile' })
    expect(enrich({ ...hit, context: given(crawler) }, context)).toMatchObject({ bot: true, device: 'other' })
    expect(enrich({ ...hit, context: given(null), requestUserAgent: crawler }, context).bot).toBe(true)
  })

  it("never judges the request's user agent of a server key, so that curl works", () => {
    const server: FeedHit = { ...hit, keyKind: 'server', requestUserAgent: 'curl/8.5.0' }
    expect(enrich(server, context)).toMatchObject({ bot: false, device: 'other' })
    expect(enrich({ ...server, keyKind: 'browser' }, context).bot).toBe(true)
    expect(enrich({ ...server, context: given(crawler) }, context).bot).toBe(true)
    expect(enrich({ ...server, context: given(phone) }, context)).toMatchObject({ bot: false, device: 'mobile' })
  })

  it("counts revenue in the merchant's own currency only, refunds included", () => {
    const order: FeedHit = { ...hit, name: 'purchase', revenue: { micros: -12_500_000n, currency: 'INR' } }
    expect(enrich(order, context)).toMatchObject({
      ...{ revenueHomeMicros: -12_500_000n, otherCurrency: null, otherRevenueMicros: 0n },
      ...{ isOrder: true, isPageView: false },
    })
    const foreign: FeedHit = { ...order, revenue: { micros: 12_500_000n, currency: 'USD' } }
    expect(enrich(foreign, context)).toMatchObject({
      ...{ revenueHomeMicros: 0n, otherCurrency: 'USD', otherRevenueMicros: 12_500_000n },
      revenue: foreign.revenue,
    })
  })

  it('gives the load time its bucket where it is a number', () => {
    const of = (load_ms: PropValue) => enrich({ ...hit, props: { load_ms } }, context).loadBucket
    expect([0, 12.5, -3].map(of)).toEqual([0, 12.5, -3].map(loadBucket))
    for (const none of ['12', true, null, Number.NaN, Number.POSITIVE_INFINITY]) expect(of(none)).toBeNull()
    expect(enrich({ ...hit, props: {} }, context).loadBucket).toBeNull()
  })

  it("reads a request's client hints where its own user agent is judged, and only there", () => {
    const requestClientHints: ClientHints = {
      ...{ brands: '"Brave";v="126", "Chromium";v="126"', mobile: '?0', platform: '"Windows"' },
      ...{ platformVersion: null, model: null },
    }
    const hinted: FeedHit = { ...hit, requestClientHints }
    const byHints = { browser: 'Brave', os: 'Windows', device: 'desktop' }
    expect(enrich(hinted, context)).toMatchObject(byHints)
    expect(enrich({ ...hinted, requestUserAgent: null }, context)).toMatchObject(byHints)
    expect(enrich({ ...hinted, context: given(chrome) }, context)).toMatchObject(byHints)
    const byAgent = { browser: 'Safari', os: 'iOS', device: 'mobile' }
    expect(enrich({ ...hinted, context: given(phone) }, context)).toMatchObject(byAgent)
    const server: FeedHit = { ...hinted, keyKind: 'server' }
    expect(enrich({ ...server, context: given(phone) }, context)).toMatchObject(byAgent)
    expect(enrich(server, context)).toMatchObject({ browser: null, os: null, device: 'other' })
  })

  it('takes the campaign before the referrer, and no page of the shop itself', () => {
    const campaign = { source: ' Newsletter ', medium: 'Email', name: ' Spring Sale ', term: null, content: null }
    const facts = { trafficSource: 'newsletter', medium: 'email', campaign: 'Spring Sale' }
    expect(enrich({ ...hit, context: { ...given(null), campaign } }, context)).toMatchObject(facts)
    const url = 'https://shop.example/?utm_source=newsletter&utm_medium=email&utm_campaign=Spring%20Sale'
    expect(enrich({ ...hit, url }, context)).toMatchObject(facts)
    const direct = { trafficSource: '(direct)', medium: '(none)', campaign: null }
    expect(enrich({ ...hit, referrer: 'https://shop.example/' }, context)).toMatchObject(direct)
    expect(enrich({ ...hit, url: null, referrer: 'https://shop.example/' }, context)).toMatchObject({
      ...{ trafficSource: 'shop.example', medium: 'referral' },
      path: null,
    })
  })
})
