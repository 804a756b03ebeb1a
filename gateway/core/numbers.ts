/** Numbers as answers write them: exact whatever their size. */

/** A count: a number while JSON readers hold it exactly, a bigint beyond. */
export type Count = number | bigint

/** The smallest exact form of a count. */
export function toCount(value: bigint): Count {
  return value >= -largestExact && value <= largestExact ? Number(value) : value
}

/** JSON of a count: a number up to 2^53, a string of digits beyond it, which JSON readers would round. */
export function countJson(count: Count): string {
  return typeof count === 'number' ? String(count) : `"${count}"`
}

/**
 * Micros as a decimal in major units, exact: as many decimals as it takes, at least `minorDigits`; `12500000n` of EUR is
 * `12.50`, `1n` is `0.000001`, `12000000n` of JPY is `12`.
 */
export function decimalText(micros: bigint, minorDigits: number): string {
  const size = micros < 0n ? -micros : micros
  const whole = size / 1_000_000n
  const digits = String(size % 1_000_000n).padStart(6, '0')
  let kept = 6
  while (kept > minorDigits && digits[kept - 1] === '0') kept -= 1
  const text = kept === 0 ? String(whole) : `${whole}.${digits.slice(0, kept)}`
  return micros < 0n ? `-${text}` : text
}

/** Decimals of a currency's minor unit: 2 for EUR, 0 for JPY, 3 for KWD; 2 for a code that is none. At most 6. */
export function minorDigitsOf(currency: string): number {
  try {
    const { maximumFractionDigits } = new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions()
    return Math.min(6, maximumFractionDigits ?? 2)
  } catch {
    return 2
  }
}

const largestExact = 2n ** 53n
