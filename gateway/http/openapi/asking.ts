/** The routes that answer questions. */
import { z } from 'zod'
import { formats } from '../../core/formats/format.ts'
import { metricNames } from '../../core/metrics.ts'
import { defaultMaxBuckets } from '../../core/planner.ts'
import { formatName, metaAnswer, queryAnswer, queryRequest, timeSeries, timeUnit } from './asking-schemas.ts'
import type { Answer, Operation, Parameter } from './operation.ts'

const formatParameter: Parameter = {
  name: 'format',
  in: 'query',
  schema: formatName,
  description: `Goes before \`Accept\`. ${formats.map(({ name, doc }) => `\`${name}\`: ${doc}`).join('; ')}.`,
}
const ifNoneMatch: Parameter = {
  name: 'If-None-Match',
  in: 'header',
  schema: z.string(),
  description: 'Tags of bodies that the client has: 304 where one of them still holds.',
}

function answers(json: z.ZodType): Readonly<Record<number, Answer>> {
  const headers = ['ETag', 'Cache-Control', 'Vary', 'Hitlake-As-Of'] as const
  return {
    200: {
      description: 'The numbers',
      headers: [...headers, 'Hitlake-Meta'],
      content: formats.map(({ name, mediaType }) => ({ mediaType, ...(name === 'json' && { schema: json }) })),
    },
    304: { description: 'The body that the client has still holds; it is as of `Hitlake-As-Of`', headers },
  }
}

const problems = [
  'no_key',
  'bad_key',
  'forbidden',
  'bad_query',
  'unknown_metric',
  'unknown_zone',
  'unknown_format',
  'not_acceptable',
  'too_many_buckets',
  'zone_not_aligned',
  'raw_budget',
  'beyond_retention',
  'query_timeout',
  'too_many_groups',
  'engine_unavailable',
  'control_store_unavailable',
] as const

export const asking: readonly Operation[] = [
  {
    method: 'POST',
    path: '/v1/query',
    tag: 'asking',
    id: 'query',
    summary: 'Ask for metrics, by dimensions',
    description: `Empty buckets are left out. At most ${defaultMaxBuckets.toLocaleString('en')} buckets an answer.`,
    access: 'read',
    parameters: [formatParameter, ifNoneMatch],
    body: {
      content: [
        {
          mediaType: 'application/json',
          schema: queryRequest,
          examples: {
            'visitors of the last week': { metrics: ['visitors', 'pageviews'], dateRange: '7d' },
            'revenue by country, against the month before': {
              metrics: ['revenue', 'orders', 'conversion_rate'],
              dateRange: 'month',
              dimensions: ['country'],
              orderBy: [['revenue', 'desc']],
              compare: 'previous_period',
              limit: 10,
            },
            'entry pages of visits from one source, day by day': {
              metrics: ['sessions', 'bounce_rate', 'session_duration', 'views_per_session'],
              dateRange: ['2026-03-01', '2026-03-07'],
              dimensions: ['time:day', 'page'],
              filters: [['is', 'source', ['news.example']]],
              timeZone: 'Europe/Berlin',
            },
            'load times of all pages but the shop, by a custom property': {
              metrics: ['load_p50', 'load_p95', 'hits'],
              dateRange: '28d',
              dimensions: ['props.template'],
              filters: [
                ['not', ['contains', 'page', ['/shop/']]],
                [
                  'or',
                  [
                    ['is', 'device', ['mobile']],
                    ['is_not', 'country', ['DE', null]],
                  ],
                ],
              ],
            },
          },
        },
      ],
    },
    answers: answers(queryAnswer),
    problems: [
      ...problems,
      'not_found',
      'unknown_dimension',
      'bad_json',
      'bad_content_type',
      'body_too_large',
      'too_deep',
    ],
  },
  {
    method: 'GET',
    path: '/v1/merchants/{merchant}/timeseries',
    tag: 'asking',
    id: 'timeSeries',
    summary: 'Metrics along time, every bucket present',
    access: 'read',
    parameters: [
      { name: 'merchant', in: 'path', required: true, schema: z.string(), description: 'Its id', example: 'shop' },
      {
        name: 'metrics',
        in: 'query',
        schema: z.string(),
        description: `Comma-separated of ${metricNames.join(', ')}`,
        example: 'visitors,sessions,revenue',
      },
      { name: 'interval', in: 'query', schema: timeUnit.default('hour'), description: 'Of one bucket', example: 'day' },
      {
        name: 'from',
        in: 'query',
        schema: z.string(),
        description: 'A date in the zone, or an instant with its own. Without it the answer ends now.',
        example: '2026-03-01',
      },
      {
        name: 'to',
        in: 'query',
        schema: z.string(),
        description: 'As `from`: a date is inclusive, an instant is not. Without it: up to now.',
        example: '2026-03-07',
      },
      { name: 'timeZone', in: 'query', schema: z.string(), description: 'An IANA name; the merchant’s where left out' },
      {
        name: 'filter',
        in: 'query',
        schema: z.array(z.string()),
        description: 'The JSON of a filter of `POST /v1/query`; several hold together',
        example: ['["is","country",["DE"]]', '["is_not","page",["/"]]'],
      },
      formatParameter,
      ifNoneMatch,
    ],
    answers: answers(timeSeries),
    problems: [...problems, 'not_found', 'unknown_dimension'],
  },
  {
    method: 'GET',
    path: '/v1/meta',
    tag: 'asking',
    id: 'meta',
    summary: 'Metrics, dimensions, formats and limits',
    access: 'read',
    parameters: [ifNoneMatch],
    answers: {
      200: {
        description: 'What can be asked',
        headers: ['ETag', 'Cache-Control', 'Vary'],
        content: [{ mediaType: 'application/json', schema: metaAnswer }],
      },
      304: { description: 'What the client has still holds', headers: ['ETag', 'Cache-Control', 'Vary'] },
    },
    problems: ['no_key', 'bad_key', 'forbidden', 'control_store_unavailable'],
  },
]
