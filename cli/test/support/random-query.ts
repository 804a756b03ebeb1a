/** Questions drawn from a seed: metrics, ranges, dimensions and filter trees over values that hits have, or nearly have. */
import { mulberry32 } from '../../seed/random.ts'
import type { Asked, AskedFilter, KnownHit } from './recount-query.ts'

const metrics = [
  'hits',
  'pageviews',
  'orders',
  'visitors',
  'revenue',
  'sessions',
  'bounce_rate',
  'session_duration',
  'views_per_session',
  'conversion_rate',
  'load_p50',
  'load_p75',
  'load_p95',
  'load_p99',
] as const
const stored = ['name', 'page', 'source', 'country', 'device', 'browser', 'campaign'] as const
const rawOnly = ['os', 'medium', 'language', 'bot', 'props.plan', 'props.score', 'props.is new?'] as const
const times = ['time:hour', 'time:day', 'time:week', 'time:month'] as const
const operators = ['is', 'is_not', 'contains', 'contains_not'] as const

export interface QueryWorld {
  readonly hits: readonly KnownHit[]
  readonly timeZone: string
  /** Whole local dates, both inclusive. */
  readonly firstDate: string
  readonly lastDate: string
}

/** `count` questions; about half of them a rollup can answer, the others need the hits. */
export function randomQueries(world: QueryWorld, options: { readonly seed: number; readonly count: number }): Asked[] {
  const random = mulberry32(options.seed)
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T
  const first = Date.parse(world.firstDate)
  const days = Math.round((Date.parse(world.lastDate) - first) / 86_400_000) + 1
  const date = (day: number) => new Date(first + day * 86_400_000).toISOString().slice(0, 10)

  const value = (dimension: string): string | null => {
    if (random() < 0.05) return null
    if (random() < 0.08) return "nothing' OR 1=1 --"
    const hit = pick(world.hits)
    if (dimension === 'name') return hit.name
    if (dimension === 'bot') return String(hit.bot)
    return hit.dimensions[dimension] ?? null
  }
  const leaf = (dimension: string): AskedFilter => {
    const operator = pick(operators)
    const values = Array.from({ length: 1 + Math.floor(random() * 3) }, () => value(dimension))
    if (operator === 'is' || operator === 'is_not') return [operator, dimension, values]
    // A part of each; a part of nothing would be in everything.
    const parts = values.map((text) => text?.slice(Math.floor(random() * 3), 3 + Math.floor(random() * 6)) || 'zz')
    return [operator, dimension, parts]
  }
  const tree = (dimensions: readonly string[], depth: number): AskedFilter => {
    const draw = random()
    if (depth === 0 || draw < 0.5) return leaf(pick(dimensions))
    if (draw < 0.65) return ['not', tree(dimensions, depth - 1)]
    const filters = Array.from({ length: 2 }, () => tree(dimensions, depth - 1))
    return [draw < 0.85 ? 'and' : 'or', filters]
  }

  return Array.from({ length: options.count }, () => {
    const one = pick(stored)
    const from = Math.floor(random() * days)
    const to = Math.min(days - 1, from + Math.floor(random() ** 2 * days))
    const spoken: readonly string[] = random() < 0.6 ? [one] : [one, pick(stored), pick(rawOnly)]
    const dimensions: string[] = []
    if (random() < 0.5) dimensions.push(pick(to - from > 20 ? times.slice(1) : times))
    if (random() < 0.6) dimensions.push(one)
    if (spoken.length > 1 && random() < 0.4) dimensions.push(pick(spoken.filter((each) => !dimensions.includes(each))))
    return {
      metrics: [...new Set(Array.from({ length: 1 + Math.floor(random() * 4) }, () => pick(metrics)))],
      dateRange: [date(from), date(to)],
      dimensions,
      filters: random() < 0.5 ? [] : [tree(spoken, 2)],
      timeZone: random() < 0.85 ? world.timeZone : 'America/New_York',
    }
  })
}
