/** Money as merchants send it, and as integer micros (millionths of a unit), exactly. */

/** |amount| of any price or revenue is below this. */
export const amountLimit = 1e12
/** Decimals that an amount keeps; more in a text are refused, more in a number are noise of binary fractions. */
export const amountDecimals = 6

const plainAmount = /^-?\d{1,32}(?:\.\d{1,6})?$/

/** Whether `value` is an amount: a finite number, or a text of digits with at most 6 decimals, below the limit. */
export function isAmount(value: unknown): boolean {
  if (typeof value === 'number') return Math.abs(value) < amountLimit
  if (typeof value !== 'string' || !plainAmount.test(value)) return false
  const micros = textToMicros(value)
  return micros > -microsLimit && micros < microsLimit
}

/** Micros of a value that `isAmount` takes. A number is rounded to 6 decimals, halves away from 0. */
export function amountToMicros(value: number | string): bigint {
  if (typeof value === 'string') return textToMicros(value)
  const scaled = value * 1e6
  const nearest = Math.round(scaled)
  // Below 2^50 the product is off by less than 1/8: a scaled value this near to a whole number can mean no other.
  if (Math.abs(scaled) < 2 ** 50 && Math.abs(scaled - nearest) < 0.25) return BigInt(nearest)
  // toFixed rounds the exact value of the double, which the product above may have lost.
  return textToMicros(value.toFixed(amountDecimals))
}

const microsLimit = 10n ** 18n

function textToMicros(text: string): bigint {
  const point = text.indexOf('.')
  if (point < 0) return BigInt(text) * 1_000_000n
  return BigInt(text.slice(0, point) + text.slice(point + 1).padEnd(amountDecimals, '0'))
}
