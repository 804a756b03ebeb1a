/** What a string of a hit may hold. Quotes, markup and injection strings are data; what breaks stores and lines is not. */

// ES2024, in every Node we run on; the compiler's library is older.
interface WellFormed {
  isWellFormed(): boolean
}

// Cc (C0, DEL, C1) and the two separators that JavaScript and many readers take as line ends.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const controls = /[\0-\x1f\x7f-\x9f\u2028\u2029]/

/** Whether `text` is whole Unicode without NUL: a lone surrogate has no UTF-8, a NUL ends strings elsewhere. */
export function isText(text: string): boolean {
  return (text as unknown as WellFormed).isWellFormed() && !text.includes('\0')
}

/** Whether `text` is `isText` on one line, without any control character: for ids and names. */
export function isLine(text: string): boolean {
  // Ids and names are nearly always printable ASCII, and short: for those this loop is the fastest there is.
  let at = 0
  while (at < text.length && (text.charCodeAt(at) - 0x20) >>> 0 < 0x5f) at++
  if (at === text.length) return true
  return (text as unknown as WellFormed).isWellFormed() && !controls.test(text)
}

/**
 * What is known of every string of a JSON text before any of them is looked at: `plain`: `isLine` holds of all, `whole`:
 * `isText` holds of all, `unknown`: each has to be asked.
 */
export type TextKnowledge = 'plain' | 'whole' | 'unknown'

/**
 * What the bytes of a JSON text, valid and in UTF-8, tell of its strings: half a surrogate pair, a NUL and all other
 * control characters below DEL get into a string of JSON by an escape only, and most bodies hold no backslash.
 */
export function knowText(json: Uint8Array, letters: 'ASCII' | 'any'): TextKnowledge {
  if (json.includes(backslash)) return 'unknown'
  return letters === 'ASCII' && !json.includes(del) ? 'plain' : 'whole'
}

const backslash = 0x5c
const del = 0x7f

/** Keys with which JSON reaches for an object's prototype; refused wherever they stand. */
export function isPrototypeKey(key: string): boolean {
  return key === '__proto__' || key === 'constructor'
}
