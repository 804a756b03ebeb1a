/**
 * Where a visit came from: the campaign's source if the hit names one, else the site that linked here, else `(direct)`.
 * A shop's own pages are no source: a referrer on the hit's own host counts as direct.
 */
import { parseUrl } from './page-path.ts'

export const directSource = '(direct)'

/** `campaignSource` and `referrer` as given; `ownHost` is the host of the hit's page, null where that is not known. */
export function trafficSource(campaignSource: string | null, referrer: string | null, ownHost: string | null): string {
  if (campaignSource !== null) {
    const named = campaignSource.trim().toLowerCase()
    if (named !== '') return named
  }
  if (referrer === null) return directSource
  const host = siteOf(parseUrl(referrer))
  return host === null || host === ownHost ? directSource : host
}

/** Host name without `www.` and without a port; null where the URL has none. */
export function siteOf(url: URL | null): string | null {
  if (url === null || url.hostname === '') return null
  // Schemes beside the web's (android-app://) keep the case of their host.
  const host = url.hostname.toLowerCase()
  return host.startsWith('www.') ? host.slice(4) : host
}
