/**
 * Rows of `daily` for units, in the definition's columns but for `_publish` and `_row`: `hourly` folded to one row a unit, breakdown and
 * value, whatever wrote it. Of a breakdown with more than `maxValues` values those of most hits are kept, by code point
 * among equals; all others become one row, `other`.
 */
import { breakdownSketchSize, foldMaxValues, totalSketchSize } from '../../../schemas/tables.ts'
import {
  and,
  boolean,
  column,
  compare,
  type Expression,
  falling,
  named,
  not,
  or,
  orElse,
  type Select,
  text,
  whole,
} from './ast.ts'
import {
  asIs,
  checkUnits,
  generationOfUnit,
  inUnit,
  joinUnits,
  nearUnits,
  spanOf,
  tableRows,
  type WorkToSelect,
} from './derive-select-parts.ts'

/** @throws RangeError where units are none, too many or empty */
export function deriveDailySelect(work: Omit<WorkToSelect, 'rule'>, maxValues = foldMaxValues): Select {
  checkUnits(work.units)
  return {
    with: [
      { name: 'of_units', select: rowsOfUnits(work) },
      { name: 'gathered', select: gathered('of_units') },
      { name: 'folded', select: folded('gathered') },
      { name: 'ranked', select: ranked },
      { name: 'cut', select: cutAt(maxValues) },
      { name: 'gathered_again', select: gathered('cut') },
      { name: 'days', select: folded('gathered_again') },
    ],
    columns: [
      ...dailyColumns.map((name) => asIs(name, 'days')),
      { expression: generationOfUnit(work, 'hourly', 'days', 'bucket'), as: '_gen' },
    ],
    from: named('days'),
  }
}

const key = ['merchant', 'bucket', 'bucket_end', 'breakdown', 'value', 'other']
const sums = ['hits', 'pageviews', 'orders', 'revenue_micros']
const lists = ['visitors', 'load', 'other_revenue']
const places = ['_src', '_part', '_off_from', '_off_to']

const dailyColumns = [
  ...[
    'merchant',
    'bucket',
    'bucket_end',
    'breakdown',
    'value',
    'hits',
    'pageviews',
    'visitors',
    'orders',
    'revenue_micros',
  ],
  ...['load', 'other_revenue', 'other', ...places],
]

function rowsOfUnits(work: Omit<WorkToSelect, 'rule'>): Select {
  const columns = ['breakdown', 'value', ...sums, ...lists, ...places]
  return {
    columns: [
      asIs('merchant', 'rows'),
      { expression: column('unit_start', 'units'), as: 'bucket' },
      { expression: column('unit_end', 'units'), as: 'bucket_end' },
      { expression: orElse(column('other', 'rows'), boolean(false)), as: 'other' },
      ...columns.map((name) => asIs(name, 'rows')),
    ],
    from: joinUnits(tableRows('hourly', ['bucket', 'other', ...columns]), work.units),
    where: and(nearUnits(work, 'hourly', spanOf(work.units)), inUnit(column('bucket', 'rows'))),
  }
}

/** One row of all that are equal in `key`, whatever wrote them; lists are put together as they are. */
function gathered(name: string): Select {
  const of = (kind: 'sum' | 'min' | 'max', each: string) =>
    ({ expression: { kind, of: column(each) }, as: each }) as const
  const joined = (each: string) => ({ expression: { kind: 'joinedLists', lists: column(each) }, as: each }) as const
  return {
    columns: [
      ...key.map((each) => asIs(each)),
      ...sums.map((each) => of('sum', each)),
      { expression: { kind: 'unionOf', lists: column('visitors') }, as: 'visitors' },
      joined('load'),
      joined('other_revenue'),
      of('min', '_src'),
      of('min', '_part'),
      of('min', '_off_from'),
      of('max', '_off_to'),
    ],
    from: named(name),
    groupBy: key.map((each) => column(each)),
  }
}

/** What was gathered as the fold of schemas/tables.ts has it: sketches cut to k, one pair a key. */
function folded(name: string): Select {
  return {
    columns: [
      ...[...key, ...sums, ...places].map((each) => asIs(each)),
      { expression: sketch, as: 'visitors' },
      {
        expression: {
          kind: 'sumByKey',
          list: column('load'),
          key: { name: 'bucket', type: 'int' },
          value: { name: 'n', type: 'long' },
        },
        as: 'load',
      },
      {
        expression: {
          kind: 'sumByKey',
          list: column('other_revenue'),
          key: { name: 'currency', type: 'text' },
          value: { name: 'micros', type: 'decimal38' },
        },
        as: 'other_revenue',
      },
    ],
    from: named(name),
  }
}

const sketch: Expression = {
  kind: 'case',
  branches: [
    {
      when: compare(column('breakdown'), '=', text('total')),
      value: { kind: 'smallest', list: column('visitors'), limit: totalSketchSize },
    },
  ],
  otherwise: { kind: 'smallest', list: column('visitors'), limit: breakdownSketchSize },
}

/** Values in the order of their hits; rows that are `other` already have a rank that nobody asks for. */
const ranked: Select = {
  columns: [
    ...[...key, ...sums, ...lists, ...places].map((each) => asIs(each)),
    {
      expression: {
        kind: 'place',
        partitionBy: [column('merchant'), column('bucket'), column('bucket_end'), column('breakdown'), column('other')],
        orderBy: [falling(orElse(column('hits'), whole(0))), column('value')],
      },
      as: 'rank',
    },
  ],
  from: named('folded'),
}

function cutAt(maxValues: number): Select {
  const isKept = and(not(column('other')), compare(column('rank'), '<=', whole(maxValues)))
  const kept = (value: Expression, otherwise: Expression): Expression => ({
    kind: 'case',
    branches: [{ when: isKept, value }],
    otherwise,
  })
  return {
    columns: [
      ...['merchant', 'bucket', 'bucket_end', 'breakdown', ...sums, ...lists, ...places].map((each) => asIs(each)),
      { expression: kept(column('value'), text('')), as: 'value' },
      { expression: or(column('other'), compare(column('rank'), '>', whole(maxValues))), as: 'other' },
    ],
    from: named('ranked'),
  }
}
