/** Texts that have broken query builders, parsers and logs elsewhere, and mixtures of them, drawn from a seed. */
import { mulberry32 } from '../../seed/random.ts'

const fragments = [
  "'",
  '"',
  '`',
  ';',
  '--',
  '/*',
  '*/',
  '\\',
  '%',
  '_',
  '$',
  '$$',
  '{',
  '}',
  '[',
  ']',
  '(',
  ')',
  ',',
  '/',
  '..',
  '\0',
  '\n',
  '\r',
  '\t',
  '\u2028',
  '\ufeff',
  '\u202e',
  '\ud83d\ude00',
  'é',
  'İ',
  ' ',
  "' OR '1'='1",
  "'; drop table hits; --",
  "' union select * from hourly --",
  ') OR (1=1',
  '1; ATTACH',
  "U&'\\0027'",
  "E'\\x27'",
  'chr(39)',
  '#{7*7}',
  '{{7*7}}',
  '__proto__',
  'constructor',
  'toString',
  'null',
  'undefined',
  'NaN',
  'true',
  '0',
  '-1',
  '1e999',
  '../../etc/passwd',
  '%2e%2e%2f',
  '%00',
  '%27',
  'other-shop',
  'props.',
  'time:day',
  'total',
] as const

export function hostileTexts(options: { readonly seed: number; readonly count: number }): readonly string[] {
  const random = mulberry32(options.seed)
  const pick = () => fragments[Math.floor(random() * fragments.length)] as string
  const texts: string[] = [...fragments, '', 'x'.repeat(3_000), `${"'".repeat(999)}`, '['.repeat(2_000)]
  while (texts.length < options.count) {
    texts.push(Array.from({ length: 1 + Math.floor(random() * 6) }, pick).join(random() < 0.3 ? ' ' : ''))
  }
  return texts.slice(0, options.count)
}
