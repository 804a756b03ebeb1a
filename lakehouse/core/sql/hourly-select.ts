/**
 * `hourly` computed from `hits`: the rows that the plan `hits` (pipelines/jobs/hits.ts) makes of these hits as a stream, one
 * row a key of the table's fold, in the definition's columns but for `_publish` and `_row`. The same numbers in one query
 * over a table: for days that are computed again, and for a rerun of a stretch of time.
 *
 * The hour of a hit is one of the zone stamped on it (core/time/calendar.ts), so hours come as literals: those of each zone
 * that start in the stretch. The zones are asked for first, with `hourZonesSelect`.
 */
import type { GenerationMap } from '../../../core/generations.ts'
import type { MerchantId } from '../../../core/ids.ts'
import type { ErasedHits } from '../../../core/ports/erasure-store.ts'
import type { Breakdown, BucketRange } from '../../../core/ports/query-engine.ts'
import { breakdowns } from '../../../core/ports/query-engine.ts'
import { compareText } from '../../../core/text-order.ts'
import { bucketsBetween, longestHourMs } from '../../../core/time/calendar.ts'
import { breakdownSketchSize, totalSketchSize } from '../../../schemas/tables.ts'
import {
  and,
  boolean,
  column,
  compare,
  type Expression,
  instant,
  named,
  not,
  orElse,
  type Select,
  type Source,
  sumOrZero,
  text,
  whole,
} from './ast.ts'
import { hitColumn } from './dimensions.ts'
import { orderName, pageViewName } from './hits-rows.ts'
import { notErased } from './not-erased.ts'
import { answerTime, ofGenerationMap } from './of-generations.ts'

/** Merchants of one query. */
export const hourlyMaxMerchants = 1_000
/** Hours of all zones of one query: literals of one join. */
export const hourlyMaxHours = 20_000

export interface HourlyQuestion {
  /** Of the rows that are made. */
  readonly generation: number
  /** Which hits are counted: those that answer by it. */
  readonly hitGenerations: GenerationMap
  readonly merchants: readonly MerchantId[]
  /** Hours that start in it: start in, end out, ms. */
  readonly range: BucketRange
  /** Hits that count nowhere, of these merchants. */
  readonly erased: readonly ErasedHits[]
}

/** Where the hits of the hours lie: the last hour ends after the range. */
export function hourlyReadRange({ range }: Pick<HourlyQuestion, 'range'>): BucketRange {
  return { start: range.start, end: range.end + longestHourMs }
}

/** The zones that are stamped on the hits, as the column `zone`. @throws RangeError */
export function hourZonesSelect(question: HourlyQuestion): Select {
  return {
    columns: [{ expression: column('zone', 'hits'), as: 'zone' }],
    from: hitsOf(['zone', 'visitor', 'user', 'received']),
    where: countedHits(question),
    distinct: 'distinct',
  }
}

/** @throws RangeError where merchants or hours are none or too many, or a zone is not known */
export function hourlySelect(question: HourlyQuestion, zones: readonly string[]): Select {
  return {
    with: [
      { name: 'placed', select: placedHits(question, zones) },
      { name: 'by_visitor', select: byVisitor },
      { name: 'counts', select: counts },
      { name: 'by_bucket', select: countBy('load_bucket', { kind: 'count' }, 'n') },
      { name: 'loads', select: listed('by_bucket', loadPair, 'load') },
      { name: 'by_currency', select: countBy('currency', sumOrZero(column('micros')), 'micros') },
      { name: 'revenues', select: listed('by_currency', revenuePair, 'other_revenue') },
    ],
    columns: [
      ...['merchant', 'bucket', 'breakdown', 'value', 'hits', 'pageviews'].map((name) => of('counts', name)),
      { expression: sketch, as: 'visitors' },
      ...['orders', 'revenue_micros'].map((name) => of('counts', name)),
      {
        expression: {
          kind: 'sumByKey',
          list: column('load', 'loads'),
          key: { name: 'bucket', type: 'int' },
          value: { name: 'n', type: 'long' },
        },
        as: 'load',
      },
      {
        expression: {
          kind: 'sumByKey',
          list: column('other_revenue', 'revenues'),
          key: { name: 'currency', type: 'text' },
          value: { name: 'micros', type: 'decimal38' },
        },
        as: 'other_revenue',
      },
      { expression: boolean(false), as: 'other' },
      ...['_src', '_part', '_off_from', '_off_to'].map((name) => of('counts', name)),
      { expression: whole(question.generation), as: '_gen' },
    ],
    from: withSame(withSame(named('counts'), 'loads'), 'revenues'),
  }
}

