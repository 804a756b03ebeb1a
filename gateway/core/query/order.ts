/** Orders of rows: total, so that a page can go on exactly where the last one ended. */

export type Direction = 'asc' | 'desc'

/** What a metric is ordered by; null (of nothing) comes last in both directions. */
export type MetricKey = bigint | number | null

export function compareKeys(a: MetricKey, b: MetricKey, direction: Direction): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1
  const order = a < b ? -1 : a > b ? 1 : 0
  return direction === 'asc' ? order : -order
}
