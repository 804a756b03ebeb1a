/**
 * What the address of a page says of the campaign that brought the visitor: `utm_source`, `utm_medium`, `utm_campaign`,
 * and the parameters by which advertisers mark a click. Read where the hit itself names no campaign.
 */
import { hitLimits } from '../../core/hit/limits.ts'
import { isLine } from '../../core/hit/text.ts'
import type { Campaign } from '../../core/hit.ts'
import type { ClickId } from '../../schemas/sources/known-sources.ts'

/** Texts trimmed; null where missing, or nothing but space. */
export interface CampaignFacts {
  readonly source: string | null
  readonly medium: string | null
  readonly name: string | null
  /** The advertiser whose click it was; null where the hit names a campaign of its own. */
  readonly click: ClickId | null
}

export const noCampaign: CampaignFacts = Object.freeze({ source: null, medium: null, name: null, click: null })

/** The campaign of a hit: as given with it, else by the address of its page. */
export function campaignOf(
  given: Campaign | null,
  url: URL | null,
  clickIds: ReadonlyMap<string, ClickId>,
): CampaignFacts {
  if (given !== null) {
    const [source, medium, name] = [trimmed(given.source), trimmed(given.medium), trimmed(given.name)]
    if (source !== null || medium !== null || name !== null) return { source, medium, name, click: null }
  }
  return url === null ? noCampaign : campaignOfUrl(url, clickIds)
}

// Most addresses have none of these, and to take a query apart costs more than to look.
const worthReading = /utm_|clid=|braid=/

function campaignOfUrl(url: URL, clickIds: ReadonlyMap<string, ClickId>): CampaignFacts {
  const { search } = url
  if (search === '' || !worthReading.test(search)) return noCampaign
  let source: string | null = null
  let medium: string | null = null
  let name: string | null = null
  let click: ClickId | null = null
  // Of a parameter that comes twice the first holds.
  for (const part of search.slice(1).split('&')) {
    const at = part.indexOf('=')
    const value = part.slice(at + 1)
    if (at < 0 || value === '') continue
    // Names of parameters that matter need no encoding, and nobody encodes them.
    const key = part.slice(0, at)
    if (key === 'utm_source') source ??= parameterText(value)
    else if (key === 'utm_medium') medium ??= parameterText(value)
    else if (key === 'utm_campaign') name ??= parameterText(value)
    else click ??= clickIds.get(key) ?? null
  }
  return { source, medium, name, click }
}

function parameterText(value: string): string | null {
  const text = trimmed(encoded.test(value) ? (new URLSearchParams(`v=${value}`).get('v') ?? '') : value)
  // Encoded, an address may hold what no name may.
  if (text === null || !isLine(text)) return null
  return text.length > hitLimits.campaignLength ? wellFormed(text.slice(0, hitLimits.campaignLength)) : text
}

const encoded = /[%+]/

// ES2024, in every Node we run on; the compiler's library is older.
const wellFormed = (text: string) => (text as unknown as { toWellFormed(): string }).toWellFormed()

function trimmed(text: string | null): string | null {
  if (text === null) return null
  const rest = text.trim()
  return rest === '' ? null : rest
}
