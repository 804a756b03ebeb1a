/** What `GET …/timeseries` may be asked, read from its query string; every fault is reported, not only the first. */
import type { Filter } from '../../core/ports/query-engine.ts'
import { type CalendarUnit, calendarUnits } from '../../core/time/calendar.ts'
import { type DateRange, parseDateRange } from './date-range.ts'
import type { Metric } from './metrics.ts'
import { bad, pointerTo, type QueryFault, quoted, refusal } from './query/faults.ts'
import { filterMaxLeaves, parseFilters } from './query/filter.ts'
import { parseMetrics, parseZone } from './query/parse-query.ts'

export interface TimeSeriesQuery {
  readonly metrics: readonly Metric[]
  readonly unit: CalendarUnit
  readonly zone: string
  readonly range: DateRange
  readonly filter: Filter | null
}

/** A query string as a parser leaves it: a parameter given twice is a list. */
export type QueryParameters = Readonly<Record<string, string | readonly string[] | undefined>>

const single = ['metrics', 'from', 'to', 'interval', 'timeZone'] as const
/** `format` is the route's to read. */
const known = [...single, 'filter', 'format'] as const

/** @throws ProblemError 400 with JSON pointers to the parameters */
export function parseTimeSeriesQuery(
  parameters: QueryParameters,
  context: { readonly merchantZone: string; readonly nowMs: number },
): TimeSeriesQuery {
  const faults: QueryFault[] = []
  const given = readParameters(parameters, faults)
  const metrics = parseMetrics(given.metrics?.split(','), '/metrics', faults)
  const unit = parseUnit(given.interval, faults)
  const zone = parseZone(given.timeZone, context.merchantZone, '/timeZone', faults)
  const by = { unit: unit ?? 'hour', zone: zone ?? 'UTC', nowMs: context.nowMs }
  const range = parseDateRange(given, by, faults)
  const filter = parseFilterTexts(parameters.filter, faults)
  if (faults.length > 0 || zone === undefined || unit === undefined || range === undefined) throw refusal(faults)
  return { metrics, unit, zone, range, filter }
}

function readParameters(
  parameters: QueryParameters,
  faults: QueryFault[],
): Partial<Record<(typeof single)[number], string>> {
  const given: Partial<Record<(typeof single)[number], string>> = {}
  for (const [name, value] of Object.entries(parameters)) {
    if (name === 'filter' || name === 'format') continue
    const parameter = single.find((each) => each === name)
    const pointer = pointerTo('', name)
    if (parameter === undefined) {
      faults.push(bad(pointer, `there is no parameter ${quoted(name)}; there are ${known.join(', ')}`))
    } else if (typeof value !== 'string') faults.push(bad(pointer, `${name} is given more than once`))
    else given[parameter] = value
  }
  return given
}

/** Each the JSON of one filter; all of them hold. */
function parseFilterTexts(given: QueryParameters[string], faults: QueryFault[]): Filter | null {
  if (given === undefined) return null
  const texts = typeof given === 'string' ? [given] : given
  if (texts.length > filterMaxLeaves) {
    faults.push(bad('/filter', `a question has at most ${filterMaxLeaves} conditions`))
    return null
  }
  const filters: unknown[] = []
  for (const text of texts) {
    try {
      filters.push(JSON.parse(text))
    } catch {
      faults.push(bad('/filter', 'a filter is JSON: filter=["is","page",["/"]]'))
      return null
    }
  }
  return parseFilters(filters, '/filter', faults)
}

function parseUnit(text: string | undefined, faults: QueryFault[]): CalendarUnit | undefined {
  if (text === undefined) return 'hour'
  const unit = calendarUnits.find((each) => each === text)
  if (unit === undefined) faults.push(bad('/interval', `interval is one of ${calendarUnits.join(', ')}`))
  return unit
}
