/**
 * What merchants may send as a hit: the source of truth for types, lengths and what strings may hold. The hot path runs a
 * check compiled from it (`compile-check.ts`); zod itself runs only to explain a refusal.
 *
 * Fields that do not exist are refused rather than dropped: a misspelt `revenu` must be seen, not lost for ever. A field
 * left out is absent; null is a value only inside `props`.
 */
import { z } from 'zod'
import { boundedList, boundedText } from '../bounded.ts'
import { isAmount } from './amount.ts'
import { isCurrency } from './currency.ts'
import { isInstant } from './instant.ts'
import { hitLimits } from './limits.ts'
import { isLine, isPrototypeKey, isText } from './text.ts'

const line = (maxLength: number) =>
  boundedText(maxLength, 1).refine(isLine, { error: 'must be whole Unicode without control characters' })

const text = (maxLength: number) =>
  boundedText(maxLength).refine(isText, { error: 'must be whole Unicode without NUL' })

const amount = z.custom<number | string>(isAmount, {
  error: 'must be a number, or a text of digits with at most 6 decimals, between -10^12 and 10^12',
  params: { code: 'bad_amount' },
})

const currency = z.custom<string>(isCurrency, {
  error: 'must be an ISO 4217 code in capitals, such as EUR',
  params: { code: 'bad_currency' },
})

const time = z.custom<number | string>(isInstant, {
  error: 'must be ISO 8601 with a zone, or milliseconds since 1970',
})

const propValue = z.union([text(hitLimits.propTextLength), z.number(), z.boolean(), z.null()])

// zod walks past `__proto__` in a record, so it is looked for before.
const props = z.custom<Record<string, unknown>>(hasNoPrototypeKey, { error: 'must not hold __proto__' }).pipe(
  z
    .record(
      boundedText(hitLimits.propKeyLength)
        .refine(isLine, { error: 'must be one line of whole Unicode' })
        .refine((key) => !isPrototypeKey(key), { error: 'reaches for the prototype' }),
      propValue,
    )
    .refine(hasFewKeys, { error: `must have at most ${hitLimits.propCount} keys` }),
)

const item = z.strictObject({
  id: text(hitLimits.itemIdLength).optional(),
  name: text(hitLimits.itemNameLength).optional(),
  quantity: z.number().optional(),
  price: amount.optional(),
})

const campaignText = text(hitLimits.campaignLength).optional()

const context = z.strictObject({
  userAgent: text(hitLimits.userAgentLength).optional(),
  language: text(hitLimits.languageLength).optional(),
  screen: text(hitLimits.screenLength).optional(),
  timeZone: text(hitLimits.timeZoneLength).optional(),
  campaign: z
    .strictObject({
      source: campaignText,
      medium: campaignText,
      name: campaignText,
      term: campaignText,
      content: campaignText,
    })
    .optional(),
})

export const hitSchema = z.strictObject({
  id: line(hitLimits.idLength).optional(),
  name: line(hitLimits.nameLength),
  time: time.optional(),
  visitor: line(hitLimits.idLength).optional(),
  session: line(hitLimits.idLength).optional(),
  user: line(hitLimits.idLength).optional(),
  url: text(hitLimits.urlLength).optional(),
  referrer: text(hitLimits.urlLength).optional(),
  title: text(hitLimits.titleLength).optional(),
  revenue: z.strictObject({ amount, currency }).optional(),
  items: boundedList(item, hitLimits.itemCount).optional(),
  props: props.optional(),
  context: context.optional(),
})

/** A hit as a merchant sends it, checked. */
export type SentHit = z.infer<typeof hitSchema>

function hasNoPrototypeKey(value: unknown): boolean {
  // `constructor` is left to the check of the keys.
  return typeof value !== 'object' || value === null || !Object.hasOwn(value, '__proto__')
}

function hasFewKeys(value: object): boolean {
  let count = 0
  for (const _key in value) count++
  return count <= hitLimits.propCount
}
