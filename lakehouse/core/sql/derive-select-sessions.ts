/**
 * Rows of `sessions` for units, in the definition's columns but for `_publish` and `_row`: visits of the units' merchants, bots left
 * out, that start in a unit.
 */
import type { DerivedUnit } from '../../../core/ports/maintenance-store.ts'
import { type BucketRange, breakdowns } from '../../../core/ports/query-engine.ts'
import { and, boolean, column, compare, named, not, orElse, type Select, sumOrZero, text, whole } from './ast.ts'
import {
  asIs,
  checkUnits,
  generationOfUnit,
  inUnit,
  joinMerchants,
  joinUnits,
  nearUnits,
  spanOf,
  tableRows,
  type WorkToSelect,
} from './derive-select-parts.ts'
import { hitColumn } from './dimensions.ts'
import { columnsFor, notErased } from './not-erased.ts'
import {
  inRanges,
  ofFirst,
  ofLast,
  positionColumns,
  visitDuration,
  visitRelations,
  visitsReadRanges,
} from './visits-select-lines.ts'

/** Stretches of `hits` that decide visits of the units. */
export function sessionsReadRanges(units: readonly DerivedUnit[]): readonly BucketRange[] {
  return visitsReadRanges(units.toSorted((a, b) => a.start - b.start))
}

/** @throws RangeError where units are none, too many or empty */
export function deriveSessionsSelect(work: WorkToSelect): Select {
  checkUnits(work.units)
  const relations = visitRelations({
    hits: hitsToRead(work),
    line: ['merchant', 'visitor', 'session'],
    carried: ['name', 'path', 'source', 'country', 'device', 'browser', 'campaign', 'revenue', ...positionColumns],
    visits: [
      { expression: { kind: 'max', of: column('time') }, as: 'end' },
      { expression: { kind: 'count' }, as: 'hits' },
      { expression: countNamed('page_view'), as: 'pageviews' },
      { expression: countNamed('purchase'), as: 'orders' },
      { expression: sumOrZero(column('revenue')), as: 'revenue_micros' },
      { expression: compare({ kind: 'count' }, '=', whole(1)), as: 'bounce' },
      { expression: visitDuration, as: 'duration_ms' },
      ...breakdowns.map((as) => ({ expression: ofFirst(hitColumn(as)), as })),
      { expression: ofLast('path'), as: 'exit_page' },
      ...positionColumns.map((name) => ({ expression: ofFirst(name), as: name })),
    ],
    rule: work.rule,
  })
  return {
    with: relations,
    columns: [
      ...sessionColumns.map((name) => (textColumns.includes(name) ? orNull(name) : asIs(name, 'visits'))),
      { expression: generationOfUnit(work, 'hits', 'visits', 'start'), as: '_gen' },
    ],
    from: joinUnits(named('visits'), work.units),
    where: inUnit(column('start', 'visits')),
  }
}

const sessionColumns = [
  ...['merchant', 'start', 'end', 'visitor', 'session', 'hits', 'pageviews', 'orders', 'revenue_micros', 'bounce'],
  ...['duration_ms', 'name', 'page', 'exit_page', 'source', 'country', 'device', 'browser', 'campaign'],
  ...['_src', '_part', '_off', '_idx'],
]

/** Columns that are null where there is no value. */
const textColumns = [...breakdowns, 'exit_page', 'session']

function orNull(name: string): Select['columns'][number] {
  const of = column(name, 'visits')
  return { expression: { kind: 'case', branches: [{ when: compare(of, '<>', text('')), value: of }] }, as: name }
}

function hitsToRead(work: WorkToSelect): Select {
  const ranges = sessionsReadRanges(work.units)
  const merchants = new Set<string>(work.units.map(({ merchant }) => merchant))
  const erased = work.erased.filter(({ merchant }) => merchants.has(merchant))
  const texts = ['visitor', 'session', 'name', 'path', 'source', 'country', 'device', 'browser', 'campaign']
  const rows = tableRows('hits', [
    'time',
    'bot',
    'revenue_home_micros',
    ...texts,
    ...positionColumns,
    ...columnsFor(erased),
  ])
  return {
    columns: [
      asIs('merchant', 'rows'),
      asIs('time', 'rows'),
      ...texts.map((name) => ({ expression: orElse(column(name, 'rows'), text('')), as: name })),
      { expression: column('revenue_home_micros', 'rows'), as: 'revenue' },
      ...positionColumns.map((name) => asIs(name, 'rows')),
    ],
    from: joinMerchants(rows, work.units),
    where: and(
      nearUnits(work, 'hits', spanOf(ranges)),
      inRanges(column('time', 'rows'), ranges),
      ...notErased(erased, 'rows'),
      not(orElse(column('bot', 'rows'), boolean(false))),
    ),
  }
}

function countNamed(name: string) {
  return { kind: 'count', where: compare(column('name'), '=', text(name)) } as const
}
