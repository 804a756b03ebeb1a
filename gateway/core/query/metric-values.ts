/** Metrics of a row: of the sums of hits and of visits. A ratio, mean or quantile of nothing is null, a count of nothing 0. */
import type { HitsNumbers, VisitsNumbers } from '../cells.ts'
import { loadPercents } from '../cells-cell.ts'
import type { Metric } from '../metrics.ts'
import { countJson, decimalText, toCount } from '../numbers.ts'
import type { MetricValue } from './answer.ts'
import type { MetricKey } from './order.ts'

/** Numbers of hits and of visits that belong to one row; undefined: nothing fell into it, or nothing of the kind was asked. */
export interface RowNumbers {
  readonly hits: HitsNumbers | undefined
  readonly visits: VisitsNumbers | undefined
}

/** `minorDigits`: of the merchant's currency. */
export function metricValue(metric: Metric, row: RowNumbers, minorDigits: number): MetricValue {
  switch (metric) {
    case 'hits':
    case 'pageviews':
    case 'orders':
      return { kind: 'count', value: toCount(row.hits?.[metric] ?? 0n) }
    case 'sessions':
      return { kind: 'count', value: toCount(row.visits?.sessions ?? 0n) }
    case 'visitors':
      return { kind: 'count', value: visitorsOf(row) }
    case 'revenue':
      return { kind: 'money', text: decimalText(row.hits?.revenueMicros ?? 0n, minorDigits) }
    case 'session_duration':
      return { kind: 'seconds', value: metricKey(metric, row) as number | null }
    case 'bounce_rate':
    case 'views_per_session':
    case 'conversion_rate':
      return { kind: 'ratio', value: metricKey(metric, row) as number | null }
    default:
      return { kind: 'ms', value: metricKey(metric, row) as number | null }
  }
}

/** What rows are ordered by. */
export function metricKey(metric: Metric, { hits, visits }: RowNumbers): MetricKey {
  switch (metric) {
    case 'hits':
    case 'pageviews':
    case 'orders':
      return hits?.[metric] ?? 0n
    case 'revenue':
      return hits?.revenueMicros ?? 0n
    case 'visitors':
      return visitorsOf({ hits, visits })
    case 'sessions':
      return visits?.sessions ?? 0n
    case 'bounce_rate':
      return perSession(visits?.bounces, visits)
    case 'session_duration': {
      const ms = perSession(visits?.durationMs, visits)
      return ms === null ? null : ms / 1_000
    }
    case 'views_per_session':
      return perSession(visits?.pageviews, visits)
    case 'conversion_rate':
      return perSession(hits?.orders ?? 0n, visits)
    default: {
      const percent = loadPercents.find((each) => metric === `load_p${each}`)
      return percent === undefined ? null : (hits?.load?.[percent] ?? null)
    }
  }
}

/** 0 where there is no hit; null where there are and their visitors were not counted. */
function visitorsOf({ hits }: RowNumbers): number | null {
  return hits === undefined ? 0 : (hits.visitors?.count ?? null)
}

function perSession(sum: bigint | undefined, visits: VisitsNumbers | undefined): number | null {
  if (sum === undefined || visits === undefined || visits.sessions === 0n) return null
  return Number(sum) / Number(visits.sessions)
}

/** The JSON of a metric: counts and ratios as numbers (counts beyond 2^53 as digits in a string), money as a string. */
export function metricJson(value: MetricValue): string {
  if (value.kind === 'money') return `"${value.text}"`
  if (value.kind === 'count') return value.value === null ? 'null' : countJson(value.value)
  return value.value === null ? 'null' : String(value.value)
}

/** Sums of two sets of hits; what cannot be added (visitors, load times) is left out. */
export function addHits(a: HitsNumbers, b: HitsNumbers): HitsNumbers {
  const otherRevenue = addOtherRevenue(a.otherRevenue, b.otherRevenue)
  return {
    hits: a.hits + b.hits,
    pageviews: a.pageviews + b.pageviews,
    orders: a.orders + b.orders,
    revenueMicros: a.revenueMicros + b.revenueMicros,
    ...(otherRevenue && { otherRevenue }),
  }
}

export function addVisits(a: VisitsNumbers, b: VisitsNumbers): VisitsNumbers {
  return {
    sessions: a.sessions + b.sessions,
    bounces: a.bounces + b.bounces,
    durationMs: a.durationMs + b.durationMs,
    pageviews: a.pageviews + b.pageviews,
  }
}

/** Rising by code. */
export function addOtherRevenue(
  a: HitsNumbers['otherRevenue'],
  b: HitsNumbers['otherRevenue'],
): HitsNumbers['otherRevenue'] {
  if (a === undefined || b === undefined || b.length === 0) return a ?? b
  const sums = new Map(a.map(({ currency, micros }) => [currency, micros]))
  for (const { currency, micros } of b) sums.set(currency, (sums.get(currency) ?? 0n) + micros)
  return [...sums].sort(([x], [y]) => (x < y ? -1 : 1)).map(([currency, micros]) => ({ currency, micros }))
}
