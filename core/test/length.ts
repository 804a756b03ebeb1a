/**
 * How long tests of random and repeated work go on: short in CI, full by hand (`TEST_LENGTH=full`), or as long as a variable
 * of their own says.
 */
export interface TestLength {
  readonly short: number
  readonly full: number
}

/** The number that `variable` says, else the one of the length asked for. @throws RangeError for what is no number above 0 */
export function testLength(variable: string, { short, full }: TestLength): number {
  const { TEST_LENGTH: length = 'short', [variable]: said } = process.env
  if (length !== 'short' && length !== 'full') throw new RangeError(`TEST_LENGTH is short or full, not ${length}`)
  if (said === undefined) return length === 'full' ? full : short
  const count = Number(said)
  if (!Number.isSafeInteger(count) || count < 1) throw new RangeError(`${variable} is no number above 0: ${said}`)
  return count
}
