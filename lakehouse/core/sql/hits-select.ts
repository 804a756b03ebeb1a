/**
 * The one query of a `HitsQuestion`: for every group its sums, and of its visitors how many hashes a KMV sketch of their
 * union keeps and the largest of those. Columns: see `answerColumns`. At most one group more than the question's
 * `maxGroups`.
 *
 * Rollup: partial rows are summed, their sketches unnested, made distinct and cut to k. Raw: hits are first grouped by
 * group and visitor, so that sums and sketch come of one scan and its memory follows visitors, not hits.
 */
import type { HitsQuestion } from '../../../core/ports/query-engine.ts'
import { and, column, compare, type Expression, named, orElse, type Select, type Source, whole } from './ast.ts'
import { groupKeys, hasPart, questionRows } from './hits-rows.ts'
import {
  answerColumns,
  answerSource,
  keyColumns,
  keysOf,
  loadsOf,
  type Relations,
  sumsOf,
  withGroupsOf,
} from './hits-sums.ts'

/**
 * @throws RangeError where there are no pieces, or a rollup is asked for what its breakdown does not hold
 */
export function hitsSelect(question: HitsQuestion): Select {
  const withVisitors = hasPart(question, 'visitors')
  return {
    with: [...sumsOf(question, []), ...(withVisitors ? sketches(question) : []), ...loadsOf(question)],
    columns: answerColumns(question, [
      { expression: orElse(column('kept', 'cut'), orElse(column('kept', 'counted'), whole(0))), as: 'kept' },
      { expression: orElse(column('largest', 'cut'), column('largest', 'counted')), as: 'largest' },
    ]),
    from: withVisitors ? withSketches(question, answerSource(question)) : answerSource(question),
    limit: question.maxGroups + 1,
  }
}

function withSketches(question: HitsQuestion, sums: Source): Source {
  return withGroupsOf(question, withGroupsOf(question, sums, 'sums', named('counted')), 'sums', named('cut'))
}

function sketches(question: HitsQuestion): Relations {
  const fits = compare(column('place'), '<=', whole(question.sketchSize))
  return [
    { name: 'hashes', select: question.from === 'rollup' ? storedHashes(question) : visitorHashes(question) },
    { name: 'counted', select: keptAndLargest(question, 'hashes') },
    { name: 'ranked', select: rankedWhereFull(question) },
    { name: 'cut', select: keptAndLargest(question, 'ranked', fits) },
  ]
}

/** Every hash of a group's sketches once: the keys, hash. */
function storedHashes(question: HitsQuestion): Select {
  return {
    distinct: 'distinct',
    columns: [...keyColumns(question, 'rows'), { expression: column('hash', 'visitor'), as: 'hash' }],
    from: {
      relation: {
        kind: 'unnest',
        left: questionRows(question, ['visitors']),
        list: column('visitors', 'rows'),
        as: 'visitor',
        element: 'hash',
      },
      as: 'unnested',
    },
  }
}

/** Hits without a visitor have no hash. */
function visitorHashes(question: HitsQuestion): Select {
  return {
    columns: [...keyColumns(question), { expression: column('hash'), as: 'hash' }],
    from: named('visitors'),
    where: { kind: 'notNull', of: column('hash') },
  }
}

/** How many hashes a group has, and the largest. */
function keptAndLargest(question: HitsQuestion, relation: string, where?: Expression): Select {
  return {
    columns: [
      ...keyColumns(question),
      { expression: { kind: 'count' }, as: 'kept' },
      { expression: { kind: 'max', of: column('hash') }, as: 'largest' },
    ],
    from: named(relation),
    ...(where && { where }),
    groupBy: keysOf(question),
  }
}

/**
 * The hashes of groups that have more than a sketch holds, in order. Only of those: a window over thousands of groups
 * takes more memory than all the rest of the query, and nearly no group needs it.
 */
function rankedWhereFull(question: HitsQuestion): Select {
  return {
    columns: [
      ...keyColumns(question, 'hashes'),
      { expression: column('hash', 'hashes'), as: 'hash' },
      {
        expression: { kind: 'place', partitionBy: keysOf(question, 'hashes'), orderBy: [column('hash', 'hashes')] },
        as: 'place',
      },
    ],
    from: {
      relation: {
        kind: 'join',
        how: 'inner',
        left: named('hashes'),
        right: named('counted'),
        on: and(...groupKeys(question).map((name) => compare(column(name, 'hashes'), '=', column(name, 'counted')))),
      },
      as: 'joined',
    },
    where: compare(column('kept', 'counted'), '>', whole(question.sketchSize)),
  }
}