/** What tells rows of `hourly` apart, generation and `other` aside. None is null. */
const keys = ['merchant', 'bucket', 'breakdown', 'value', '_src', '_part']

const sets: readonly ('total' | Breakdown)[] = ['total', ...breakdowns]

function hitsOf(columns: readonly string[]): Source {
  const all = [...new Set(['merchant', '_gen', 'time', 'bot', ...columns])]
  return { relation: { kind: 'table', table: 'hits', columns: all }, as: 'hits' }
}

/** Hits of the stretch that count, people's only. */
function countedHits(question: HourlyQuestion): Expression {
  const { hitGenerations, erased } = question
  const merchants = [...new Set(question.merchants)].sort(compareText)
  if (merchants.length === 0 || merchants.length > hourlyMaxMerchants) {
    throw new RangeError(`hours are computed for 1 to ${hourlyMaxMerchants} merchants, not ${merchants.length}`)
  }
  const range = hourlyReadRange(question)
  const left = erased.filter(({ merchant }) => merchants.includes(merchant))
  const time = answerTime('hits')
  return and(
    { kind: 'in', of: column('merchant', 'hits'), literals: merchants.map((value) => ({ type: 'text', value })) },
    ofGenerationMap(hitGenerations, 'hits', { as: 'hits', time, merchants, range }),
    compare(column(time, 'hits'), '>=', instant(range.start)),
    compare(column(time, 'hits'), '<', instant(range.end)),
    not(orElse(column('bot', 'hits'), boolean(false))),
    ...notErased(left, 'hits'),
  )
}

/** Each hit once for every breakdown, with its hour. */
function placedHits(question: HourlyQuestion, zones: readonly string[]): Select {
  const rows = hitsOf([
    ...['zone', 'received', 'visitor', 'user', 'name', 'visitor_hash', 'revenue_home_micros', 'load_bucket'],
    ...['revenue_currency', 'revenue_micros', 'currency', '_src', '_part', '_off'],
    ...breakdowns.map(hitColumn),
  ])
  const hit = (name: string) => column(name, 'hits')
  const inHour = and(
    compare(hit('zone'), '=', column('zone', 'hours')),
    compare(hit('time'), '>=', column('start', 'hours')),
    compare(hit('time'), '<', column('end', 'hours')),
  )
  const placed: Source = {
    relation: { kind: 'join', how: 'inner', left: rows, right: hoursOf(question, zones), on: inHour },
    as: 'in_hours',
  }
  const isForeign = and(
    { kind: 'notNull', of: hit('revenue_currency') },
    compare(hit('revenue_currency'), '<>', orElse(hit('currency'), text(''))),
  )
  return {
    columns: [
      { expression: hit('merchant'), as: 'merchant' },
      { expression: column('start', 'hours'), as: 'bucket' },
      of('sets', 'breakdown'),
      { expression: valueOfSet, as: 'value' },
      { expression: hit('name'), as: 'name' },
      { expression: hit('visitor_hash'), as: 'hash' },
      { expression: hit('revenue_home_micros'), as: 'revenue' },
      { expression: hit('load_bucket'), as: 'load_bucket' },
      { expression: { kind: 'case', branches: [{ when: isForeign, value: hit('revenue_currency') }] }, as: 'currency' },
      { expression: hit('revenue_micros'), as: 'micros' },
      ...['_src', '_part', '_off'].map((name) => of('hits', name)),
    ],
    from: {
      relation: { kind: 'join', how: 'inner', left: placed, right: setRows, on: boolean(true) },
      as: 'in_sets',
    },
    where: countedHits(question),
  }
}

const setRows: Source = {
  relation: {
    kind: 'rows',
    columns: [{ name: 'breakdown', type: 'text' }],
    rows: sets.map((value) => [{ type: 'text', value }]),
  },
  as: 'sets',
}

/** No value is the empty text, as in the stream. */
const valueOfSet: Expression = {
  kind: 'case',
  branches: breakdowns.map((each) => ({
    when: compare(column('breakdown', 'sets'), '=', text(each)),
    value: orElse(column(hitColumn(each), 'hits'), text('')),
  })),
  otherwise: text(''),
}

