/** The JSON of a time series, as text: all but what changes while the numbers do not, which is spliced in per answer. */
import type { Metric } from '../../core/ports/query-engine.ts'
import { isoWithOffset } from '../../core/time/calendar.ts'
import type { Cell } from './cells.ts'
import { countJson, decimalText, minorDigitsOf } from './numbers.ts'
import type { SeriesPlan } from './planner.ts'

export interface SeriesFacts {
  readonly merchant: string
  readonly interval: string
  readonly timeZone: string
  readonly currency: string
  readonly generation: number
  readonly metrics: readonly Metric[]
  readonly plan: SeriesPlan
  readonly cells: readonly Cell[]
}

/** Text before `meta`'s `asOf` and `complete`. */
export function seriesHead(facts: SeriesFacts): string {
  const { merchant, interval, timeZone, currency, metrics, plan, cells } = facts
  const minorDigits = metrics.includes('revenue') ? minorDigitsOf(currency) : 0
  const names = JSON.stringify({ merchant, interval, timeZone, currency }).slice(0, -1)
  // Joined, not added up: the text is kept, and a flat string is cheaper to send again than a rope of pieces.
  const text = [names, ',"buckets":[']
  let start = plan.buckets[0] === undefined ? '' : isoWithOffset(timeZone, plan.buckets[0].start)
  plan.buckets.forEach((bucket, i) => {
    const end = isoWithOffset(timeZone, bucket.end)
    text.push(i === 0 ? '' : ',', '{"start":"', start, '","end":"', end, '"')
    const cell = cells[i] as Cell
    for (const metric of metrics) text.push(',"', metric, '":', valueJson(cell, metric, minorDigits))
    text.push('}')
    start = end // buckets touch
  })
  text.push('],"meta":{')
  return text.join('')
}

/** `asOf` and `complete`: true when every hit received before the range's end is in the numbers. */
export function freshnessJson(asOfMs: number, endMs: number): string {
  return `"asOf":"${new Date(asOfMs).toISOString()}","complete":${asOfMs >= endMs}`
}

/** Text after them. `cached` of the buckets came from the cache, the others from the plan's source. */
export function seriesTail(facts: SeriesFacts, served: { readonly cached: number; readonly stale: boolean }): string {
  const { plan, cells, metrics, timeZone, currency, generation } = facts
  const asked = plan.buckets.length - served.cached
  const [first, last] = [plan.buckets[0], plan.buckets.at(-1)]
  const error = metrics.includes('visitors') ? cells.reduce((most, cell) => Math.max(most, cell.visitorsError), 0) : 0
  const meta = {
    servedFrom: {
      cache: served.cached,
      rollup: plan.source === 'rollup' ? asked : 0,
      daily: 0,
      sessions: 0,
      raw: plan.source === 'raw' ? asked : 0,
    },
    // Relative, one standard error, of the worst bucket; the others are at least as good.
    approximate: error === 0 ? {} : { visitors: Number(error.toFixed(4)) },
    truncated: false,
    generation,
    timeZone,
    currency,
    ...(first && last ? { from: isoWithOffset(timeZone, first.start), to: isoWithOffset(timeZone, last.end) } : {}),
    ...(served.stale ? { stale: true } : {}),
  }
  return `,${JSON.stringify(meta).slice(1)}}`
}

function valueJson(cell: Cell, metric: Metric, minorDigits: number): string {
  return metric === 'revenue' ? `"${decimalText(cell.revenueMicros, minorDigits)}"` : countJson(cell[metric])
}
