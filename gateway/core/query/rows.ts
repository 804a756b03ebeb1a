/** Rows of an answer in their order, and the page of them that is shown. */

import { compareText } from '../../../core/text-order.ts'
import type { Metric } from '../metrics.ts'
import { isMetric } from '../metrics.ts'
import type { NumbersRow } from './ask-numbers.ts'
import type { Place } from './cursor.ts'
import { metricKey } from './metric-values.ts'
import { compareKeys } from './order.ts'
import type { ParsedQuery } from './parse-query.ts'

export interface PlacedRow {
  readonly row: NumbersRow
  readonly place: Place
}

export interface Page {
  readonly shown: readonly PlacedRow[]
  /** Behind the page, in order. */
  readonly behind: readonly PlacedRow[]
  /** Before the page and on it. */
  readonly through: readonly PlacedRow[]
}

type Order = Pick<ParsedQuery, 'orderBy' | 'dimensions'>

/** Of the rows in their order, `limit` after the place `after` (from the first where there is none). */
export function pageOf(
  rows: readonly NumbersRow[],
  query: Order,
  cut: { readonly after: Place | undefined; readonly limit: number },
): Page {
  const metrics = orderMetrics(query)
  const compare = placeOrder(query)
  const placed = rows.map((row): PlacedRow => {
    const { bucket, values, other } = row
    return { row, place: { keys: metrics.map((metric) => metricKey(metric, row)), bucket, values, other } }
  })
  placed.sort((a, b) => compare(a.place, b.place))
  const { after, limit } = cut
  const found = after === undefined ? 0 : placed.findIndex(({ place }) => compare(place, after) > 0)
  const first = found < 0 ? placed.length : found
  const end = first + limit
  return { shown: placed.slice(first, end), behind: placed.slice(end), through: placed.slice(0, end) }
}

/** Whether a place is one of this order: as many keys and values. */
export function fits(place: Place, query: Order & Pick<ParsedQuery, 'values'>): boolean {
  return place.keys.length === orderMetrics(query).length && place.values.length === query.values.length
}

function orderMetrics({ orderBy }: Order): readonly Metric[] {
  return orderBy.flatMap(({ name }) => (isMetric(name) ? name : []))
}

/** As `orderBy` says; equal rows by time, then by their values, so that no two rows share a place. */
function placeOrder({ orderBy, dimensions }: Order): (a: Place, b: Place) => number {
  const valueNames = dimensions.flatMap(({ kind, name }) => (kind === 'value' ? name : []))
  const byValue = (at: number) => (a: Place, b: Place) => compareText(a.values[at] as string, b.values[at] as string)
  const byBucket = (a: Place, b: Place) => a.bucket - b.bucket
  let metrics = 0
  const steps = orderBy.map(({ name, direction }): ((a: Place, b: Place) => number) => {
    if (isMetric(name)) {
      const at = metrics++
      return (a, b) => compareKeys(a.keys[at] ?? null, b.keys[at] ?? null, direction)
    }
    const at = (valueNames as readonly string[]).indexOf(name)
    const step = at < 0 ? byBucket : byValue(at)
    return direction === 'asc' ? step : (a, b) => step(b, a)
  })
  const last = (a: Place, b: Place) => Number(a.other) - Number(b.other)
  const all = [...steps, byBucket, ...valueNames.map((_, at) => byValue(at)), last]
  return (a, b) => {
    for (const step of all) {
      const order = step(a, b)
      if (order !== 0) return order
    }
    return 0
  }
}
