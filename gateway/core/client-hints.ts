/**
 * The user-agent client hints of a request (W3C draft "User-Agent Client Hints"): what a browser says of itself beside
 * its `User-Agent`, which Chromium has frozen. Kept as sent; `pipelines/jobs/client-hints.ts` reads them.
 */
import { isLine } from '../../core/hit/text.ts'
import type { ClientHints } from '../../core/hit.ts'

/** Of each header, in UTF-16 units; the rest is cut. Browsers send some 120. */
export const clientHintMaxLength = 256

/** A request's headers by their names in lower case, as Node gives them. */
type Headers = Readonly<Record<string, string | readonly string[] | undefined>>

/** Null where the request has none that can be kept. A header that is empty or holds a control character counts as none. */
export function clientHintsOf(headers: Headers): ClientHints | null {
  const brands = hint(headers['sec-ch-ua'])
  const mobile = hint(headers['sec-ch-ua-mobile'])
  const platform = hint(headers['sec-ch-ua-platform'])
  const platformVersion = hint(headers['sec-ch-ua-platform-version'])
  const model = hint(headers['sec-ch-ua-model'])
  const isNone = brands === null && mobile === null && platform === null && platformVersion === null && model === null
  return isNone ? null : { brands, mobile, platform, platformVersion, model }
}

// Node joins a header that came twice with a comma, as HTTP allows; an array it makes of Set-Cookie only.
function hint(text: string | readonly string[] | undefined): string | null {
  if (typeof text !== 'string' || text === '' || !isLine(text)) return null
  // Headers are bytes, here as Latin-1: no surrogates to be cut in two.
  return text.length > clientHintMaxLength ? text.slice(0, clientHintMaxLength) : text
}
