/** Times of many answers, and what to say of them. */

/** The `share`-quantile (0 to 1) by nearest rank; NaN of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

/** `p50 4.1 ms, p99 18 ms of 400 answers (goal p99 25 ms: met)`. */
export function describeTimes(timesMs: readonly number[], p99GoalMs?: number): string {
  const p99 = percentile(timesMs, 0.99)
  const text = `p50 ${percentile(timesMs, 0.5).toPrecision(3)} ms, p99 ${p99.toPrecision(3)} ms of ${timesMs.length} answers`
  if (p99GoalMs === undefined) return text
  return `${text} (goal p99 ${p99GoalMs} ms: ${p99 < p99GoalMs ? 'met' : 'MISSED'})`
}
