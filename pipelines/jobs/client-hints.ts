/**
 * What client hints say of a visitor's browser, system and device (W3C draft "User-Agent Client Hints"), in the names
 * that bowser gives them by the user agent, so that one browser never has two names. A hint that is not understood says
 * nothing: then the user agent is asked.
 */
import type { ClientHints } from '../../core/hit.ts'

export interface HintedFacts {
  readonly browser: string | null
  /** `family`: the browser is this one or another that is built of it and does not say so in its hints. */
  readonly browserIs: 'exact' | 'family'
  readonly os: string | null
  /** As for the browser: `Linux` may be a television's or a console's. */
  readonly osIs: 'exact' | 'family'
  /** Null where not said. */
  readonly mobile: 'yes' | 'no' | null
}

export function readClientHints(hints: ClientHints): HintedFacts {
  const brands = hints.brands === null ? [] : brandsOf(hints.brands)
  const named = brands.find((brand) => exactBrands.has(brand))
  const os = hints.platform === null ? null : (platforms.get(unquoted(hints.platform).toLowerCase()) ?? null)
  return {
    browser: named === undefined ? familyOf(brands) : (exactBrands.get(named) ?? null),
    browserIs: named === undefined ? 'family' : 'exact',
    os,
    osIs: os === 'Linux' ? 'family' : 'exact',
    mobile: hints.mobile === '?1' ? 'yes' : hints.mobile === '?0' ? 'no' : null,
  }
}

/** Brands that name one browser, with bowser's name of it. */
const exactBrands: ReadonlyMap<string, string> = new Map([
  ['Microsoft Edge', 'Microsoft Edge'],
  ['Opera', 'Opera'],
  ['Opera GX', 'Opera'],
  ['OperaMobile', 'Opera'],
  ['Samsung Internet', 'Samsung Internet for Android'],
  ['Brave', 'Brave'],
  ['Vivaldi', 'Vivaldi'],
  ['YaBrowser', 'Yandex Browser'],
  ['Yandex', 'Yandex Browser'],
  ['Whale', 'NAVER Whale Browser'],
  ['DuckDuckGo', 'DuckDuckGo'],
  ['Amazon Silk', 'Amazon Silk'],
  ['Electron', 'Electron'],
])

/** Brands that other browsers send too, the nearest to a browser of its own first. A web view is Chrome to bowser. */
const familyBrands: readonly (readonly [brand: string, browser: string])[] = [
  ['Google Chrome', 'Chrome'],
  ['Android WebView', 'Chrome'],
  ['Chromium', 'Chromium'],
]

function familyOf(brands: readonly string[]): string | null {
  for (const [brand, browser] of familyBrands) {
    // A brand that we do not know beside Chromium is a browser of its own, and not the one called Chromium.
    if (brands.includes(brand) && (brand !== 'Chromium' || brands.length === 1)) return browser
  }
  return null
}

/** By its name in lower case. Missing here: unknown, and systems that browsers do not tell apart. */
const platforms: ReadonlyMap<string, string> = new Map([
  ['windows', 'Windows'],
  ['macos', 'macOS'],
  ['mac os x', 'macOS'],
  ['android', 'Android'],
  ['ios', 'iOS'],
  ['chrome os', 'Chrome OS'],
  ['chromium os', 'Chrome OS'],
  ['harmonyos', 'HarmonyOS'],
  ['tizen', 'Tizen'],
  ['linux', 'Linux'],
])

// A string of RFC 8941 with its parameters, and what separates it from the next.
const brandItem = /\s*"((?:[^"\\]|\\.)*)"((?:;\s*[a-z*][a-z0-9_.*-]*(?:="(?:[^"\\]|\\.)*"|=[^",;\s]*)?)*)\s*(?:,|$)/y

/** The names in a list of brands, as far as it can be read (it may have been cut), those sent to no purpose left out. */
function brandsOf(list: string): string[] {
  const brands: string[] = []
  brandItem.lastIndex = 0
  for (let item = brandItem.exec(list); item !== null; item = brandItem.exec(list)) {
    const brand = (item[1] ?? '').replace(/\\(.)/g, '$1')
    if (!isGrease(brand)) brands.push(brand)
    // The end is matched as well as a comma, and would be matched for ever.
    if (brandItem.lastIndex >= list.length) break
  }
  return brands
}

/** Chromium adds "Not A Brand" with changing marks between the words, so that nobody comes to depend on a closed list. */
function isGrease(brand: string): boolean {
  const letters = brand.replace(/[^a-z]/gi, '').toLowerCase()
  return letters === 'notabrand' || letters === 'notanybrand'
}

function unquoted(text: string): string {
  const trimmed = text.trim()
  return trimmed.length >= 2 && trimmed.startsWith('"') && trimmed.endsWith('"') ? trimmed.slice(1, -1) : trimmed
}
