/**
 * Visits of hits as relations: the definition of core/visits.ts in SQL, for questions and for derivation alike. Each relation
 * is named once by the next, for engines that compute one anew wherever it is named; hits are sorted once by line and
 * time, and from there on by their place.
 */

import { dayMs, utcDay } from '../../../core/event-time.ts'
import type { BucketRange } from '../../../core/ports/query-engine.ts'
import {
  daysDecideVisits,
  type VisitsRule,
  visitsReadDaysAfter,
  visitsReadDaysBefore,
  visitsStretchMs,
} from '../../../core/visits.ts'
import {
  and,
  arithmetic,
  column,
  compare,
  type Expression,
  instant,
  named,
  or,
  type Select,
  text,
  whole,
} from './ast.ts'

type Columns = Select['columns']
type Relations = NonNullable<Select['with']>

/** Columns of `hits` that say the order of hits within a line. */
export const positionColumns = ['_part', '_off', '_idx', '_src'] as const

export interface LinesToCut {
  /** Has the columns of `line` (among them `session`, '' for none), `time`, the position's, and `carried`. */
  readonly hits: Select
  /** Hits equal in these are one line. None may be null. */
  readonly line: readonly string[]
  /** Further columns that `visits` makes use of. */
  readonly carried: readonly string[]
  /** Columns of a visit, beside its line and `start` (an instant): `ofFirst`, `ofLast`, and aggregates of `ms` and `carried`. */
  readonly visits: Columns
  readonly rule: VisitsRule
}

/** Value of a carried column in the visit's first hit. It may not be null. */
export const ofFirst = (name: string): Expression => ({ kind: 'minBy', of: column(name), by: [column('place')] })
export const ofLast = (name: string): Expression => ({ kind: 'maxBy', of: column(name), by: [column('place')] })

/** `end` − `start` of a visit. */
export const visitDuration: Expression = arithmetic({ kind: 'max', of: column('ms') }, '-', {
  kind: 'min',
  of: column('ms'),
})

/**
 * Relations of which the last, `visits`, has one row a visit.
 * @throws RangeError where the days that are read do not decide visits of the rule
 */
export function visitRelations({ hits, line, carried, visits, rule }: LinesToCut): Relations {
  if (!daysDecideVisits(rule)) {
    const { gapMs, namedGapMs, atMostMs } = rule
    const times = `${gapMs}, ${namedGapMs} and ${atMostMs} ms`
    throw new RangeError(`days do not decide visits by ${times}: whole numbers, the longest of which divides a day`)
  }
  const lineColumns = line.map((name) => column(name))
  const byTime = { partitionBy: lineColumns, orderBy: ['ms', ...positionColumns].map((name) => column(name)) }
  const byPlace = { partitionBy: lineColumns, orderBy: [column('place')] }
  const before = (name: string): Expression => ({ kind: 'before', of: column(name), ...byPlace })
  const kept = (...more: readonly string[]) => [...line, 'time', 'ms', ...carried, ...more].map(asIs)

  return [
    { name: 'line_hits', select: hits },
    {
      name: 'timed',
      select: {
        columns: [
          ...[...line, 'time', ...positionColumns, ...carried].filter(isFirst).map(asIs),
          { expression: { kind: 'epochMs', of: column('time') }, as: 'ms' },
        ],
        from: named('line_hits'),
      },
    },
    {
      name: 'placed',
      select: {
        columns: [
          ...kept(),
          { expression: { kind: 'floorDivide', of: column('ms'), by: visitsStretchMs(rule) }, as: 'day' },
          { expression: { kind: 'place', ...byTime }, as: 'place' },
          { expression: { kind: 'before', of: column('ms'), ...byTime }, as: 'before' },
        ],
        from: named('timed'),
      },
    },
    {
      name: 'paused',
      select: { columns: [...kept('day', 'place'), { expression: pause(rule), as: 'pause' }], from: named('placed') },
    },
    {
      name: 'dayed',
      select: {
        columns: [
          ...kept('day', 'place', 'pause'),
          {
            expression: {
              kind: 'over',
              call: 'max',
              of: column('pause'),
              partitionBy: [...lineColumns, column('day')],
            },
            as: 'day_pauses',
          },
        ],
        from: named('paused'),
      },
    },
    {
      name: 'followed',
      select: {
        columns: [
          ...kept('day', 'place', 'pause'),
          { expression: before('day'), as: 'day_before' },
          { expression: before('day_pauses'), as: 'pauses_before' },
        ],
        from: named('dayed'),
      },
    },
    {
      name: 'broken',
      select: { columns: [...kept('place'), { expression: breakTime, as: 'break' }], from: named('followed') },
    },
    {
      name: 'anchored',
      select: {
        columns: [
          ...kept('place'),
          { expression: { kind: 'over', call: 'max', of: column('break'), ...byPlace }, as: 'anchor' },
        ],
        from: named('broken'),
      },
    },
    {
      name: 'sliced',
      select: {
        columns: [
          ...kept('place', 'anchor'),
          {
            expression: { kind: 'floorDivide', of: arithmetic(column('ms'), '-', column('anchor')), by: rule.atMostMs },
            as: 'slice',
          },
        ],
        from: named('anchored'),
      },
    },
    {
      name: 'visits',
      select: {
        columns: [...line.map(asIs), { expression: { kind: 'min', of: column('time') }, as: 'start' }, ...visits],
        from: named('sliced'),
        groupBy: [...lineColumns, column('anchor'), column('slice')],
      },
    },
  ]
}

