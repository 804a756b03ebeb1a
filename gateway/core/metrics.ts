/**
 * The metrics one can ask for: a closed list, so that no text of a caller reaches an engine. What each counts is api.md's
 * "Metrics"; `GET /v1/meta` publishes this list.
 */
import type { Metric } from '../../core/ports/query-engine.ts'

export interface MetricDefinition {
  readonly name: Metric
  readonly kind: 'count' | 'distinct' | 'money'
  readonly doc: string
}

export const metricDefinitions: readonly MetricDefinition[] = [
  { name: 'hits', kind: 'count', doc: 'all hits, bots left out' },
  { name: 'pageviews', kind: 'count', doc: 'hits named page_view' },
  {
    name: 'visitors',
    kind: 'distinct',
    doc: 'distinct visitors; exact up to 4,096, beyond that ± 1.6 % (one standard error)',
  },
  { name: 'orders', kind: 'count', doc: 'hits named purchase' },
  {
    name: 'revenue',
    kind: 'money',
    doc: "sum of revenue in the merchant's currency, exact, as a decimal string in major units",
  },
]

export const metricNames: readonly Metric[] = metricDefinitions.map(({ name }) => name)

/** What is answered when no metric is named. */
export const defaultMetrics: readonly Metric[] = ['hits', 'pageviews', 'visitors']

export function isMetric(text: string): text is Metric {
  return (metricNames as readonly string[]).includes(text)
}
