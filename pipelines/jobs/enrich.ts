/**
 * The step `enrich`: what is derived of a hit and stored beside it (the columns `derived` of the table `hits`). Pure and
 * synchronous; what it knows beside the hit is in the context and in data sets, which the column `data_sets` names, so the
 * same hit under the same plan and data sets gives the same row, live or in a rerun.
 */
import type { FeedHit } from '../../core/hit.ts'
import type { MerchantId } from '../../core/ids.ts'
import { loadBucket } from '../../core/sketch/quantiles.ts'
import { sourceData } from '../../schemas/sources/known-sources.ts'
import { campaignOf } from './campaign.ts'
import { pagePath, parseUrl, pathOf } from './page-path.ts'
import { createTrafficSources, siteOf } from './traffic-source.ts'
import type { Device, UserAgentReader } from './user-agent.ts'

export interface EnrichedHit extends FeedHit {
  /** Counts in no metric, is stored all the same. */
  readonly bot: boolean
  readonly device: Device
  readonly path: string | null
  /** The column `source`; here `source` is the feed incarnation. */
  readonly trafficSource: string
  /** ISO 3166-1 alpha-2 */
  readonly country: string | null
  /** In [0, 2^63). */
  readonly visitorHash: bigint
  /** Micros of revenue in the merchant's own currency, 0 for any other. */
  readonly revenueHomeMicros: bigint
  /** In one spelling whether client hints or the user agent told: `Chrome`, `Safari`; null where neither says. */
  readonly browser: string | null
  /** `Windows`, `iOS`; null where not known. */
  readonly os: string | null
  readonly medium: string
  /** Name of the campaign, trimmed. */
  readonly campaign: string | null
  /** Bucket of the number `props.load_ms` (core/sketch/quantiles.ts). */
  readonly loadBucket: number | null
  /** Currency and micros of revenue in another currency than the merchant's; null and 0 where there is none. */
  readonly otherCurrency: string | null
  readonly otherRevenueMicros: bigint
  readonly isPageView: boolean
  readonly isOrder: boolean
}

export interface EnrichContext {
  /** 16 hex digits. */
  visitorSeed(merchant: MerchantId): string
  /** `createHasher` of core/sketch/hasher.ts. */
  visitorHash(seedHex: string, visitor: string): bigint
  /** `createCountryLookup` of country.ts. */
  country(addressPrefix: string | null): string | null
  readonly userAgents: UserAgentReader
}

const trafficSources = createTrafficSources(sourceData)

export function enrich(hit: FeedHit, context: EnrichContext): EnrichedHit {
  // A server's own agent (curl, a backend's HTTP client) says nothing of the visitor it reports.
  const ownAgent = hit.keyKind === 'browser' ? hit.requestUserAgent : null
  const givenAgent = hit.context === null ? null : hit.context.userAgent
  const isOwn = hit.keyKind === 'browser' && (givenAgent === null || givenAgent === ownAgent)
  const agent = context.userAgents.read(givenAgent ?? ownAgent, isOwn ? hit.requestClientHints : null)
  const url = hit.url === null ? null : parseUrl(hit.url)
  const campaign = campaignOf(hit.context === null ? null : hit.context.campaign, url, trafficSources.clickIds)
  const traffic = trafficSources.of(campaign, hit.referrer, siteOf(url))
  const { revenue } = hit
  const isForeign = revenue !== null && revenue.currency !== hit.currency
  const load = hit.props.load_ms
  // Field by field: a spread of so many makes a slow dictionary of every row, and the step five times as dear.
  return {
    merchant: hit.merchant,
    id: hit.id,
    name: hit.name,
    time: hit.time,
    visitor: hit.visitor,
    session: hit.session,
    user: hit.user,
    url: hit.url,
    referrer: hit.referrer,
    title: hit.title,
    revenue: hit.revenue,
    items: hit.items,
    props: hit.props,
    context: hit.context,
    zone: hit.zone,
    currency: hit.currency,
    received: hit.received,
    addressPrefix: hit.addressPrefix,
    requestUserAgent: hit.requestUserAgent,
    requestLanguage: hit.requestLanguage,
    requestClientHints: hit.requestClientHints,
    keyKind: hit.keyKind,
    source: hit.source,
    position: hit.position,
    bot: agent.bot,
    device: agent.device,
    path: url === null ? pagePath(hit.url) : pathOf(url),
    trafficSource: traffic.source,
    country: context.country(hit.addressPrefix),
    visitorHash: context.visitorHash(context.visitorSeed(hit.merchant), hit.visitor),
    revenueHomeMicros: revenue !== null && revenue.currency === hit.currency ? revenue.micros : 0n,
    browser: agent.browser,
    os: agent.os,
    medium: traffic.medium,
    campaign: campaign.name,
    loadBucket: typeof load === 'number' && Number.isFinite(load) ? loadBucket(load) : null,
    otherCurrency: isForeign ? revenue.currency : null,
    otherRevenueMicros: isForeign ? revenue.micros : 0n,
    isPageView: hit.name === 'page_view',
    isOrder: hit.name === 'purchase',
  }
}