/** The hours of every zone that start in the range, as `hours`. */
function hoursOf({ range }: HourlyQuestion, zones: readonly string[]): Source {
  const hours = [...zones].sort(compareText).flatMap((zone) =>
    bucketsBetween('hour', zone, range.start, range.end)
      .filter(({ start }) => start >= range.start)
      .map(({ start, end }) => ({ zone, start, end })),
  )
  if (hours.length === 0 || hours.length > hourlyMaxHours) {
    throw new RangeError(`hits are counted in 1 to ${hourlyMaxHours} hours at once, not ${hours.length}`)
  }
  return {
    relation: {
      kind: 'rows',
      columns: [
        { name: 'zone', type: 'text' },
        { name: 'start', type: 'instant' },
        { name: 'end', type: 'instant' },
      ],
      rows: hours.map(({ zone, start, end }) => [
        { type: 'text', value: zone },
        { type: 'instant', value: start },
        { type: 'instant', value: end },
      ]),
    },
    as: 'hours',
  }
}

const keyColumns = (as?: string) => keys.map((name) => of(as, name))
const keyExpressions = keys.map((name) => column(name))

/** By visitor first: so the list of a sketch is as long as the visitors are many, not the hits. */
const byVisitor: Select = {
  columns: [
    ...keyColumns(),
    { expression: column('hash'), as: 'hash' },
    { expression: { kind: 'count' }, as: 'hits' },
    { expression: { kind: 'count', where: compare(column('name'), '=', text(pageViewName)) }, as: 'pageviews' },
    { expression: { kind: 'count', where: compare(column('name'), '=', text(orderName)) }, as: 'orders' },
    { expression: { kind: 'sum', of: column('revenue') }, as: 'revenue' },
    { expression: { kind: 'min', of: column('_off') }, as: '_off_from' },
    { expression: { kind: 'max', of: column('_off') }, as: '_off_to' },
  ],
  from: named('placed'),
  groupBy: [...keyExpressions, column('hash')],
}

const counts: Select = {
  columns: [
    ...keyColumns(),
    ...['hits', 'pageviews', 'orders'].map((name) => ({ expression: sumOrZero(column(name)), as: name })),
    { expression: sumOrZero(column('revenue')), as: 'revenue_micros' },
    { expression: { kind: 'listOf', of: column('hash') }, as: 'hashes' },
    { expression: { kind: 'min', of: column('_off_from') }, as: '_off_from' },
    { expression: { kind: 'max', of: column('_off_to') }, as: '_off_to' },
  ],
  from: named('by_visitor'),
  groupBy: keyExpressions,
}

const sketch: Expression = {
  kind: 'case',
  branches: [
    {
      when: compare(column('breakdown', 'counts'), '=', text('total')),
      value: { kind: 'smallest', list: column('hashes', 'counts'), limit: totalSketchSize },
    },
  ],
  otherwise: { kind: 'smallest', list: column('hashes', 'counts'), limit: breakdownSketchSize },
}

/** One row a key and value of `by`; rows without one bring nothing. */
function countBy(by: string, value: Expression, as: string): Select {
  return {
    columns: [...keyColumns(), { expression: column(by), as: by }, { expression: value, as }],
    from: named('placed'),
    where: { kind: 'notNull', of: column(by) },
    groupBy: [...keyExpressions, column(by)],
  }
}

const loadPair: Expression = {
  kind: 'struct',
  fields: [
    { name: 'bucket', type: 'int', of: column('load_bucket') },
    { name: 'n', type: 'long', of: column('n') },
  ],
}

const revenuePair: Expression = {
  kind: 'struct',
  fields: [
    { name: 'currency', type: 'text', of: column('currency') },
    { name: 'micros', type: 'decimal38', of: column('micros') },
  ],
}

function listed(name: string, pair: Expression, as: string): Select {
  return {
    columns: [...keyColumns(), { expression: { kind: 'listOf', of: pair }, as }],
    from: named(name),
    groupBy: keyExpressions,
  }
}

/** Each row of `left`, which has the keys of `counts`, with the row of the same keys where there is one. */
function withSame(left: Source, name: string): Source {
  const on = and(...keys.map((key) => compare(column(key, 'counts'), '=', column(key, name))))
  return { relation: { kind: 'join', how: 'left', left, right: named(name), on }, as: 'joined' }
}

function of(as: string | undefined, name: string): Select['columns'][number] {
  return { expression: column(name, as), as: name }
}
