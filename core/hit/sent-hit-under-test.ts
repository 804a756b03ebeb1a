/** Hits as merchants send them, good ones and spoilt ones, for tests of all that reads them. */
import fc from 'fast-check'
import { currencyCodes } from './currency.ts'

const lone = ['\ud800', '\udfff', 'a\ud83d', '\ude00b']
const line = fc.oneof(
  fc.string({ minLength: 1, maxLength: 64 }).filter((text) => !/[\x7f]/.test(text)),
  fc.constantFrom('größe', 'Ж', '𝒳', "'; drop table hits; --", '<script>', 'x'.repeat(64)),
)
const text = fc.oneof(fc.string({ maxLength: 100 }), fc.constantFrom('', 'é\n\t', '😀', '"quoted"', '\u2028', '\x7f'))
const amount = fc.oneof(
  fc.double({ min: -999_999_999_999, max: 999_999_999_999, noNaN: true }),
  fc
    .tuple(fc.bigInt({ min: -(10n ** 12n) + 1n, max: 10n ** 12n - 1n }), fc.stringMatching(/^(\.\d{1,6})?$/))
    .map(([whole, fraction]) => `${whole}${fraction}`),
)
const time = fc.oneof(
  fc.integer({ min: 0, max: 2_000_000_000_000 }),
  fc.date({ min: new Date(0), max: new Date('2040-01-01'), noInvalidDate: true }).map((date) => date.toISOString()),
  fc.constantFrom('2026-03-01T09:00Z', '2026-03-01T09:00:00+05:45', '2024-02-29T23:59:59.123456789-0330'),
)
const propKey = fc.oneof(line, fc.constantFrom('toString', 'hasOwnProperty', '', '0')).filter((key) => key.length <= 64)
const optional = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record(fields, { requiredKeys: [] })

/** A hit that is as documented. */
export const goodSentHit: fc.Arbitrary<Record<string, unknown>> = fc
  .tuple(
    line,
    optional({
      id: line,
      time,
      visitor: line,
      session: line,
      user: line,
      url: text,
      referrer: text,
      title: text,
      revenue: fc.record({ amount, currency: fc.constantFrom(...currencyCodes) }),
      items: fc.array(
        optional({
          id: text,
          name: text,
          quantity: fc.double({ noNaN: true, noDefaultInfinity: true }),
          price: amount,
        }),
        {
          maxLength: 3,
        },
      ),
      props: fc.dictionary(
        propKey.filter((key) => key !== '__proto__' && key !== 'constructor'),
        fc.oneof(text, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean(), fc.constant(null)),
        { maxKeys: 5, noNullPrototype: true },
      ),
      context: optional({
        userAgent: text,
        language: text,
        screen: fc.constantFrom('', '1920x1080'),
        timeZone: fc.constantFrom('Europe/Berlin', 'nowhere'),
        campaign: optional({ source: text, medium: text, name: text, term: text, content: text }),
      }),
    }),
  )
  .map(([name, fields]) => ({ name, ...fields }))

