/** What a literal may hold, whatever the dialect: values that every engine reads back as exactly the same. */

const minWhole = -(2n ** 63n)
const maxWhole = 2n ** 63n - 1n

/** 0001-01-01 to the end of 9999: the years every engine writes with four digits. */
const minInstant = Date.parse('0001-01-01T00:00:00Z')
const maxInstant = Date.UTC(10_000, 0, 1) - 1

/** @throws RangeError for a lone surrogate: no UTF-8 has it, so an engine would read another text */
export function checkedText(value: string): string {
  if (/\p{Surrogate}/u.test(value)) throw new RangeError('a text with a lone surrogate has no SQL literal')
  return value
}

/** @throws RangeError beyond signed 64 bits, and for a number that may have been rounded already */
export function checkedWhole(value: number | bigint): bigint {
  if (typeof value === 'number' && !Number.isSafeInteger(value))
    throw new RangeError(`${value} is not a safe whole number`)
  const exact = BigInt(value)
  if (exact < minWhole || exact > maxWhole) throw new RangeError(`${exact} is beyond 64 bits`)
  return exact
}

/** `2026-03-29 00:00:00.000`, in UTC. @throws RangeError where `value` is no whole millisecond of the years 1 to 9999 */
export function instantText(value: number): string {
  if (!Number.isSafeInteger(value) || value < minInstant || value > maxInstant) {
    throw new RangeError(`${value} is not a millisecond of the years 1 to 9999`)
  }
  return new Date(value).toISOString().replace('T', ' ').replace('Z', '')
}

/** An instant as the number that it is: its text has no way to be anything but digits. @throws RangeError as `instantText` */
export function checkedInstant(value: number): number {
  instantText(value)
  return value
}

/**
 * The members of a flat JSON object as `JSON.stringify` writes it, one match each: the key as it stands there (1) and the
 * value (2). Matches begin at the object's start and go on from member to member, so text inside of a value is never taken
 * for a key. The number in there is the text that JavaScript makes of it, which no engine makes of a number it has read:
 * 1e21 is `1e+21` here, `1.0E21` to Trino.
 */
export const membersPattern = '("(?:[^"\\\\]|\\\\.)*"):("(?:[^"\\\\]|\\\\.)*"|[^,}]*)'
