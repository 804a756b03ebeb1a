/**
 * What JSON text of unknown origin must keep to before it is parsed. `json.ts` finds long integers by expressions that go
 * back over text they failed on: a number of a million digits, or a string that never ends, would hold them for hours. One
 * look from front to back rules both out.
 */

/** Objects and lists within one another; a schema of ours has 12. */
export const jsonMaxDepth = 64
/** Characters of one number: 63-bit integers have 20. */
export const jsonNumberMaxLength = 64

const quote = 0x22
const backslash = 0x5c
const opening = new Set([0x5b, 0x7b])
const closing = new Set([0x5d, 0x7d])

/** @throws RangeError where the text breaks a limit; that it is JSON is for the parser to say */
export function checkJsonLimits(text: string): void {
  let depth = 0
  let digits = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code >= 0x30 && code <= 0x39) {
      if (++digits > jsonNumberMaxLength)
        throw new RangeError(`a number of more than ${jsonNumberMaxLength} characters`)
      continue
    }
    digits = 0
    if (code === quote) at = endOfString(text, at)
    else if (opening.has(code) && ++depth > jsonMaxDepth) throw new RangeError(`more than ${jsonMaxDepth} levels`)
    else if (closing.has(code)) depth--
  }
}

/** Place of the closing quote. */
function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at > 0; at = text.indexOf('"', at + 1)) {
    let escapes = 0
    while (text.charCodeAt(at - 1 - escapes) === backslash) escapes++
    if (escapes % 2 === 0) return at
  }
  throw new RangeError('a string without an end')
}
