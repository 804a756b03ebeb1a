/** Finds the source and medium of a host in the data set `sources` (schemas/sources/known-sources.ts). */
import type { KnownSource, SourceData } from '../../schemas/sources/known-sources.ts'

export interface SourceLookup {
  /** Of a host in lower case without `www.`; null where it is not known. */
  find(host: string): KnownSource | null
}

/** @throws TypeError where two entries claim one host */
export function createSourceLookup(data: Pick<SourceData, 'sources'>): SourceLookup {
  const sites = new Map<string, KnownSource>()
  const domains = new Map<string, KnownSource>()
  for (const { source, medium, ...named } of data.sources) {
    const entry: KnownSource = Object.freeze({ source, medium })
    // An app's host is its own; no site has such a name.
    for (const site of [...(named.sites ?? []), ...(named.apps ?? [])]) claim(sites, site, entry)
    for (const domain of named.domains ?? []) claim(domains, domain, entry)
  }
  return {
    find(host) {
      const site = host.startsWith('m.') ? host.slice(2) : host
      const exact = sites.get(site) ?? sites.get(underAnyCountry(site))
      if (exact !== undefined) return exact
      // The longest suffix first: mail.yahoo.com is not what yahoo.com is.
      for (let rest = host; rest.includes('.'); rest = rest.slice(rest.indexOf('.') + 1)) {
        const found = domains.get(rest) ?? domains.get(underAnyCountry(rest))
        if (found !== undefined) return found
      }
      return null
    },
  }
}

function claim(index: Map<string, KnownSource>, host: string, entry: KnownSource): void {
  const other = index.get(host)
  if (other !== undefined) throw new TypeError(`${host} is said to be ${other.source} and ${entry.source}`)
  index.set(host, entry)
}

// `.cat`, Catalan, is Google's only ending that is neither .com nor a country's.
const countryEnding = /\.(?:com|cat|(?:(?:co|com)\.)?[a-z]{2})$/

/** `google.co.uk` → `google.*` */
function underAnyCountry(host: string): string {
  return host.replace(countryEnding, '.*')
}
