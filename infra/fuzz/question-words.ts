/** What questions are made of, and the world they are put to. */
import { queryFields } from '../../gateway/core/query/parse-query.ts'
import { type QuestionWorld, questionWorld } from './question-world.ts'
import type { OpenTarget, Verdict } from './target.ts'

const quoted = (texts: readonly string[]) => texts.map((text) => JSON.stringify(text))
export const metrics = [
  'hits',
  'pageviews',
  'visitors',
  'orders',
  'revenue',
  'sessions',
  'bounce_rate',
  'session_duration',
  'views_per_session',
  'conversion_rate',
  'load_p50',
  'load_p99',
]
export const dimensions = [
  'name',
  'page',
  'source',
  'country',
  'device',
  'browser',
  'campaign',
  'os',
  'bot',
  'language',
  'medium',
  'term',
  'content',
  'props.size',
  'props.a.b"c',
  'time:hour',
  'time:day',
  'time:week',
  'time:month',
]
export const zones = [
  'UTC',
  'Europe/Berlin',
  'Asia/Kolkata',
  'Australia/Lord_Howe',
  'America/New_York',
  'europe/berlin',
  '+05:30',
  'Etc/GMT+12',
  'Pacific/Apia',
]
export const ranges = ['24h', '7d', '28d', '30d', '90d', 'day', 'month', 'year', 'all']
export const dates = [
  '2026-03-29',
  '2026-03-31',
  '2026-02-29',
  '2026-03-29T02:30:00',
  '2026-03-29T01:00:00Z',
  '1970-01-01',
  '2099-12-31',
  '0001-01-01',
  '9999-12-31',
  '2026-03-30T10:00:00+05:45',
]
export const texts = ['/', '/a', '', 'ü😀', "o'b", '%', '\\', '[other]', 'null']
export const filters = [
  '["is","page",["/"]]',
  '["is_not","name",["page_view",null]]',
  '["contains","source",[""]]',
  '["not",["is","bot",["true"]]]',
  '["and",[["is","os",["/"]],["contains_not","props.size",["a","%"]]]]',
]

/** For changes of JSON. */
export const questionWords = {
  values: [
    ...quoted([...metrics, ...dimensions, ...zones, ...ranges, ...dates]),
    ...filters,
    '["2026-03-28","2026-03-31"]',
    '"previous_period"',
    '"previous_year"',
    '"asc"',
    '"desc"',
    '["hits","desc"]',
    '1',
    '10000',
    '10001',
  ],
  keys: queryFields,
}

/** A target over a world of its own. */
export async function openQuestions(
  judge: (world: QuestionWorld, input: Buffer) => Promise<Verdict>,
): Promise<OpenTarget> {
  const world = await questionWorld()
  return { judge: (input) => judge(world, input), close: () => world.close() }
}
