/** Questions and answers as JSON. The parsers in `gateway/core/query` decide; these say the same to readers and clients. */
import { z } from 'zod'
import { breakdowns, rawDimensions } from '../../../core/ports/query-engine.ts'
import { calendarUnits } from '../../../core/time/calendar.ts'
import { formatNames } from '../../core/formats/format.ts'
import { defaultMetrics, metricDefinitions, metricNames } from '../../core/metrics.ts'
import { cursorMaxLength } from '../../core/query/cursor.ts'
import { propKeyMaxLength } from '../../core/query/dimensions.ts'
import { filterMaxDepth, filterMaxLeaves, filterMaxValues, filterValueMaxLength } from '../../core/query/filter.ts'
import { defaultLimit, maxDimensions, maxLimit } from '../../core/query/parse-query.ts'
import { periodWords } from '../../core/query/periods.ts'

export const formatName = z.enum(formatNames)
export const metricName = z
  .enum(metricNames)
  .meta({ description: metricDefinitions.map(({ name, kind, doc }) => `- \`${name}\` (${kind}): ${doc}`).join('\n') })
export const timeUnit = z.enum(calendarUnits)

const propDimension = z
  .string()
  .regex(new RegExp(`^props\\..{1,${propKeyMaxLength}}$`))
  .meta({ description: 'A custom property: `props.<key>`' })
const valueDimension = z.union([z.enum([...breakdowns, ...rawDimensions]), propDimension]).meta({
  description: `Of a hit. Stored, so cheap at any length of time: ${breakdowns.join(', ')}, one at a time (dimensions and filters together). All others, and two at once, are counted from the hits within the raw-row budget.`,
})
export const dimension = z.union([z.enum(calendarUnits.map((unit) => `time:${unit}` as const)), valueDimension]).meta({
  description: 'At most one is of time. Of visits (sessions and their ratios) a dimension is their first hit’s.',
})

const filterValue = z.union([z.string().max(filterValueMaxLength), z.number(), z.boolean(), z.null()])
const leaf = z.tuple([
  z.enum(['is', 'is_not', 'contains', 'contains_not']),
  valueDimension,
  z.array(filterValue).min(1).max(filterMaxValues),
])
type Filter = z.infer<typeof leaf> | ['and' | 'or', Filter[]] | ['not', Filter]
export const filter: z.ZodType<Filter> = z
  .union([
    leaf,
    z.tuple([z.enum(['and', 'or']), z.array(z.lazy(() => filter)).min(1)]),
    z.tuple([z.literal('not'), z.lazy(() => filter)]),
  ])
  .meta({
    description: `\`["is", "page", ["/", null]]\`; null is "has none". A question has at most ${filterMaxLeaves} conditions, nested ${filterMaxDepth} deep.`,
  })

const moment = z.string().meta({ description: 'A date, or an instant with its zone' })
const fromTo = z
  .tuple([moment, moment])
  .meta({ description: 'Two dates, both inclusive, in the zone; or two instants, half-open' })

export const queryRequest = z.strictObject({
  merchant: z.string().optional().meta({ description: 'A read key’s own where left out; an admin key names one' }),
  metrics: z
    .array(metricName)
    .min(1)
    .default([...defaultMetrics]),
  dateRange: z.union([z.enum(periodWords), fromTo]).meta({
    description:
      'Words end now: `7d` is today and the six days before, `day`, `month`, `year` those that hold now, all in the zone; `all` begins with the first month that has a hit.',
  }),
  dimensions: z.array(dimension).max(maxDimensions).optional(),
  filters: z.array(filter).max(filterMaxLeaves).optional().meta({ description: 'All of them hold' }),
  timeZone: z.string().optional().meta({ description: 'An IANA name; the merchant’s where left out' }),
  orderBy: z
    .array(z.tuple([z.string(), z.enum(['asc', 'desc'])]))
    .optional()
    .meta({ description: 'Of asked metrics and dimensions; by time rising, else by the first metric falling' }),
  compare: z
    .union([z.enum(['previous_period', 'previous_year']), fromTo])
    .optional()
    .meta({ description: 'Each row gets the metrics of that time as `compare`' }),
  limit: z.int().min(1).max(maxLimit).default(defaultLimit).meta({ description: 'Rows of a page' }),
  cursor: z.string().max(cursorMaxLength).optional().meta({ description: '`meta.nextCursor` of the page before' }),
})

