/**
 * JSON that keeps every integer. Snapshot ids of other writers are 63-bit numbers, which `JSON.parse` would round; here an
 * integer beyond 2^53 becomes a bigint and is written back as the same digits. Everything else is as `JSON` has it.
 */
export type JsonValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue | undefined }

// Marks the text of a bigint on its way through JSON. No string of a metadata file begins with U+0000; one that does is
// escaped by a second one, so that the way back is exact for it too.
const mark = '\u0000'
const anyString = /"(?:[^"\\]|\\.)*"/g
// Whole numbers, so that digits behind a point or in an exponent are not taken for one.
const stringOrLongNumber = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]{15,}/g
const integer = /^-?\d+$/

/** @throws SyntaxError where the text is not JSON, or has a number that nothing here can hold: printed, it would be null */
export function parseJson(text: string): JsonValue {
  const marked = text.replace(stringOrLongNumber, (token) => {
    if (token.startsWith('"')) return token.startsWith('"\\u0000') ? `"\\u0000${token.slice(1)}` : token
    return !integer.test(token) || Number.isSafeInteger(Number(token)) ? token : `"\\u0000${token}"`
  })
  return JSON.parse(marked, (_name, value) => {
    // -0 is 0 in JSON that is printed.
    if (typeof value === 'number') return finite(value) + 0
    if (typeof value !== 'string' || !value.startsWith(mark)) return value
    return value.startsWith(mark + mark) ? value.slice(1) : BigInt(value.slice(1))
  })
}

function finite(value: number): number {
  if (Number.isFinite(value)) return value
  throw new SyntaxError('a number beyond 64-bit floating point')
}

/** Compact JSON; bigints as plain digits. */
export function printJson(value: JsonValue): string {
  try {
    // Refuses bigints. Where there are none, and there seldom are, its text is ours, at a tenth of the time.
    return JSON.stringify(value)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    return printMarked(value)
  }
}

function printMarked(value: JsonValue): string {
  const marked = JSON.stringify(value, (_name, part) => {
    if (typeof part === 'bigint') return `${mark}${part}`
    return typeof part === 'string' && part.startsWith(mark) ? mark + part : part
  })
  return marked.replace(anyString, (token) => {
    if (!token.startsWith('"\\u0000')) return token
    return token.startsWith('"\\u0000\\u0000') ? `"${token.slice(7)}` : token.slice(7, -1)
  })
}
