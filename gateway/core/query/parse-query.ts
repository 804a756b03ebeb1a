/** The body of `POST /v1/query`, read whole: every fault is reported with its JSON pointer, not only the first. */
import type { Dimension, Filter } from '../../../core/ports/query-engine.ts'
import { type CalendarUnit, canonicalZone } from '../../../core/time/calendar.ts'
import type { DateRange } from '../date-range.ts'
import { defaultMetrics, isMetric, type Metric, metricNames } from '../metrics.ts'
import { type CursorParts, cursorOf } from './cursor.ts'
import { type AskedDimension, parseDimension } from './dimensions.ts'
import { bad, isRecord, pointerTo, type QueryFault, quoted, refusal } from './faults.ts'
import { parseFilters } from './filter.ts'
import type { Direction } from './order.ts'
import { type Comparison, parseComparison, parsePeriod } from './periods.ts'

export const defaultLimit = 100
export const maxLimit = 10_000
/** Dimensions of one question; at most one of them is of time. */
export const maxDimensions = 4

export interface OrderBy {
  /** Of the question's metrics or dimensions. */
  readonly name: string
  readonly direction: Direction
}

export interface ParsedQuery {
  readonly metrics: readonly Metric[]
  /** In the order asked. */
  readonly dimensions: readonly AskedDimension[]
  /** Those of hits, and the unit of the one of time. */
  readonly values: readonly Dimension[]
  readonly unit: CalendarUnit | null
  readonly filter: Filter | null
  readonly zone: string
  readonly range: DateRange | 'all'
  readonly comparison: Comparison | undefined
  readonly orderBy: readonly OrderBy[]
  readonly limit: number
  readonly cursor: CursorParts | undefined
  /** As sent, for the answer to repeat. */
  readonly sentFilters: readonly unknown[]
}

/** Of the document of a question. */
export const queryFields = [
  'merchant',
  'metrics',
  'dateRange',
  'dimensions',
  'filters',
  'timeZone',
  'orderBy',
  'compare',
  'limit',
  'cursor',
] as const

/** `merchant` is the route's to read. @throws ProblemError 400 */
export function parseQuery(
  body: unknown,
  context: { readonly merchantZone: string; readonly nowMs: number },
): ParsedQuery {
  if (!isRecord(body))
    throw refusal([bad('', 'the body is a JSON object: {"metrics": ["visitors"], "dateRange": "7d"}')])
  const faults: QueryFault[] = []
  for (const name of Object.keys(body)) {
    if (queryFields.some((each) => each === name)) continue
    faults.push(bad(pointerTo('', name), `there is no field ${quoted(name)}; there are ${queryFields.join(', ')}`))
  }
  const metrics = parseMetrics(body.metrics, '/metrics', faults)
  const dimensions = parseDimensions(body.dimensions, faults)
  const filter = parseFilters(body.filters, '/filters', faults)
  const zone = parseZone(body.timeZone, context.merchantZone, '/timeZone', faults)
  const by = { zone: zone ?? 'UTC', nowMs: context.nowMs }
  const range = parsePeriod(body.dateRange, by, faults)
  const comparison = body.compare === undefined ? undefined : parseComparison(body.compare, by, faults)
  if (range === 'all' && typeof comparison === 'string') {
    faults.push(bad('/compare', 'there is nothing before all; compare with [from, to]'))
  }
  const orderBy = parseOrder(body.orderBy, metrics, dimensions, faults)
  const limit = parseLimit(body.limit, faults)
  const cursor = body.cursor === undefined ? undefined : cursorOf(body.cursor)
  if (cursor === null) faults.push(bad('/cursor', 'this is no cursor of ours; send meta.nextCursor as it came'))
  if (faults.length > 0 || zone === undefined || range === undefined) throw refusal(faults)
  return {
    metrics,
    dimensions,
    values: dimensions.flatMap((each) => (each.kind === 'value' ? each.name : [])),
    unit: dimensions.find((each) => each.kind === 'time')?.unit ?? null,
    filter,
    zone,
    range,
    comparison,
    orderBy,
    limit,
    cursor: cursor ?? undefined,
    sentFilters: Array.isArray(body.filters) ? body.filters : [],
  }
}