export const metricValue = z.union([z.number(), z.string(), z.null()]).meta({
  description:
    'Counts are numbers up to 2^53, strings of digits beyond; money is a decimal string in major units; rates are 0 to 1, durations seconds (`session_duration`) or ms (`load_…`), null of nothing.',
})

const count = z.int()
export const answerMeta = z.object({
  asOf: z.string().meta({ description: 'Every hit received before it is in the numbers' }),
  complete: z.boolean().meta({ description: '`asOf` has passed the end of the range' }),
  servedFrom: z
    .object({ cache: count, rollup: count, daily: count, sessions: count, raw: count })
    .meta({ description: 'Buckets by where their numbers came from' }),
  approximate: z
    .object({ visitors: z.number().optional() })
    .meta({ description: 'Relative standard error of the worst row; empty where all is exact' }),
  truncated: z.boolean().meta({ description: 'A breakdown had so many values that the smallest are in one row' }),
  generation: z.int(),
  timeZone: z.string(),
  currency: z.string(),
  from: z.string().optional().meta({ description: 'What was answered: the range, widened to whole buckets' }),
  to: z.string().optional(),
  compareFrom: z.string().optional(),
  compareTo: z.string().optional(),
  otherCurrencies: z
    .record(z.string(), z.string())
    .optional()
    .meta({ description: 'Where revenue is asked: what was taken in other currencies' }),
  stale: z.literal(true).optional().meta({ description: 'The engine is away; these are the last known numbers' }),
  nextCursor: z.string().optional().meta({ description: 'Absent on the last page' }),
})

export const queryRow = z.object({
  dimensions: z
    .array(z.string().nullable())
    .meta({ description: 'In the order asked; null where hits have no value; time as the bucket’s start' }),
  metrics: z.array(metricValue).meta({ description: 'In the order asked' }),
  compare: z.array(metricValue).optional(),
  other: z.literal(true).optional().meta({ description: 'All that is beyond the cut, in one row labelled `(other)`' }),
})

export const queryAnswer = z.object({
  results: z.array(queryRow),
  meta: answerMeta,
  query: z.object({
    merchant: z.string(),
    metrics: z.array(metricName),
    dateRange: z.tuple([z.string(), z.string()]),
    dimensions: z.array(z.string()),
    filters: z.array(z.unknown()),
    timeZone: z.string(),
    orderBy: z.array(z.tuple([z.string(), z.enum(['asc', 'desc'])])),
    limit: z.int(),
    compare: z.tuple([z.string(), z.string()]).optional(),
  }),
})

const metricFields = Object.fromEntries(
  metricDefinitions.map(({ name, doc }) => [name, metricValue.optional().meta({ description: doc })]),
)
export const timeSeries = z.object({
  merchant: z.string(),
  interval: timeUnit,
  timeZone: z.string(),
  currency: z.string(),
  buckets: z
    .array(z.object({ start: z.string(), end: z.string(), ...metricFields }))
    .meta({ description: 'Every bucket of the range, empty ones with zeros' }),
  meta: answerMeta,
})

const named = z.object({ name: z.string() })
export const metaAnswer = z.object({
  metrics: z.array(named.extend({ kind: z.string(), needs: z.array(z.string()), description: z.string() })),
  defaultMetrics: z.array(metricName),
  dimensions: z.array(
    named.extend({
      kind: z.enum(['time', 'value']),
      filter: z.boolean().meta({ description: 'One may filter by it' }),
      stored: z.boolean().optional().meta({ description: 'Alone it is answered from the rollup' }),
      maxValues: z.int().optional().meta({ description: 'Of a stored one, a day; the rest is `(other)`' }),
    }),
  ),
  filters: z.array(z.string()),
  dateRanges: z.array(z.string()),
  comparisons: z.array(z.string()),
  intervals: z.array(named.extend({ defaultBuckets: z.int() })),
  formats: z.array(named.extend({ mediaType: z.string(), description: z.string() })),
  limits: z.record(z.string(), z.number()),
})
