/** What `GET …/timeseries` may be asked, read from its query string; every fault is reported, not only the first. */
import type { Metric } from '../../core/ports/query-engine.ts'
import { type CalendarUnit, calendarUnits, canonicalZone } from '../../core/time/calendar.ts'
import { type DateRange, parseDateRange } from './date-range.ts'
import { defaultMetrics, isMetric, metricNames } from './metrics.ts'
import { type Fault, faultyRequest, ProblemError } from './problem.ts'

export interface TimeSeriesQuery {
  readonly metrics: readonly Metric[]
  readonly unit: CalendarUnit
  readonly zone: string
  readonly range: DateRange
}

/** A query string as a parser leaves it: a parameter given twice is a list. */
export type QueryParameters = Readonly<Record<string, string | readonly string[] | undefined>>

const known = ['metrics', 'from', 'to', 'interval', 'timeZone'] as const

/** @throws ProblemError 400 `bad_query`, `unknown_metric`, `unknown_zone` with JSON pointers to the parameters */
export function parseTimeSeriesQuery(
  parameters: QueryParameters,
  context: { readonly merchantZone: string; readonly nowMs: number },
): TimeSeriesQuery {
  const faults: Fault[] = []
  const given = readParameters(parameters, faults)
  const metrics = parseMetrics(given.metrics, faults)
  const unit = parseUnit(given.interval, faults)
  const zone = given.timeZone === undefined ? context.merchantZone : canonicalZone(given.timeZone)
  if (zone === undefined) {
    const message = 'there is no such time zone; send an IANA name, such as Europe/Berlin'
    faults.push({ pointer: '/timeZone', code: 'unknown_zone', message })
  }
  const by = { unit: unit ?? 'hour', zone: zone ?? 'UTC', nowMs: context.nowMs }
  const range = parseDateRange(given, by, faults)
  if (faults.length > 0 || zone === undefined || unit === undefined || range === undefined) throw refusal(faults)
  return { metrics, unit, zone, range }
}

function readParameters(parameters: QueryParameters, faults: Fault[]): Partial<Record<(typeof known)[number], string>> {
  const given: Partial<Record<(typeof known)[number], string>> = {}
  for (const [name, value] of Object.entries(parameters)) {
    const pointer = `/${name.replaceAll('~', '~0').replaceAll('/', '~1').slice(0, 64)}`
    const parameter = known.find((each) => each === name)
    if (name === 'filter') faults.push(bad(pointer, 'filters are not served yet; leave filter out'))
    else if (parameter === undefined)
      faults.push(bad(pointer, `there is no such parameter; there are ${known.join(', ')}`))
    else if (typeof value !== 'string') faults.push(bad(pointer, `${name} is given more than once`))
    else given[parameter] = value
  }
  return given
}

function parseMetrics(text: string | undefined, faults: Fault[]): readonly Metric[] {
  if (text === undefined) return defaultMetrics
  const metrics = new Set<Metric>()
  for (const name of text.split(',')) {
    if (isMetric(name)) metrics.add(name)
    else {
      const message = `there is no metric ${JSON.stringify(name.slice(0, 64))}; there are ${metricNames.join(', ')}`
      faults.push({ pointer: '/metrics', code: 'unknown_metric', message })
      break
    }
  }
  return [...metrics]
}

function parseUnit(text: string | undefined, faults: Fault[]): CalendarUnit | undefined {
  if (text === undefined) return 'hour'
  const unit = calendarUnits.find((each) => each === text)
  if (unit === undefined) faults.push(bad('/interval', `interval is one of ${calendarUnits.join(', ')}`))
  return unit
}

function refusal(faults: readonly Fault[]): ProblemError {
  const { status, code, detail, extra } = faultyRequest(faults)
  if (code === 'unknown_metric') return new ProblemError(status, code, detail, { ...extra, allowed: metricNames })
  if (code === 'unknown_zone') {
    return new ProblemError(status, code, detail, { ...extra, allowed: Intl.supportedValuesOf('timeZone') })
  }
  return new ProblemError(status, code, detail, extra)
}

function bad(pointer: string, message: string): Fault {
  return { pointer, code: 'bad_query', message }
}
