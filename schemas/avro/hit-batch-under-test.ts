/** Arbitrary batches, for tests of the codec: everything the types allow, sent through no check. */
import fc from 'fast-check'
import type { EventTime, ReceivedTime } from '../../core/event-time.ts'
import type { Hit, HitBatch, PropValue } from '../../core/hit.ts'
import type { MerchantId } from '../../core/ids.ts'
import { longLimit } from './long-limit.ts'

const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 80 }), fc.string({ unit: 'grapheme', maxLength: 80 }))
const textOrNull = fc.option(text)
const micros = fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.bigInt({ min: -200n, max: 200n }))
const instant = fc.oneof(
  fc.maxSafeInteger().filter((ms) => Math.abs(ms) < longLimit),
  fc.constantFrom(longLimit - 1, 1 - longLimit),
  fc.integer({ min: -300, max: 300 }),
  fc.constant(1_772_000_000_000),
)
const double = fc.double({ noNaN: true })
const propValue: fc.Arbitrary<PropValue> = fc.oneof(text, double, fc.boolean(), fc.constant(null))
const key = fc.oneof(fc.constantFrom('constructor', 'toString', '', '0'), text).filter((name) => name !== '__proto__')

export const arbitraryHit: fc.Arbitrary<Hit> = fc.record({
  id: text,
  name: text,
  time: instant.map((ms) => ms as EventTime),
  visitor: text,
  session: textOrNull,
  user: textOrNull,
  url: textOrNull,
  referrer: textOrNull,
  title: textOrNull,
  revenue: fc.option(fc.record({ micros, currency: text })),
  items: fc.array(
    fc.record({ id: textOrNull, name: textOrNull, quantity: fc.option(double), priceMicros: fc.option(micros) }),
    { maxLength: 3 },
  ),
  props: fc.dictionary(key, propValue, { maxKeys: 5, noNullPrototype: true }),
  context: fc.option(
    fc.record({
      userAgent: textOrNull,
      language: textOrNull,
      screen: textOrNull,
      timeZone: textOrNull,
      campaign: fc.option(
        fc.record({ source: textOrNull, medium: textOrNull, name: textOrNull, term: textOrNull, content: textOrNull }),
      ),
    }),
  ),
})

export const arbitraryBatch: fc.Arbitrary<HitBatch> = fc.record({
  merchant: text.map((id) => id as MerchantId),
  zone: text,
  currency: text,
  received: instant.map((ms) => ms as ReceivedTime),
  addressPrefix: textOrNull,
  requestUserAgent: textOrNull,
  requestLanguage: textOrNull,
  requestClientHints: fc.option(
    fc.record({
      brands: textOrNull,
      mobile: textOrNull,
      platform: textOrNull,
      platformVersion: textOrNull,
      model: textOrNull,
    }),
  ),
  keyKind: fc.constantFrom('browser', 'server'),
  hits: fc.array(arbitraryHit, { maxLength: 4 }),
})
