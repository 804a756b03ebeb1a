/**
 * Quantiles that merge: a histogram whose buckets grow by a constant factor, so that every value is told to within 1 % of
 * itself and the histogram of a whole is the sum of its parts' (DDSketch: Masson, Rim, Lee, "DDSketch: a fast and
 * fully-mergeable quantile sketch with relative-error guarantees", VLDB 2019).
 *
 * The number of a value's bucket is computed once, in the row step, and stored: engines' logarithms differ in rare cases,
 * and then a bucket would depend on who counted. Numbers are in the order of the values, negative ones included, so SQL
 * may sort by them.
 */

/** Of the value told to the value that was; at most. */
export const relativeError = 0.01

const growth = (1 + relativeError) / (1 - relativeError)
const logGrowth = Math.log(growth)

/**
 * The bucket of 1; that of γ^i has `middle` + i. Doubles reach from γ^−37,220 to γ^35,488, so numbers of positive values
 * are above 0, the bucket of zero.
 */
const middle = 40_000

/** A histogram: how many values each bucket holds, rising by bucket. */
export type Histogram = readonly { readonly bucket: number; readonly n: bigint }[]

/** The bucket of a finite number: the larger the number, the larger or equal its bucket. @throws RangeError for another */
export function loadBucket(ms: number): number {
  if (!Number.isFinite(ms)) throw new RangeError(`only finite numbers have a bucket, got ${ms}`)
  if (ms === 0) return 0
  const index = middle + Math.ceil(Math.log(Math.abs(ms)) / logGrowth)
  return ms > 0 ? index : -index
}

/**
 * What stands for the values of a bucket: no further than 1 % from any of them (below 2^−1022, where doubles are no
 * longer that fine, at most one step of theirs further). @throws RangeError for what is no bucket of `loadBucket`
 */
export function bucketValue(code: number): number {
  if (code === 0) return 0
  const index = Math.abs(code) - middle
  if (!Number.isInteger(code) || index < smallestIndex || index > largestIndex) {
    throw new RangeError(`${code} is the number of no bucket`)
  }
  // 2γ^i/(γ+1), written so that the power itself stays below the largest double.
  const size = Math.min(growth ** (index - 1) * (1 + relativeError), Number.MAX_VALUE)
  return code > 0 ? size : -size
}

const smallestIndex = loadBucket(Number.MIN_VALUE) - middle
const largestIndex = loadBucket(Number.MAX_VALUE) - middle

const millionths = 1_000_000

/**
 * The `q`-quantile (0 to 1, to six decimals) of a histogram: of N values in order the one with rank ⌈q·N⌉ (the first where
 * that is 0), to within 1 %. No values are made up between two: the median of 1 and 100 is 1. Null where it holds nothing.
 */
export function quantileOf(histogram: Histogram, q: number): number | null {
  if (!(q >= 0 && q <= 1)) throw new RangeError(`a quantile is between 0 and 1, got ${q}`)
  let total = 0n
  for (const { n } of histogram) total += n
  if (total === 0n) return null
  // In integers: 0.07 × 100 is above 7 in doubles, which would be rank 8.
  const share = total * BigInt(Math.round(q * millionths))
  const rank = (share + BigInt(millionths - 1)) / BigInt(millionths)
  let passed = 0n
  for (const { bucket, n } of histogram) {
    passed += n
    if (n > 0n && passed >= rank) return bucketValue(bucket)
  }
  return null
}
