/** Values that literals of every dialect must bring to the engine unchanged, and those they must refuse. */
import fc from 'fast-check'
import type { Literal } from './ast.ts'

const hostilePieces = [
  "'",
  "''",
  "\\'",
  '\\',
  '"',
  '--',
  '/*',
  '*/',
  ';',
  "'; DROP TABLE hits; --",
  "' OR 1=1 --",
  '\0',
  "\0'",
  '$1',
  '?',
  '$$',
  "E'\\x27'",
  '\u2019',
  '\u02bc',
  '\uff07',
  '\u0000;',
  '\r\n',
  '\u2028',
  '\ufeff',
  '😀',
  '\u{10ffff}',
  '\uffff',
  "U&'\\0027'",
  '\\0027',
  '\\+000027',
  '$' + '{x}',
  '%',
  '_',
  'NULL',
]

const piece = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...hostilePieces) },
  { weight: 2, arbitrary: fc.string({ unit: 'grapheme', maxLength: 6 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 6 }).filter((text) => !/\p{Surrogate}/u.test(text)) },
)

/** Text made to break out of a literal. */
export const hostileText = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(''))

/** Lists of a thousand: 100,000 texts. */
export const hostileRuns = 100
export const hostileTexts = fc.array(hostileText, { minLength: 1_000, maxLength: 1_000 })

export const wholeEnds = [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n]

const firstMs = Date.parse('0001-01-01T00:00:00.000Z')
const lastMs = Date.parse('9999-12-31T23:59:59.999Z')
export const instantEnds = [firstMs, lastMs, 0, -1]
export const anyInstant = fc.integer({ min: firstMs, max: lastMs })

/** No type holds these. */
export const impossible: readonly Literal[] = [
  { type: 'text', value: 'a\ud800b' },
  { type: 'text', value: '\udc00' },
  { type: 'whole', value: 2 ** 53 },
  { type: 'whole', value: 0.5 },
  { type: 'whole', value: Number.NaN },
  { type: 'whole', value: 2n ** 63n },
  { type: 'instant', value: lastMs + 1 },
  { type: 'instant', value: firstMs - 1 },
  { type: 'instant', value: 0.5 },
]

/** By Trino's grammar: the text of one whole string token; undefined where `sql` is anything else, or more. */
export function readTrinoToken(sql: string): string | undefined {
  const token = /^(U&)?'((?:[^']|'')*)'$/.exec(sql)
  if (token === null) return undefined
  const body = (token[2] ?? '').replaceAll("''", "'")
  if (token[1] === undefined) return body
  return body.replace(/\\(?:(\\)|\+([0-9a-fA-F]{6})|([0-9a-fA-F]{4}))/g, (_, backslash, six, four) =>
    backslash ? '\\' : String.fromCodePoint(Number.parseInt(six ?? four, 16)),
  )
}
