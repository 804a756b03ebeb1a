/**
 * The metrics one can ask for: a closed list, so that no text of a caller reaches an engine. What each counts is api.md's
 * "Metrics"; `GET /v1/meta` publishes this list.
 */
import type { HitsPart } from '../../core/ports/query-engine.ts'
import { breakdownSketchSize, totalSketchSize } from '../../schemas/tables.ts'

export const metricNames = [
  'hits',
  'pageviews',
  'visitors',
  'sessions',
  'bounce_rate',
  'session_duration',
  'views_per_session',
  'orders',
  'conversion_rate',
  'revenue',
  'load_p50',
  'load_p75',
  'load_p95',
  'load_p99',
] as const

export type Metric = (typeof metricNames)[number]

/**
 * How a metric's number reads. `count` and `distinct`: whole, exact or estimated; `money`: decimal text in major units;
 * `ratio`: a plain number (rates are 0 to 1); `seconds`, `ms`: durations. The last three are null of nothing.
 */
export type MetricKind = 'count' | 'distinct' | 'money' | 'ratio' | 'seconds' | 'ms'

export interface MetricDefinition {
  readonly name: Metric
  readonly kind: MetricKind
  readonly doc: string
}

const definitions: Readonly<
  Record<Metric, { readonly kind: MetricKind; readonly doc: string; readonly needs: Needs }>
> = {
  hits: { kind: 'count', doc: 'all hits, bots left out', needs: { hits: [], visits: false } },
  pageviews: { kind: 'count', doc: 'hits named page_view', needs: { hits: [], visits: false } },
  visitors: {
    kind: 'distinct',
    doc: `distinct visitors; exact up to ${counted(totalSketchSize)} (${counted(breakdownSketchSize)} with a dimension or filter), beyond that ± 1.6 % (3.1 %), one standard error`,
    needs: { hits: ['visitors'], visits: false },
  },
  sessions: {
    kind: 'count',
    doc: 'visits, counted where they start; a dimension or filter speaks of their first hit',
    needs: { hits: null, visits: true },
  },
  bounce_rate: { kind: 'ratio', doc: 'share of sessions of one hit', needs: { hits: null, visits: true } },
  session_duration: {
    kind: 'seconds',
    doc: 'mean time from the first hit of a session to its last',
    needs: { hits: null, visits: true },
  },
  views_per_session: { kind: 'ratio', doc: 'page views in sessions / sessions', needs: { hits: null, visits: true } },
  orders: { kind: 'count', doc: 'hits named purchase', needs: { hits: [], visits: false } },
  conversion_rate: { kind: 'ratio', doc: 'orders / sessions', needs: { hits: [], visits: true } },
  revenue: {
    kind: 'money',
    doc: "sum of revenue in the merchant's currency, exact, as a decimal string in major units",
    needs: { hits: ['otherRevenue'], visits: false },
  },
  load_p50: load(50),
  load_p75: load(75),
  load_p95: load(95),
  load_p99: load(99),
}

function load(percent: number) {
  return {
    kind: 'ms' as const,
    doc: `load time (props.load_ms) that ${percent} % of loads keep to, ± 1 %`,
    needs: { hits: ['load' as const], visits: false },
  }
}

function counted(sketchSize: number): string {
  return (sketchSize - 1).toLocaleString('en')
}

export const metricDefinitions: readonly MetricDefinition[] = metricNames.map((name) => {
  const { kind, doc } = definitions[name]
  return { name, kind, doc }
})

/** What is answered when no metric is named. */
export const defaultMetrics: readonly Metric[] = ['hits', 'pageviews', 'visitors']

export function isMetric(text: string): text is Metric {
  return Object.hasOwn(definitions, text)
}

export function kindOf(metric: Metric): MetricKind {
  return definitions[metric].kind
}

/** What metrics are computed of: parts of hits' numbers (null: no number of hits), and whether of visits. */
export interface Needs {
  readonly hits: readonly HitsPart[] | null
  readonly visits: boolean
}

export function needsOf(metrics: readonly Metric[]): Needs {
  let parts: Set<HitsPart> | null = null
  let visits = false
  for (const metric of metrics) {
    const needs = definitions[metric].needs
    if (needs.hits !== null) parts = new Set([...(parts ?? []), ...needs.hits])
    visits ||= needs.visits
  }
  return { hits: parts === null ? null : [...parts].sort(), visits }
}
