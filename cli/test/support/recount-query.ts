/**
 * An independent recount of `POST /v1/query`: plain loops and maps over the hits that were sent, written from the contract
 * (api.md), sharing no code with the pipeline, the tables, the engines or the gateway. Visitors and quantiles are exact.
 */
import { bucketStart, type Interval } from './recount.ts'

/** A hit as it was sent, with what its dimensions must be. */
export interface KnownHit {
  readonly time: number
  readonly name: string
  readonly visitor: string
  readonly session: string | null
  readonly bot: boolean
  /** By dimension, `props.<key>` too; null or absent: none. */
  readonly dimensions: Readonly<Record<string, string | null>>
  /** In cents of `currency`. */
  readonly cents: number
  readonly currency: string | null
  readonly loadMs: number | null
}

export type AskedFilter =
  | readonly ['is' | 'is_not' | 'contains' | 'contains_not', string, readonly (string | null)[]]
  | readonly ['and' | 'or', readonly AskedFilter[]]
  | readonly ['not', AskedFilter]

export interface Asked {
  readonly metrics: readonly string[]
  readonly dateRange: readonly [string, string]
  readonly dimensions: readonly string[]
  readonly filters: readonly AskedFilter[]
  readonly timeZone: string
}

export interface Group {
  readonly dimensions: readonly (string | null)[]
  readonly values: Readonly<Record<string, number | null>>
}

interface Visit {
  readonly first: KnownHit
  last: number
  hits: number
  pageviews: number
}

const pauseMs = 30 * 60_000

/** Everything asked, by the JSON of its dimensions. `homeCurrency` is the merchant's. */
export function recountQuery(
  hits: readonly KnownHit[],
  asked: Asked,
  homeCurrency: string,
): ReadonlyMap<string, Group> {
  const { from, to } = rangeOf(asked)
  const speaksOfBots = JSON.stringify([asked.dimensions, asked.filters]).includes('"bot"')
  const passes = (hit: KnownHit) => (speaksOfBots || !hit.bot) && asked.filters.every((filter) => holds(filter, hit))
  const inRange = (time: number) => time >= from && time < to
  const keyOf = (hit: KnownHit) =>
    JSON.stringify(
      asked.dimensions.map((dimension) =>
        dimension.startsWith('time:')
          ? bucketStart(new Date(hit.time).toISOString(), asked.timeZone, dimension.slice(5) as Interval)
          : dimensionOf(hit, dimension),
      ),
    )
  const hitsOf = new Map<string, KnownHit[]>()
  const visitsOf = new Map<string, Visit[]>()
  for (const hit of hits) if (inRange(hit.time) && passes(hit)) append(hitsOf, keyOf(hit), hit)
  // A visit is made of all hits of its visitor; only its first hit must pass.
  for (const visit of visits(hits)) {
    if (inRange(visit.first.time) && passes(visit.first)) append(visitsOf, keyOf(visit.first), visit)
  }
  // Of no dimension there is always one group.
  const least = asked.dimensions.length === 0 ? ['[]'] : []
  const keys = new Set([...least, ...hitsOf.keys(), ...(asksVisits(asked) ? visitsOf.keys() : [])])
  const onlyVisits = asked.metrics.every((metric) => visitMetrics.has(metric))
  const groups = new Map<string, Group>()
  for (const key of keys) {
    if (onlyVisits && !visitsOf.has(key) && !least.includes(key)) continue
    const values = numbers(hitsOf.get(key) ?? [], visitsOf.get(key) ?? [], homeCurrency)
    groups.set(key, { dimensions: JSON.parse(key), values })
  }
  return groups
}

const visitMetrics = new Set(['sessions', 'bounce_rate', 'session_duration', 'views_per_session'])
const asksVisits = ({ metrics }: Asked) =>
  metrics.some((metric) => visitMetrics.has(metric) || metric === 'conversion_rate')

