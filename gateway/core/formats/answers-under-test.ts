/** Answers made by hand, for tests of their forms. */
import type { AnswerMeta, AnswerRow, QueryAnswer, SeriesAnswer } from '../query/answer.ts'

export const meta: AnswerMeta = {
  asOf: '2026-03-07T12:00:00.123Z',
  complete: false,
  servedFrom: { cache: 0, rollup: 7, daily: 0, sessions: 0, raw: 0 },
  approximate: {},
  truncated: false,
  generation: 1,
  timeZone: 'Europe/Berlin',
  currency: 'EUR',
}

export function queryAnswer(rows: readonly AnswerRow[], changed: Partial<QueryAnswer['query']> = {}): QueryAnswer {
  const dimensions = ['time:day', 'page'] as const
  const metrics = ['hits', 'revenue', 'bounce_rate', 'load_p95'] as const
  return {
    columns: { dimensions, metrics },
    rows,
    meta,
    query: {
      merchant: 'shop',
      metrics,
      dateRange: ['2026-03-01T00:00:00+01:00', '2026-03-08T00:00:00+01:00'],
      dimensions,
      filters: [],
      timeZone: 'Europe/Berlin',
      orderBy: [['time:day', 'asc']],
      limit: 100,
      ...changed,
    },
  }
}

/** `numbers`: hits, revenue, bounce rate, load. */
export function row(
  page: string | null,
  numbers: readonly [number | bigint, string, number | null, number | null] = [1, '0.00', null, null],
): AnswerRow {
  const [hits, text, bounces, load] = numbers
  return {
    dimensions: ['2026-03-01T00:00:00+01:00', page],
    metrics: [
      { kind: 'count', value: hits },
      { kind: 'money', text },
      { kind: 'ratio', value: bounces },
      { kind: 'ms', value: load },
    ],
  }
}

export const series: SeriesAnswer = {
  merchant: 'shop',
  interval: 'day',
  timeZone: 'Europe/Berlin',
  currency: 'EUR',
  metrics: ['hits', 'revenue'],
  buckets: [
    {
      start: '2026-03-29T00:00:00+01:00',
      end: '2026-03-30T00:00:00+02:00',
      metrics: [
        { kind: 'count', value: 3 },
        { kind: 'money', text: '-12.50' },
      ],
    },
  ],
  meta,
}