/** Texts of JSON values that mean harm, or that somebody sends by mistake. */
const hostileJson = [
  ...[
    'null',
    'true',
    '0',
    '-0',
    '-1',
    '0.5',
    '1e400',
    '-1e400',
    '1e308',
    '5e-324',
    '1e12',
    '-1e12',
    '999999999999.9999999',
  ],
  ...[
    '""',
    '" "',
    '"a\\u0000"',
    '"a\\nb"',
    '"\\u0085"',
    '"\\u007f"',
    '"\\u2028"',
    '"Infinity"',
    '"1.1234567"',
    '"1e3"',
  ],
  ...['"-"', '"+1"', '".5"', '"5."', '"1000000000000"', '"999999999999.999999"', '"EUR"', '"eur"', '"XXX"', '"EURO"'],
  ...['"2026-02-30T00:00:00Z"', '"2026-03-01"', '"2026-03-01T09:00"', '"2026-03-01T24:00:00Z"', '"tomorrow"'],
  ...['8640000000000000', '8640000000000001', '[]', '{}', '[[]]', '[1]', '{"a":{}}', '{"length":3}', '{"0":1}'],
  ...['{"__proto__":1}', '{"__proto__":{"name":"x"}}', '{"constructor":1}', '{"toString":1}', '{"name":"x"}'],
  ...[64, 65, 100, 128, 129, 256, 257, 300, 301, 512, 513, 1024, 1025, 2048, 2049].map((n) =>
    JSON.stringify('y'.repeat(n)),
  ),
  ...[100, 101].flatMap((n) => [JSON.stringify(Array(n).fill({})), JSON.stringify(Array(n).fill(1))]),
  ...[64, 65].map((n) => JSON.stringify(Object.fromEntries(Array.from({ length: n }, (_, i) => [`k${i}`, i])))),
  ...[8, 9, 70].map((n) => `${'{"a":'.repeat(n)}1${'}'.repeat(n)}`),
  // Two UTF-16 units a character: a limit in characters would take twice as many.
  ...[32, 33, 64, 65, 150, 151, 512, 513, 1024, 1025].map((n) => JSON.stringify('𝒳'.repeat(n))),
  // What comes instead of a text may have a length that is no number and cannot become one.
  ...['{"length":{"toString":1}}', '{"length":{"valueOf":{},"toString":{}}}', '{"size":{"toString":1}}'],
  ...lone.map((value) => JSON.stringify(value)),
]
const hostileKeys = [
  '__proto__',
  'constructor',
  'prototype',
  'Name',
  'x'.repeat(65),
  '',
  'a\nb',
  '\ud800',
  '0',
  'merchant',
  'received',
]

export type Change =
  | { readonly kind: 'replace'; readonly json: string }
  | { readonly kind: 'remove' }
  | { readonly kind: 'add'; readonly key: string; readonly json: string }

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.constantFrom(...hostileJson).map((json) => ({ kind: 'replace' as const, json })),
  fc.constant({ kind: 'remove' as const }),
  fc
    .tuple(fc.constantFrom(...hostileKeys), fc.constantFrom(...hostileJson))
    .map(([key, json]) => ({ kind: 'add' as const, key, json })),
)

/** Any JSON at all, and hits spoilt at one to three places, as `JSON.parse` gives them. */
export const anySentHit: fc.Arbitrary<unknown> = fc.oneof(
  {
    weight: 1,
    arbitrary: fc.oneof(
      fc.jsonValue(),
      fc.constantFrom(...hostileJson).map((json) => JSON.parse(json)),
    ),
  },
  {
    weight: 8,
    arbitrary: fc
      .tuple(goodSentHit, fc.array(fc.tuple(fc.nat(), change), { minLength: 1, maxLength: 3 }))
      .map(([hit, changes]) => changes.reduce<unknown>((value, [place, each]) => spoil(value, place, each), hit)),
  },
  { weight: 1, arbitrary: goodSentHit },
)

/** `hit` with one change at one of its places: the hit itself, or a member anywhere inside it. */
export function spoil(hit: unknown, place: number, each: Change): unknown {
  const root = { hit: structuredClone(hit) as unknown }
  const places: { readonly holder: Record<string, unknown>; readonly key: string }[] = []
  const visit = (holder: object) => {
    for (const key of Object.keys(holder)) {
      const members = holder as Record<string, unknown>
      places.push({ holder: members, key })
      const value = members[key]
      if (typeof value === 'object' && value !== null) visit(value)
    }
  }
  visit(root)
  const chosen = places[place % places.length]
  if (chosen === undefined) return hit
  const { holder, key } = chosen
  // JSON knows no holes and no named members of arrays.
  if (each.kind === 'remove' && Array.isArray(holder)) holder.splice(Number(key), 1)
  else if (each.kind === 'remove') delete holder[key]
  else if (each.kind === 'replace') holder[key] = JSON.parse(each.json)
  else {
    const target = holder[key]
    const container = typeof target === 'object' && target !== null ? target : (root.hit as object)
    if (Array.isArray(container)) container.push(JSON.parse(each.json))
    else if (typeof container === 'object' && container !== null) own(container, each.key, JSON.parse(each.json))
  }
  return root.hit
}

/** As `JSON.parse` does it: `__proto__` becomes a member like others. */
function own(holder: object, key: string, value: unknown): void {
  Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true })
}
