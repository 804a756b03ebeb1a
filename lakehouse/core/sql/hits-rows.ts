/**
 * The rows of a question of hits, each with the keys of its group: partial rows of the rollup, or hits. What is left out
 * here (other merchants, bots, what the filter drops) enters no number.
 */
import type { HitsPart, HitsQuestion, Piece, RawQuestion, RollupQuestion } from '../../../core/ports/query-engine.ts'
import {
  and,
  boolean,
  column,
  compare,
  type Expression,
  not,
  orElse,
  type Select,
  type Source,
  text,
  whole,
} from './ast.ts'
import { dimensionsOf, filterExpression, hitColumn, hitDimension } from './dimensions.ts'
import { columnsFor, notErased } from './not-erased.ts'
import { ofMerchant } from './of-merchant.ts'
import { type PieceColumn, pieceRanges, spanOf, tableOf } from './pieces.ts'

/** What a hit must be named to count as a page view, and as an order. */
export const pageViewName = 'page_view'
export const orderName = 'purchase'

export type Columns = Select['columns']

/** The column of a question's dimension, by its place. */
export const dimensionColumn = (index: number) => `d${index}`

/** Whether groups may be `other`: only a breakdown is ever truncated. */
export function mayBeOther(question: HitsQuestion): boolean {
  return question.from === 'rollup' && question.dimensions.length > 0
}

/** Columns that tell groups apart; none is ever null. */
export function groupKeys(question: HitsQuestion): readonly string[] {
  return [
    'bucket',
    ...question.dimensions.map((_, index) => dimensionColumn(index)),
    ...(mayBeOther(question) ? ['other'] : []),
  ]
}

export const hasPart = ({ parts }: HitsQuestion, part: HitsPart): boolean => parts.includes(part)

/**
 * The question's rows as `rows`: the columns of `groupKeys`, and besides: of the rollup those of `measures`; of hits `name`,
 * `revenue`, `hash`, `load_bucket` and `foreign`, each where `measures` has it.
 * @throws RangeError where a rollup is asked for what its breakdown does not hold
 */
export function questionRows(question: HitsQuestion, measures: readonly string[]): Source {
  const selects = question.from === 'rollup' ? rollupRows(question, measures) : [rawRows(question, measures)]
  const [only, ...others] = selects
  if (only === undefined) throw new RangeError('a question has at least one piece')
  return {
    relation: others.length === 0 ? { kind: 'select', select: only } : { kind: 'unionAll', selects },
    as: 'rows',
  }
}

function rollupRows(question: RollupQuestion, measures: readonly string[]): readonly Select[] {
  const spoken = dimensionsOf(question)
  if (question.dimensions.length > 1 || [...spoken].some((dimension) => dimension !== question.breakdown)) {
    throw new RangeError(`the breakdown ${question.breakdown} holds no ${[...spoken].join(', ')}`)
  }
  const stored = (piece: Piece) => tableOf(question, piece) === 'daily'
  return [question.pieces.filter((piece) => !stored(piece)), question.pieces.filter(stored)]
    .filter((pieces) => pieces.length > 0)
    .map((pieces) => partialRows(question, pieces, measures))
}

