/**
 * What a user agent text says: is it a known bot (isbot), what kind of device (bowser). Both read lists of patterns that
 * change with their versions, so the plan names these as data sets. A text costs some 20 µs to judge and few texts make
 * most hits, so the last ones are remembered.
 *
 * isbot judges what is there: `-`, which web servers log for "none", counts as a bot, as do `curl/8.5.0` and `node`; no
 * user agent at all (null, empty) does not, because nothing is known then.
 */
import Bowser from 'bowser'
import { isbot } from 'isbot'
import { LRUCache } from 'lru-cache'

export type Device = 'desktop' | 'mobile' | 'tablet' | 'tv' | 'other'

export interface UserAgentFacts {
  readonly bot: boolean
  readonly device: Device
}

export interface UserAgentReader {
  read(userAgent: string | null): UserAgentFacts
}

/** Only this much of a text is judged and remembered: the most a hit's own may have. A request's header may be longer. */
export const userAgentMaxLength = 512
/** At most about 10 MB of texts. */
export const userAgentsRemembered = 10_000

const nothingKnown: UserAgentFacts = Object.freeze({ bot: false, device: 'other' })
const devices: ReadonlySet<string> = new Set<Device>(['desktop', 'mobile', 'tablet', 'tv'])

/** Remembers at most `maxEntries` texts, the longest unused forgotten first. */
export function createUserAgentReader(options: { readonly maxEntries?: number } = {}): UserAgentReader {
  const remembered = new LRUCache<string, UserAgentFacts>({ max: options.maxEntries ?? userAgentsRemembered })
  return {
    read(userAgent) {
      if (userAgent === null || userAgent === '') return nothingKnown
      const text = userAgent.length > userAgentMaxLength ? userAgent.slice(0, userAgentMaxLength) : userAgent
      const known = remembered.get(text)
      if (known !== undefined) return known
      const facts = judge(text)
      remembered.set(text, facts)
      return facts
    },
  }
}

function judge(text: string): UserAgentFacts {
  return { bot: isbot(text), device: deviceOf(text) }
}

function deviceOf(text: string): Device {
  // Not `Bowser.parse`: it also looks for browser and engine, which are half of its cost.
  const type = Bowser.getParser(text, true).getPlatformType(true)
  return devices.has(type) ? (type as Device) : 'other'
}
