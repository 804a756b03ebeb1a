/**
 * What both forms of a question of hits are made of: the relation `sums`, one row a group, and what is read of it. The
 * forms differ only in how they come by the sketch of visitors (hits-select.ts, hits-select-by-lists.ts).
 */
import type { HitsQuestion, RawQuestion, RollupQuestion } from '../../../core/ports/query-engine.ts'
import { and, column, compare, type Expression, named, type Select, type Source, sumOrZero, text } from './ast.ts'
import {
  type Columns,
  dimensionColumn,
  groupKeys,
  hasPart,
  mayBeOther,
  orderName,
  pageViewName,
  questionRows,
} from './hits-rows.ts'

export type Relations = NonNullable<Select['with']>

const sumNames = ['hits', 'pageviews', 'orders', 'revenue'] as const
const bucketPart = { name: 'bucket', type: 'int' } as const
const countPart = { name: 'n', type: 'long' } as const
const currencyPart = { name: 'currency', type: 'text' } as const
const microsPart = { name: 'micros', type: 'decimal38' } as const

/** The keys of groups, as columns of `of`. */
export const keyColumns = (question: HitsQuestion, of?: string): Columns =>
  groupKeys(question).map((name) => ({ expression: column(name, of), as: name }))

/**
 * Relations of which the last is named `sums`: the keys, hits, pageviews, orders, revenue, and where they are asked `load`
 * and `other_revenue`, as joined lists. `hashes`: columns beside them of the same grouping.
 */
export function sumsOf(question: HitsQuestion, hashes: Columns): Relations {
  return question.from === 'rollup' ? rollupSums(question, hashes) : rawSums(question, hashes)
}

function rollupSums(question: RollupQuestion, hashes: Columns): Relations {
  const { load, otherRevenue } = asked(question)
  const lists = [...(load ? ['load'] : []), ...(otherRevenue ? ['other_revenue'] : [])]
  const measures = ['hits', 'pageviews', 'orders', 'revenue_micros', ...lists]
  const select: Select = {
    columns: [
      ...keyColumns(question, 'rows'),
      ...(['hits', 'pageviews', 'orders'] as const).map((name) => sumOf(name, name)),
      sumOf('revenue_micros', 'revenue'),
      ...lists.map((name) => joinedOf(name, name)),
      ...hashes,
    ],
    from: questionRows(question, hashes.length === 0 ? measures : [...measures, 'visitors']),
    groupBy: keysOf(question, 'rows'),
  }
  return [{ name: 'sums', select }]
}

function rawSums(question: RawQuestion, hashes: Columns): Relations {
  const foreign = asked(question).otherRevenue ? ['foreign'] : []
  const byVisitor = hasPart(question, 'visitors')
  const keys = keysOf(question, 'rows')
  const count: Select = {
    columns: [
      ...keyColumns(question, 'rows'),
      ...(byVisitor ? [{ expression: column('hash', 'rows'), as: 'hash' }] : []),
      { expression: { kind: 'count' }, as: 'hits' },
      { expression: countNamed(pageViewName), as: 'pageviews' },
      { expression: countNamed(orderName), as: 'orders' },
      // Without visitors this is the last grouping.
      byVisitor
        ? { expression: { kind: 'sum', of: column('revenue', 'rows') }, as: 'revenue' }
        : sumOf('revenue', 'revenue'),
      ...foreign.map((name) => ({
        expression: { kind: 'listOf', of: column(name, 'rows') } as const,
        as: 'other_revenue',
      })),
    ],
    from: questionRows(question, ['name', 'revenue', ...(byVisitor ? ['hash'] : []), ...foreign]),
    groupBy: byVisitor ? [...keys, column('hash', 'rows')] : keys,
  }
  if (!byVisitor) return [{ name: 'sums', select: count }]
  const sums: Select = {
    columns: [
      ...keyColumns(question, 'rows'),
      ...sumNames.map((name) => sumOf(name, name)),
      ...foreign.map(() => joinedOf('other_revenue', 'other_revenue')),
      ...hashes,
    ],
    from: named('visitors', 'rows'),
    groupBy: keys,
  }
  return [
    { name: 'visitors', select: count },
    { name: 'sums', select: sums },
  ]
}