function numbers(hits: readonly KnownHit[], visits: readonly Visit[], homeCurrency: string) {
  const orders = hits.filter(({ name }) => name === 'purchase').length
  const cents = hits.reduce((sum, hit) => sum + (hit.currency === homeCurrency ? hit.cents : 0), 0)
  const loads = hits.flatMap(({ loadMs }) => (loadMs === null ? [] : [loadMs])).sort((a, b) => a - b)
  const quantile = (q: number) =>
    loads.length === 0 ? null : (loads[Math.max(0, Math.ceil(q * loads.length) - 1)] as number)
  const perVisit = (sum: number) => (visits.length === 0 ? null : sum / visits.length)
  return {
    hits: hits.length,
    pageviews: hits.filter(({ name }) => name === 'page_view').length,
    orders,
    visitors: new Set(hits.map(({ visitor }) => visitor)).size,
    revenue: cents / 100,
    sessions: visits.length,
    bounce_rate: perVisit(visits.filter((visit) => visit.hits === 1).length),
    session_duration: perVisit(visits.reduce((sum, visit) => sum + (visit.last - visit.first.time) / 1_000, 0)),
    views_per_session: perVisit(visits.reduce((sum, visit) => sum + visit.pageviews, 0)),
    conversion_rate: perVisit(orders),
    load_p50: quantile(0.5),
    load_p75: quantile(0.75),
    load_p95: quantile(0.95),
    load_p99: quantile(0.99),
  }
}

/** By the 30 minutes' rule alone: nobody here stays for a day. Bots' visits are bots' alone. */
function visits(hits: readonly KnownHit[]): Visit[] {
  const open = new Map<string, Visit>()
  const found: Visit[] = []
  for (const hit of [...hits].sort((a, b) => a.time - b.time)) {
    const line = JSON.stringify([hit.visitor, hit.session, hit.bot])
    let visit = open.get(line)
    const isLate = visit !== undefined && hit.session === null && hit.time - visit.last >= pauseMs
    if (visit === undefined || isLate) {
      visit = { first: hit, last: hit.time, hits: 0, pageviews: 0 }
      open.set(line, visit)
      found.push(visit)
    }
    visit.last = hit.time
    visit.hits += 1
    if (hit.name === 'page_view') visit.pageviews += 1
  }
  return found
}

function rangeOf({ dateRange: [from, to], timeZone }: Asked): { from: number; to: number } {
  if (from.includes('T')) return { from: Date.parse(from), to: Date.parse(to) }
  return { from: startOfDate(from, timeZone, 0), to: startOfDate(to, timeZone, 1) }
}

/** The first instant of a date's local day, found by trying quarters of an hour. */
function startOfDate(date: string, timeZone: string, daysLater: number): number {
  const day = new Date(Date.parse(`${date}T00:00:00Z`) + daysLater * 86_400_000).toISOString().slice(0, 10)
  const noon = Date.parse(`${day}T12:00:00Z`)
  for (let at = noon - 36 * 3_600_000; ; at += 900_000) {
    if (bucketStart(new Date(at).toISOString(), timeZone, 'day').slice(0, 10) === day) return at
    if (at > noon + 36 * 3_600_000) throw new Error(`no ${day} in ${timeZone}`)
  }
}

function holds(filter: AskedFilter, hit: KnownHit): boolean {
  switch (filter[0]) {
    case 'and':
      return filter[1].every((each) => holds(each, hit))
    case 'or':
      return filter[1].some((each) => holds(each, hit))
    case 'not':
      return !holds(filter[1], hit)
    default: {
      const [operator, dimension, values] = filter
      const value = dimensionOf(hit, dimension)
      const is = values.some((each) => (each || null) === value)
      const contains = values.some((each) => (value ?? '').includes(each ?? ''))
      if (operator === 'is') return is
      if (operator === 'is_not') return !is
      return operator === 'contains' ? contains : !contains
    }
  }
}

function dimensionOf(hit: KnownHit, dimension: string): string | null {
  if (dimension === 'name') return hit.name
  if (dimension === 'bot') return String(hit.bot)
  const value = hit.dimensions[dimension]
  return value === undefined || value === '' ? null : value
}

function append<V>(map: Map<string, V[]>, key: string, value: V): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [value])
  else list.push(value)
}