/** 1 where the line pauses before the hit, and at its beginning; else 0. */
function pause({ gapMs, namedGapMs }: VisitsRule): Expression {
  const since = arithmetic(column('ms'), '-', column('before'))
  const pauses = or(
    { kind: 'isNull', of: column('before') },
    and(compare(column('session'), '=', text('')), compare(since, '>=', whole(gapMs))),
    and(compare(column('session'), '<>', text('')), compare(since, '>=', whole(namedGapMs))),
  )
  return { kind: 'case', branches: [{ when: pauses, value: whole(1) }], otherwise: whole(0) }
}

/** The hit's `ms` where a break stands before it; else null. */
const breakTime: Expression = {
  kind: 'case',
  branches: [
    { when: compare(column('pause'), '=', whole(1)), value: column('ms') },
    {
      when: and(compare(column('day_before'), '<', column('day')), compare(column('pauses_before'), '=', whole(0))),
      value: column('ms'),
    },
  ],
}

/**
 * Most stretches of hits that a query names apart, and for which files are looked up (`maxFileRanges` of the engine on DuckDB
 * takes as many). Where there are more, the smallest gaps are read too: more hits than decide a visit change nothing.
 */
export const visitsMaxReadRanges = 16

/**
 * Where the hits lie that decide visits starting in these stretches: whole UTC days, rising, disjoint, at most
 * `visitsMaxReadRanges`. `ranges` rise by their start.
 */
export function visitsReadRanges(ranges: readonly BucketRange[]): readonly BucketRange[] {
  const read: { start: number; end: number }[] = []
  for (const { start, end } of ranges) {
    const from = (utcDay(start) - visitsReadDaysBefore) * dayMs
    const to = (utcDay(end - 1) + visitsReadDaysAfter + 1) * dayMs
    const last = read.at(-1)
    if (last !== undefined && from <= last.end) last.end = Math.max(last.end, to)
    else read.push({ start: from, end: to })
  }
  return withFewGaps(read)
}

function withFewGaps(ranges: readonly BucketRange[]): readonly BucketRange[] {
  if (ranges.length <= visitsMaxReadRanges) return ranges
  const gaps = ranges.slice(1).map(({ start }, at) => ({ at: at + 1, ms: start - (ranges[at]?.end ?? start) }))
  const largest = gaps.sort((a, b) => b.ms - a.ms || a.at - b.at).slice(0, visitsMaxReadRanges - 1)
  const starts = [0, ...largest.map(({ at }) => at).sort((a, b) => a - b), ranges.length]
  return starts.slice(1).flatMap((end, i) => {
    const [first, last] = [ranges[starts[i] ?? 0], ranges[end - 1]]
    return first === undefined || last === undefined ? [] : [{ start: first.start, end: last.end }]
  })
}

/** Whether `of`, an instant, lies in one of the ranges. In this form engines skip files and row groups by it. */
export function inRanges(of: Expression, ranges: readonly BucketRange[]): Expression {
  return or(...ranges.map(({ start, end }) => and(compare(of, '>=', instant(start)), compare(of, '<', instant(end)))))
}

const asIs = (name: string) => ({ expression: column(name), as: name })
const isFirst = (name: string, at: number, all: readonly string[]) => all.indexOf(name) === at

export const oneIf = (when: Expression): Expression => ({
  kind: 'case',
  branches: [{ when, value: whole(1) }],
  otherwise: whole(0),
})