/**
 * The histogram of hits has relations of its own, which read the hits again: as a list beside the sums it would be as long
 * as the hits are many. The last is named `loads`: the keys and `load`.
 */
export function loadsOf(question: HitsQuestion): Relations {
  if (question.from !== 'raw' || !asked(question).load) return []
  const counted: Select = {
    columns: [
      ...keyColumns(question, 'rows'),
      { expression: column('load_bucket', 'rows'), as: 'load_bucket' },
      { expression: { kind: 'count' }, as: 'n' },
    ],
    from: questionRows(question, ['load_bucket']),
    where: { kind: 'notNull', of: column('load_bucket', 'rows') },
    groupBy: [...keysOf(question, 'rows'), column('load_bucket', 'rows')],
  }
  const pair: Expression = {
    kind: 'struct',
    fields: [
      { ...bucketPart, of: column('load_bucket', 'rows') },
      { ...countPart, of: column('n', 'rows') },
    ],
  }
  const lists: Select = {
    columns: [...keyColumns(question, 'rows'), { expression: { kind: 'listOf', of: pair }, as: 'load' }],
    from: named('counted_loads', 'rows'),
    groupBy: keysOf(question, 'rows'),
  }
  return [
    { name: 'counted_loads', select: counted },
    { name: 'loads', select: lists },
  ]
}

/**
 * The columns of the answer: bucket, `values` (JSON array of texts, where there are dimensions), `other` (`true` or
 * `false`, where groups may be other), hits, pageviews, orders, revenue; `kept` and `largest`, `load` and `other_revenue`
 * (JSON array of pairs of texts) where they are asked.
 */
export function answerColumns(question: HitsQuestion, visitors: Columns): Columns {
  const { load, otherRevenue } = asked(question)
  const histogram = column('load', question.from === 'raw' ? 'loads' : 'sums')
  const dimensions = question.dimensions.map((_, index) => column(dimensionColumn(index), 'sums'))
  return [
    { expression: column('bucket', 'sums'), as: 'bucket' },
    ...(dimensions.length === 0 ? [] : [{ expression: { kind: 'texts', of: dimensions } as const, as: 'values' }]),
    ...(mayBeOther(question)
      ? [{ expression: { kind: 'asText', of: column('other', 'sums') } as const, as: 'other' }]
      : []),
    ...sumNames.map((name) => ({ expression: column(name, 'sums'), as: name })),
    ...(hasPart(question, 'visitors') ? visitors : []),
    ...(load ? [{ expression: pairsOf(histogram, bucketPart, countPart), as: 'load' }] : []),
    ...(otherRevenue
      ? [{ expression: pairsOf(column('other_revenue', 'sums'), currencyPart, microsPart), as: 'other_revenue' }]
      : []),
  ]
}

/** `sums`, joined with `loads` where that is asked apart. */
export function answerSource(question: HitsQuestion): Source {
  return question.from === 'raw' && asked(question).load
    ? withGroupsOf(question, named('sums'), 'sums', named('loads'))
    : named('sums')
}

/** Every row of `left`, whose keys are in its part `by`, with the right row of the same group where there is one. */
export function withGroupsOf(question: HitsQuestion, left: Source, by: string, right: Source): Source {
  const on = and(...groupKeys(question).map((name) => compare(column(name, by), '=', column(name, right.as))))
  return { relation: { kind: 'join', how: 'left', left, right, on }, as: 'joined' }
}

export function keysOf(question: HitsQuestion, of?: string): readonly Expression[] {
  return groupKeys(question).map((name) => column(name, of))
}

function asked(question: HitsQuestion) {
  return { load: hasPart(question, 'load'), otherRevenue: hasPart(question, 'otherRevenue') }
}

const sumOf = (name: string, as: string) => ({ expression: sumOrZero(column(name, 'rows')), as })
const joinedOf = (name: string, as: string) => ({
  expression: { kind: 'joinedLists', lists: column(name, 'rows') } as const,
  as,
})
const countNamed = (name: string): Expression => ({
  kind: 'count',
  where: compare(column('name', 'rows'), '=', text(name)),
})

function pairsOf(
  list: Expression,
  key: typeof bucketPart | typeof currencyPart,
  value: typeof countPart | typeof microsPart,
): Expression {
  return { kind: 'pairs', list: { kind: 'sumByKey', list, key, value }, key: key.name, value: value.name }
}
