/** A straight line through measurements over time: whether something grows, and how fast. */

export interface Sample {
  readonly atMs: number
  readonly value: number
}

/** Least squares: what `value` gains an hour; NaN of fewer than two instants. */
export function slopePerHour(samples: readonly Sample[]): number {
  const count = samples.length
  const meanAt = samples.reduce((sum, { atMs }) => sum + atMs, 0) / count
  const meanValue = samples.reduce((sum, { value }) => sum + value, 0) / count
  let covariance = 0
  let variance = 0
  for (const { atMs, value } of samples) {
    covariance += (atMs - meanAt) * (value - meanValue)
    variance += (atMs - meanAt) ** 2
  }
  return variance === 0 ? Number.NaN : (covariance / variance) * 3_600_000
}

/** The slopes of the first and of the second half by themselves, the smaller first: how far one line is the truth. */
export function slopesOfHalves(samples: readonly Sample[]): readonly [number, number] {
  const half = Math.floor(samples.length / 2)
  const [first, second] = [slopePerHour(samples.slice(0, half)), slopePerHour(samples.slice(half))]
  return first <= second ? [first, second] : [second, first]
}
