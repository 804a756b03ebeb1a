/**
 * What is known of the program that sent a hit: is it a known bot (isbot), which browser on which system on what kind of
 * device (client hints first, then bowser). isbot and bowser read lists of patterns that change with their versions, so
 * the plan names these as data sets. A text costs some 40 µs to judge and few texts make most hits, so the last ones are
 * remembered.
 *
 * isbot judges what is there: `-`, which web servers log for "none", counts as a bot, as do `curl/8.5.0` and `node`; no
 * user agent at all (null, empty) does not, because nothing is known then. Client hints make nobody a bot.
 */
import Bowser from 'bowser'
import { isbot } from 'isbot'
import { LRUCache } from 'lru-cache'
import type { ClientHints } from '../../core/hit.ts'
import { type HintedFacts, readClientHints } from './client-hints.ts'

export type Device = 'desktop' | 'mobile' | 'tablet' | 'tv' | 'other'

export interface UserAgentFacts {
  readonly bot: boolean
  readonly device: Device
  /** As bowser spells it: `Chrome`, `Safari`, `Microsoft Edge`; null where not known. */
  readonly browser: string | null
  /** `Windows`, `macOS`, `Android`, `iOS`; null where not known. */
  readonly os: string | null
}

export interface UserAgentReader {
  /** Both of the same sender; null where there is none. */
  read(userAgent: string | null, hints: ClientHints | null): UserAgentFacts
}

/** Only this much of a text is judged and remembered: the most a hit's own may have. A request's header may be longer. */
export const userAgentMaxLength = 512
/** At most about 10 MB of texts. */
export const userAgentsRemembered = 10_000
/** Combinations of hints; there are a few hundred of honest ones. At most some 3 MB. */
export const clientHintsRemembered = 2_000

const nothingKnown: UserAgentFacts = Object.freeze({ bot: false, device: 'other', browser: null, os: null })
const devices: ReadonlySet<string> = new Set<Device>(['desktop', 'mobile', 'tablet', 'tv'])
/** Systems of desktops, where the user agent does not tell. */
const desktopSystems: ReadonlySet<string | null> = new Set(['Windows', 'macOS', 'Chrome OS', 'Linux'])
/** Names that bowser knows not but takes from the text's beginning (an app's own) may look so, others are none. */
const plainName = /^(?!Mozilla$)[A-Za-z][\w .-]{0,47}$/

/** Remembers at most `maxEntries` texts, the longest unused forgotten first. */
export function createUserAgentReader(options: { readonly maxEntries?: number } = {}): UserAgentReader {
  const remembered = new LRUCache<string, UserAgentFacts>({ max: options.maxEntries ?? userAgentsRemembered })
  const rememberedHints = new LRUCache<string, HintedFacts>({ max: clientHintsRemembered })
  // The hits of a request share the object.
  let lastHints: ClientHints | null = null
  let lastHinted: HintedFacts | null = null

  function byText(userAgent: string | null): UserAgentFacts {
    if (userAgent === null || userAgent === '') return nothingKnown
    const text = userAgent.length > userAgentMaxLength ? userAgent.slice(0, userAgentMaxLength) : userAgent
    const known = remembered.get(text)
    if (known !== undefined) return known
    const facts = judge(text)
    remembered.set(text, facts)
    return facts
  }

  function byHints(hints: ClientHints): HintedFacts {
    if (hints === lastHints && lastHinted !== null) return lastHinted
    // A hint holds no line end: the collector takes none that does.
    const key = `${hints.brands ?? ''}\n${hints.platform ?? ''}\n${hints.mobile ?? ''}`
    let facts = rememberedHints.get(key)
    if (facts === undefined) {
      facts = readClientHints(hints)
      rememberedHints.set(key, facts)
    }
    lastHints = hints
    lastHinted = facts
    return facts
  }

  return {
    read(userAgent, hints) {
      const told = byText(userAgent)
      return hints === null ? told : joined(told, byHints(hints))
    },
  }
}

/** A hint goes before the user agent, but where it names a family only, whoever of that family the user agent names. */
function joined(told: UserAgentFacts, hinted: HintedFacts): UserAgentFacts {
  const browser = hinted.browserIs === 'exact' || isChromium(told.browser) ? hinted.browser : told.browser
  const os = hinted.osIs === 'exact' || told.os === null ? hinted.os : told.os
  return {
    bot: told.bot,
    device: deviceOf(told.device, os ?? told.os, hinted.mobile),
    browser: browser ?? told.browser,
    os: os ?? told.os,
  }
}

/** Whether a user agent says no more than that its browser is one of Chromium's family. */
function isChromium(browser: string | null): boolean {
  return browser === null || browser === 'Chrome' || browser === 'Chromium'
}

function deviceOf(told: Device, os: string | null, mobile: HintedFacts['mobile']): Device {
  if (mobile === 'yes') return 'mobile'
  if (told !== 'other' || mobile === null) return told
  if (desktopSystems.has(os)) return 'desktop'
  return os === 'Android' ? 'tablet' : 'other'
}

function judge(text: string): UserAgentFacts {
  const parser = Bowser.getParser(text, true)
  const browser = parser.getBrowserName()
  const os = parser.getOSName() || null
  const type = parser.getPlatformType(true)
  // Bowser knows no device of Chromebooks.
  const device = devices.has(type) ? (type as Device) : os === 'Chrome OS' ? 'desktop' : 'other'
  return { bot: isbot(text), device, browser: plainName.test(browser) ? browser : null, os }
}