/** Each once, in the order asked. */
export function parseMetrics(list: unknown, pointer: string, faults: QueryFault[]): readonly Metric[] {
  if (list === undefined) return defaultMetrics
  if (!Array.isArray(list) || list.length === 0) {
    faults.push(unknownMetric(pointer, `metrics is a list of ${metricNames.join(', ')}`))
    return []
  }
  const metrics = new Set<Metric>()
  for (const name of list) {
    if (typeof name === 'string' && isMetric(name)) metrics.add(name)
    else {
      const what = typeof name === 'string' ? quoted(name) : 'that is not a text'
      // One fault for the list, not one for each: its length is the sender's.
      faults.push(unknownMetric(pointer, `there is no metric ${what}; there are ${metricNames.join(', ')}`))
      break
    }
  }
  return [...metrics]
}

function unknownMetric(pointer: string, message: string): QueryFault {
  return { pointer, code: 'unknown_metric', message, allowed: metricNames }
}

export function parseZone(
  value: unknown,
  merchantZone: string,
  pointer: string,
  faults: QueryFault[],
): string | undefined {
  if (value === undefined) return merchantZone
  const zone = typeof value === 'string' ? canonicalZone(value) : undefined
  if (zone === undefined) {
    const message = 'there is no such time zone; send an IANA name, such as Europe/Berlin'
    faults.push({ pointer, code: 'unknown_zone', message, allowed: Intl.supportedValuesOf('timeZone') })
  }
  return zone
}

function parseDimensions(list: unknown, faults: QueryFault[]): readonly AskedDimension[] {
  if (list === undefined) return []
  if (!Array.isArray(list) || list.length > maxDimensions) {
    faults.push(bad('/dimensions', `dimensions is a list of at most ${maxDimensions}`))
    return []
  }
  const dimensions: AskedDimension[] = []
  for (const [i, each] of list.entries()) {
    const pointer = pointerTo('/dimensions', i)
    const dimension = parseDimension(each, pointer, faults)
    if (dimension === undefined) continue
    if (dimensions.some(({ name }) => name === dimension.name)) faults.push(bad(pointer, 'each dimension stands once'))
    else if (dimension.kind === 'time' && dimensions.some(({ kind }) => kind === 'time')) {
      faults.push(bad(pointer, 'one dimension at most is of time'))
    } else dimensions.push(dimension)
  }
  return dimensions
}

function parseOrder(
  list: unknown,
  metrics: readonly Metric[],
  dimensions: readonly AskedDimension[],
  faults: QueryFault[],
): readonly OrderBy[] {
  const time = dimensions.find(({ kind }) => kind === 'time')
  if (list === undefined) {
    if (time !== undefined) return [{ name: time.name, direction: 'asc' }]
    return metrics[0] === undefined ? [] : [{ name: metrics[0], direction: 'desc' }]
  }
  const names: readonly string[] = [...metrics, ...dimensions.map(({ name }) => name)]
  if (!Array.isArray(list) || list.length > names.length) {
    faults.push(bad('/orderBy', 'orderBy is a list of [name, "asc" or "desc"], each name once'))
    return []
  }
  return list.flatMap((each, i): OrderBy[] => {
    const [name, direction, ...more] = Array.isArray(each) ? each : []
    const isDirection = direction === 'asc' || direction === 'desc'
    if (typeof name === 'string' && names.includes(name) && isDirection && more.length === 0) {
      return [{ name, direction }]
    }
    faults.push(
      bad(pointerTo('/orderBy', i), 'an order is [name, "asc" or "desc"] of a metric or dimension that is asked for'),
    )
    return []
  })
}

function parseLimit(value: unknown, faults: QueryFault[]): number {
  if (value === undefined) return defaultLimit
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= maxLimit) return value
  faults.push(bad('/limit', `limit is a whole number from 1 to ${maxLimit}`))
  return defaultLimit
}
