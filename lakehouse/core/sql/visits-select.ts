/**
 * The one query of a `VisitsQuestion`: visits computed from hits for the pieces in the base table, rows of `sessions` for
 * those that are stored, both put into their buckets and summed together. At most one group more than `maxGroups`.
 *
 * Columns: bucket, `values` (JSON array of texts, where there are dimensions), sessions, bounces, duration, pageviews.
 */
import type { BucketRange, Dimension, Piece, VisitsQuestion } from '../../../core/ports/query-engine.ts'
import { breakdowns } from '../../../core/ports/query-engine.ts'
import {
  and,
  boolean,
  column,
  compare,
  type Expression,
  named,
  not,
  orElse,
  type Select,
  type Source,
  sumOrZero,
  text,
  whole,
} from './ast.ts'
import { dimensionsOf, filterExpression, hitColumn, hitDimension } from './dimensions.ts'
import { pageViewName } from './hits-rows.ts'
import { columnsFor, notErased } from './not-erased.ts'
import { ofMerchant } from './of-merchant.ts'
import { pieceRanges, spanOf } from './pieces.ts'
import {
  inRanges,
  ofFirst,
  oneIf,
  positionColumns,
  visitDuration,
  visitRelations,
  visitsReadRanges,
} from './visits-select-lines.ts'

/**
 * @throws RangeError where there are no pieces, or a piece is stored and the question speaks of more than `sessions` holds
 */
export function visitsSelect(question: VisitsQuestion): Select {
  const spokenOf = [...dimensionsOf(question)]
  const base = question.pieces.filter(({ stored }) => stored === null)
  const stored = question.pieces.filter((piece) => piece.stored !== null)
  const parts = [
    ...(base.length > 0 ? [computedVisits(question, base, spokenOf)] : []),
    ...(stored.length > 0 ? [storedVisits(question, stored, spokenOf)] : []),
  ]
  const [only, ...others] = parts
  if (only === undefined) throw new RangeError('a question has at least one piece')
  const attributeOf = (dimension: Dimension) => column(attribute(spokenOf.indexOf(dimension)), 'both')
  const values = question.dimensions.map(attributeOf)
  return {
    columns: [
      { expression: column('bucket', 'both'), as: 'bucket' },
      ...(values.length === 0 ? [] : [{ expression: { kind: 'texts', of: values } as const, as: 'values' }]),
      ...visitSums.map((name) => ({ expression: sumOrZero(column(name, 'both')), as: name })),
    ],
    from: {
      relation: others.length === 0 ? { kind: 'select', select: only } : { kind: 'unionAll', selects: parts },
      as: 'both',
    },
    ...(question.filter && { where: filterExpression(question.filter, attributeOf) }),
    groupBy: [column('bucket', 'both'), ...values],
    // One more than there may be: whoever gets it knows.
    limit: question.maxGroups + 1,
  }
}

/** Stretches of `hits` that the question's base pieces are computed from: whole UTC days, for budgets and for skipping files. */
export function visitsHitRanges({ pieces }: Pick<VisitsQuestion, 'pieces'>): readonly BucketRange[] {
  return visitsReadRanges(pieces.filter(({ stored }) => stored === null))
}

/** That a row of `hits` is the merchant's, answers, and lies in one of the ranges. */
export function visitsHitConditions(
  question: VisitsQuestion,
  ranges: readonly BucketRange[],
  as: string,
): readonly Expression[] {
  return [ofMerchant(question, 'hits', as, spanOf(ranges)), inRanges(column('time', as), ranges)]
}

const visitSums = ['sessions', 'bounces', 'duration', 'pageviews'] as const

/** Column of what the visit's first hit has of the n-th dimension that the question speaks of. */
const attribute = (index: number) => `of${index}`

