/**
 * Where a visit came from, in two words. **Source**: the campaign's if there is one, else the site that linked here by
 * the name merchants know it by (`google`, whichever country's), else its host, else `(direct)`. **Medium**: the
 * campaign's, else what kind of site that is: `organic` (a search engine), `social`, `email`, `referral` (any other),
 * `(none)` where nothing linked here. A shop's own pages are no source: a referrer on the hit's own host counts as direct.
 */
import { LRUCache } from 'lru-cache'
import type { ClickId, SourceData } from '../../schemas/sources/known-sources.ts'
import type { CampaignFacts } from './campaign.ts'
import { parseUrl } from './page-path.ts'
import { createSourceLookup } from './source-lookup.ts'

export const directSource = '(direct)'
export const noMedium = '(none)'
export const referralMedium = 'referral'

export interface TrafficSource {
  readonly source: string
  readonly medium: string
}

export interface TrafficSources {
  /** By the parameter that marks them in an address. */
  readonly clickIds: ReadonlyMap<string, ClickId>
  /** `referrer` as given; `ownHost` is the host of the hit's page (`siteOf`), null where that is not known. */
  of(campaign: CampaignFacts, referrer: string | null, ownHost: string | null): TrafficSource
}

/** Hosts that link to shops repeat; at most some 2 MB of them are remembered. */
export const referrersRemembered = 10_000

const direct: TrafficSource = Object.freeze({ source: directSource, medium: noMedium })

/** Remembers at most `maxEntries` hosts, the longest unused forgotten first. */
export function createTrafficSources(data: SourceData, options: { readonly maxEntries?: number } = {}): TrafficSources {
  const { find } = createSourceLookup(data)
  const remembered = new LRUCache<string, Referrer>({ max: options.maxEntries ?? referrersRemembered })
  const clickIds = new Map(data.clickIds.map((click) => [click.parameter, click]))

  function byHost(host: string): Referrer {
    const known = remembered.get(host)
    if (known !== undefined) return known
    const found = find(host)
    const referrer: Referrer = found
      ? { source: found.source, medium: found.medium, is: 'known' }
      : { source: host, medium: referralMedium, is: 'a host' }
    remembered.set(host, referrer)
    return referrer
  }

  return {
    clickIds,
    of(campaign, referrer, ownHost) {
      const host = referrer === null ? null : hostOf(referrer)
      const linked = host === null || host === ownHost ? null : byHost(host)
      if (campaign.source === null && campaign.medium === null && campaign.click === null) return linked ?? direct

      const source = campaign.source?.toLowerCase() ?? null
      const click = clickThatHolds(campaign.click, source, linked)
      return {
        source: source ?? click?.source ?? linked?.source ?? directSource,
        medium: campaign.medium?.toLowerCase() ?? click?.medium ?? linked?.medium ?? noMedium,
      }
    },
  }
}

interface Referrer extends TrafficSource {
  readonly is: 'known' | 'a host'
}

/** A click says nothing beside a campaign of another source: its parameter was carried along. */
function clickThatHolds(click: ClickId | null, source: string | null, linked: Referrer | null): ClickId | null {
  if (click === null || (source !== null && source !== click.source)) return null
  return click.before === 'unknown referrers' && linked?.is === 'known' ? null : click
}

// Hosts that parsing would leave as they are: letters, digits and hyphens (no punycode, which is checked), and an ending
// of letters, so that it is no address. Followed by a port or path, which no URL of the web can fail by.
const plainHost = /^https?:\/\/((?:[a-z0-9-]+\.)+[a-z]{2,})(?=[/?#]|$)/

/** `siteOf` of a URL, without parsing those that are written plainly, as browsers write them. */
export function hostOf(referrer: string): string | null {
  const host = plainHost.exec(referrer)?.[1]
  return host === undefined || host.includes('xn--') ? siteOf(parseUrl(referrer)) : withoutWww(host)
}

/** Host name without `www.` and without a port; null where the URL has none. */
export function siteOf(url: URL | null): string | null {
  if (url === null || url.hostname === '') return null
  // Schemes beside the web's (android-app://) keep the case of their host.
  return withoutWww(url.hostname.toLowerCase())
}

function withoutWww(host: string): string {
  return host.startsWith('www.') ? host.slice(4) : host
}
