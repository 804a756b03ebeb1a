import { describe, expect, it } from 'vitest'
import type { EventTime, ReceivedTime } from '../../core/event-time.ts'
import type { FeedHit, HitContext } from '../../core/hit.ts'
import type { MerchantId, Offset } from '../../core/ids.ts'
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
      trafficSource: 'google.com',
      country: 'IN',
      visitorHash: BigInt('seed of shop ann'.length),
      revenueHomeMicros: 0n,
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
    expect(enrich(order, context)).toMatchObject({ revenueHomeMicros: -12_500_000n, isOrder: true, isPageView: false })
    const foreign: FeedHit = { ...order, revenue: { micros: 12_500_000n, currency: 'USD' } }
    expect(enrich(foreign, context)).toMatchObject({ revenueHomeMicros: 0n, revenue: foreign.revenue })
  })

  it("takes the campaign's source before the referrer, and no page of the shop itself", () => {
    const campaign = { source: ' Newsletter ', medium: null, name: null, term: null, content: null }
    expect(enrich({ ...hit, context: { ...given(null), campaign } }, context).trafficSource).toBe('newsletter')
    expect(enrich({ ...hit, referrer: 'https://shop.example/' }, context).trafficSource).toBe('(direct)')
    expect(enrich({ ...hit, url: null, referrer: 'https://shop.example/' }, context)).toMatchObject({
      trafficSource: 'shop.example',
      path: null,
    })
  })
})