function computedVisits(question: VisitsQuestion, base: readonly Piece[], spokenOf: readonly Dimension[]): Select {
  const attributes = spokenOf.map((_, index) => attribute(index))
  const relations = visitRelations({
    hits: hitsToRead(question, visitsReadRanges(base), spokenOf),
    line: ['visitor', 'session', 'bot'],
    carried: [...attributes, 'is_pageview'],
    visits: [
      ...attributes.map((name) => ({ expression: ofFirst(name), as: name })),
      { expression: oneIf(compare({ kind: 'count' }, '=', whole(1))), as: 'bounces' },
      { expression: visitDuration, as: 'duration' },
      { expression: { kind: 'sum', of: column('is_pageview') }, as: 'pageviews' },
    ],
    rule: question.rule,
  })
  return {
    with: relations,
    columns: unionColumns(attributes, {
      bounces: column('bounces', 'visits'),
      duration: column('duration', 'visits'),
      pageviews: column('pageviews', 'visits'),
      of: (name) => column(name, 'visits'),
    }),
    from: {
      relation: {
        kind: 'within',
        left: named('visits'),
        point: column('start', 'visits'),
        ranges: pieceRanges(base, ['bucket']),
        as: 'pieces',
        columns: ['bucket'],
      },
      as: 'visits_in_pieces',
    },
  }
}

/** Bots' hits are left out before lines are made, or are lines of their own: a person's visits are the same either way. */
function hitsToRead(question: VisitsQuestion, ranges: readonly BucketRange[], spokenOf: readonly Dimension[]): Select {
  const bot = orElse(column('bot', 'rows'), boolean(false))
  const isPageview = compare(column('name', 'rows'), '=', text(pageViewName))
  return {
    columns: [
      { expression: orElse(column('visitor', 'rows'), text('')), as: 'visitor' },
      { expression: orElse(column('session', 'rows'), text('')), as: 'session' },
      { expression: bot, as: 'bot' },
      { expression: column('time', 'rows'), as: 'time' },
      ...positionColumns.map((name) => ({ expression: column(name, 'rows'), as: name })),
      ...spokenOf.map((each, index) => ({ expression: hitDimension(each, 'rows'), as: attribute(index) })),
      { expression: oneIf(isPageview), as: 'is_pageview' },
    ],
    from: tableRows('hits', [
      ...['time', 'bot', 'name', 'session', 'visitor', ...positionColumns],
      ...spokenOf.map(hitColumn),
      ...columnsFor(question.erased),
    ]),
    where: and(
      ...visitsHitConditions(question, ranges, 'rows'),
      ...notErased(question.erased, 'rows'),
      ...(spokenOf.includes('bot') ? [] : [not(bot)]),
    ),
  }
}

function storedVisits(question: VisitsQuestion, stored: readonly Piece[], spokenOf: readonly Dimension[]): Select {
  const foreign = spokenOf.find((dimension) => !(breakdowns as readonly string[]).includes(dimension))
  if (foreign !== undefined) throw new RangeError(`stored visits do not know ${foreign}`)
  const columns = ['start', 'bounce', 'duration_ms', 'pageviews', '_publish', ...spokenOf]
  return {
    columns: unionColumns(spokenOf, {
      bounces: oneIf(column('bounce', 'rows')),
      duration: column('duration_ms', 'rows'),
      pageviews: column('pageviews', 'rows'),
      of: (name) => orElse(column(name, 'rows'), text('')),
    }),
    from: {
      relation: {
        kind: 'within',
        left: tableRows('sessions', columns),
        point: column('start', 'rows'),
        ranges: pieceRanges(stored, ['bucket', 'stored']),
        as: 'pieces',
        columns: ['bucket', 'stored'],
      },
      as: 'rows_in_pieces',
    },
    where: and(
      ofMerchant(question, 'sessions', 'rows', spanOf(stored)),
      compare(column('_publish', 'rows'), '=', column('stored', 'pieces')),
    ),
  }
}

function tableRows(table: 'hits' | 'sessions', columns: readonly string[]): Source {
  return { relation: { kind: 'table', table, columns: [...new Set(['merchant', '_gen', ...columns])] }, as: 'rows' }
}

interface VisitColumns {
  readonly bounces: Expression
  readonly duration: Expression
  readonly pageviews: Expression
  readonly of: (name: string) => Expression
}

/** Columns of one visit, the same for both halves of the union; `names` are those of the attributes there. */
function unionColumns(names: readonly string[], { of, ...sums }: VisitColumns): Select['columns'] {
  return [
    { expression: column('bucket', 'pieces'), as: 'bucket' },
    ...names.map((name, index) => ({ expression: of(name), as: attribute(index) })),
    { expression: whole(1), as: 'sessions' },
    { expression: sums.bounces, as: 'bounces' },
    { expression: sums.duration, as: 'duration' },
    { expression: sums.pageviews, as: 'pageviews' },
  ]
}
