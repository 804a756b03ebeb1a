/** The k smallest distinct of many unsigned hashes at once: a KMV sketch of an epoch, cheaper than one kept hit by hit. */

/** Rising and distinct, at most `k`. Hashes are 0 to 2^63 − 1 (core/sketch/kmv.ts). */
export function kSmallest(hashes: readonly bigint[], k: number): readonly bigint[] {
  if (hashes.length <= 1) return hashes.slice(0, k)
  // A typed array sorts natively, without calling a comparison a pair.
  const sorted = BigUint64Array.from(hashes).sort()
  const distinct: bigint[] = []
  let last = -1n
  for (const hash of sorted) {
    if (hash === last) continue
    distinct.push(hash)
    if (distinct.length === k) break
    last = hash
  }
  return distinct
}
