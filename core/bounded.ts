/**
 * Texts and lists of bounded length, for schemas of what comes from outside. Not zod's own `min` and `max` of lengths: they
 * count code points where our limits are UTF-16 units (docs/reference/http.md), and are asked of whatever came instead of a
 * text, so that `{"length":{"toString":1}}` makes zod throw.
 */
import { z } from 'zod'

/** How long a text (UTF-16 units) or a list (items) may be, both inclusive. */
export interface Bounds {
  readonly min: number
  readonly max: number
}

const boundsOfRules = new WeakMap<object, Bounds>()

/** The bounds that a rule made here holds; undefined for any other. */
export function boundsOf(rule: unknown): Bounds | undefined {
  return typeof rule === 'function' ? boundsOfRules.get(rule) : undefined
}

/** A text of `min` to `max` UTF-16 units. Rules put behind it see no longer one. */
export function boundedText(max: number, min = 0): z.ZodString {
  return z
    .string()
    .refine(lengthWithin({ min, max }), { error: wanted({ min, max }, 'characters'), abort: true })
    .meta({ ...(min > 0 && { minLength: min }), maxLength: max })
}

/** A list of `min` to `max` items. */
export function boundedList<T extends z.ZodType>(item: T, max: number, min = 0): z.ZodArray<T> {
  return z
    .array(item)
    .refine(lengthWithin({ min, max }), { error: wanted({ min, max }, 'items'), abort: true })
    .meta({ ...(min > 0 && { minItems: min }), maxItems: max })
}

function lengthWithin(bounds: Bounds): (value: { readonly length: number }) => boolean {
  const { min, max } = bounds
  const rule = ({ length }: { readonly length: number }) => length >= min && length <= max
  boundsOfRules.set(rule, bounds)
  return rule
}

function wanted({ min, max }: Bounds, what: string): string {
  return min === 0 ? `must have at most ${max} ${what}` : `must have ${min} to ${max} ${what}`
}