function partialRows(question: RollupQuestion, pieces: readonly Piece[], measures: readonly string[]): Select {
  const [piece] = pieces
  const isStored = piece !== undefined && tableOf(question, piece) === 'daily'
  const other = orElse(column('other', 'stored'), boolean(false))
  const value = orElse(column('value', 'stored'), text(''))
  const dimension: Expression = { kind: 'case', branches: [{ when: other, value: text('') }], otherwise: value }
  const conditions = [
    ofMerchant(question, isStored ? 'daily' : 'hourly', 'stored', spanOf(pieces)),
    compare(column('breakdown', 'stored'), '=', text(question.breakdown)),
    ...(isStored ? [compare(column('_publish', 'stored'), '=', column('stored', 'pieces'))] : []),
    ...(question.filter === null ? [] : [filterExpression(question.filter, () => value, not(other))]),
  ]
  return {
    columns: [
      { expression: column('bucket', 'pieces'), as: 'bucket' },
      ...question.dimensions.map((_, index) => ({ expression: dimension, as: dimensionColumn(index) })),
      ...(mayBeOther(question) ? [{ expression: other, as: 'other' }] : []),
      ...measures.map((name) => ({ expression: column(name, 'stored'), as: name })),
    ],
    from: inPieces(
      isStored ? 'daily' : 'hourly',
      ['bucket', 'breakdown', 'value', 'other', ...(isStored ? ['_publish'] : []), ...measures],
      'bucket',
      pieces,
    ),
    where: and(...conditions),
  }
}

function rawRows(question: RawQuestion, measures: readonly string[]): Select {
  const spoken = dimensionsOf(question)
  const conditions = [
    ofMerchant(question, 'hits', 'stored', spanOf(question.pieces)),
    ...notErased(question.erased, 'stored'),
    ...(spoken.has('bot') ? [] : [compare(column('bot', 'stored'), '=', boolean(false))]),
    ...(question.filter === null ? [] : [filterExpression(question.filter, (each) => hitDimension(each, 'stored'))]),
  ]
  const read = measures.map((name) => rawMeasures[name] ?? { columns: [name], expression: column(name, 'stored') })
  const columns = new Set([
    ...['time', 'bot', ...[...spoken].map(hitColumn), ...read.flatMap((each) => each.columns)],
    ...columnsFor(question.erased),
  ])
  return {
    columns: [
      { expression: column('bucket', 'pieces'), as: 'bucket' },
      ...question.dimensions.map((each, index) => ({
        expression: hitDimension(each, 'stored'),
        as: dimensionColumn(index),
      })),
      ...read.map(({ expression }, index) => ({ expression, as: measures[index] ?? '' })),
    ],
    from: inPieces('hits', [...columns], 'time', question.pieces),
    where: and(...conditions),
  }
}

/** Revenue in a currency that is not the merchant's, as `enrich` decides it. */
const isForeign = and(
  { kind: 'notNull', of: column('revenue_currency', 'stored') },
  compare(column('revenue_currency', 'stored'), '<>', orElse(column('currency', 'stored'), text(''))),
)

/** Measures of hits that are not a column as it stands. */
const rawMeasures: Readonly<Record<string, { readonly columns: readonly string[]; readonly expression: Expression }>> =
  {
    revenue: { columns: ['revenue_home_micros'], expression: column('revenue_home_micros', 'stored') },
    hash: { columns: ['visitor_hash'], expression: column('visitor_hash', 'stored') },
    foreign: {
      columns: ['revenue_currency', 'revenue_micros', 'currency'],
      expression: {
        kind: 'case',
        branches: [
          {
            when: isForeign,
            value: {
              kind: 'struct',
              fields: [
                { name: 'currency', type: 'text', of: column('revenue_currency', 'stored') },
                { name: 'micros', type: 'decimal38', of: orElse(column('revenue_micros', 'stored'), whole(0)) },
              ],
            },
          },
        ],
      },
    },
  }

/** Rows of a table as `stored`, each with the columns of its piece as `pieces`. */
function inPieces(
  table: 'hits' | 'hourly' | 'daily',
  columns: readonly string[],
  time: string,
  pieces: readonly Piece[],
): Source {
  const pieceColumns: readonly PieceColumn[] = table === 'daily' ? ['bucket', 'stored'] : ['bucket']
  return {
    relation: {
      kind: 'within',
      left: { relation: { kind: 'table', table, columns: ['merchant', '_gen', ...columns] }, as: 'stored' },
      point: column(time, 'stored'),
      ranges: pieceRanges(pieces, pieceColumns),
      as: 'pieces',
      columns: pieceColumns,
    },
    as: 'placed',
  }
}
