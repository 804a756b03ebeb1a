/**
 * Sessions of a plan over a table as relations: the rule of core/visits.ts for groups of any columns, which may be null. The
 * last, `placed`, has each row with its window. As visits-select-lines.ts, which has the columns of visits.
 */
import { and, arithmetic, column, compare, type Expression, named, text, whole } from './ast.ts'
import type { SessionWindow, TablePlan } from './table-plan.ts'
import { cellMs } from './table-plan-range.ts'
import { asIs, bounds, columnsUsed, ofRow, type Relations, rowColumn } from './table-plan-rows.ts'

/** @throws RangeError where a longest length is below a pause: the rule says nothing of it */
export function sessionRelations(plan: TablePlan, window: SessionWindow): Relations {
  const cell = cellMs(window)
  if (window.atMostMs < cell)
    throw new RangeError(`sessions of at most ${window.atMostMs} ms are cut before a pause of ${cell} ms`)
  const line = plan.by.map(ofRow)
  const rows = ['ms', ...columnsUsed(plan).map(rowColumn)].map(asIs)
  const byPlace = { partitionBy: line, orderBy: [column('place')] }
  const before = (name: string): Expression => ({ kind: 'before', of: column(name), ...byPlace })
  const soFar = (name: string): Expression => ({ kind: 'over', call: 'max', of: column(name), ...byPlace })
  const gap = gapOf(window)
  const inWindow = { partitionBy: [...line, column('anchor'), column('slice')] }
  const last: Expression = { kind: 'over', call: 'max', of: column('ms'), ...inWindow }
  return [
    {
      name: 'lines',
      select: {
        columns: [
          ...rows,
          { expression: { kind: 'floorDivide', of: column('ms'), by: cell }, as: 'cell' },
          { expression: { kind: 'place', partitionBy: line, orderBy: [column('ms')] }, as: 'place' },
        ],
        from: named('read'),
      },
    },
    {
      name: 'followed',
      select: {
        columns: [...rows, asIs('cell'), asIs('place'), { expression: before('ms'), as: 'before' }],
        from: named('lines'),
      },
    },
    {
      name: 'paused',
      select: {
        columns: [...rows, asIs('cell'), asIs('place'), { expression: pauseTime(gap), as: 'pause' }],
        from: named('followed'),
      },
    },
    {
      name: 'celled',
      select: {
        columns: [
          ...rows,
          ...['cell', 'place', 'pause'].map(asIs),
          { expression: before('cell'), as: 'cell_before' },
          {
            expression: { kind: 'over', call: 'max', of: column('pause'), partitionBy: [...line, column('cell')] },
            as: 'pause_in_cell',
          },
        ],
        from: named('paused'),
      },
    },
    {
      name: 'after_cells',
      select: {
        columns: [
          ...rows,
          ...['cell', 'place', 'pause', 'cell_before'].map(asIs),
          { expression: before('pause_in_cell'), as: 'pause_in_cell_before' },
        ],
        from: named('celled'),
      },
    },
    {
      name: 'broken',
      select: {
        columns: [...rows, ...['cell', 'place', 'pause'].map(asIs), { expression: breakTime, as: 'break' }],
        from: named('after_cells'),
      },
    },
    {
      name: 'anchored',
      select: {
        columns: [
          ...rows,
          asIs('cell'),
          { expression: soFar('pause'), as: 'begun' },
          { expression: soFar('break'), as: 'anchor' },
        ],
        from: named('broken'),
      },
    },
    {
      name: 'sliced',
      select: {
        columns: [
          ...rows,
          ...['cell', 'begun', 'anchor'].map(asIs),
          {
            expression: {
              kind: 'floorDivide',
              of: arithmetic(column('ms'), '-', column('anchor')),
              by: window.atMostMs,
            },
            as: 'slice',
          },
        ],
        from: named('anchored'),
      },
    },
    {
      name: 'cut',
      select: {
        columns: [
          ...rows,
          { expression: { kind: 'over', call: 'min', of: column('ms'), ...inWindow }, as: 'window_start' },
          { expression: arithmetic(last, '+', gap), as: 'reach' },
          { expression: limitOf(window.atMostMs, cell), as: 'limit' },
        ],
        from: named('sliced'),
      },
    },
    {
      name: 'placed',
      select: {
        columns: [...rows, ...bounds(column('window_start'), lesser(column('reach'), column('limit')))],
        from: named('cut'),
      },
    },
  ]
}

function gapOf({ gapMs, named: other }: SessionWindow): Expression {
  if (other === undefined) return whole(gapMs)
  const isNamed = and({ kind: 'notNull', of: ofRow(other.column) }, compare(ofRow(other.column), '<>', text('')))
  return { kind: 'case', branches: [{ when: isNamed, value: whole(other.gapMs) }], otherwise: whole(gapMs) }
}

/** The row's `ms` where its line pauses before it, and at its beginning; else null. */
function pauseTime(gap: Expression): Expression {
  const since = arithmetic(column('ms'), '-', column('before'))
  return {
    kind: 'case',
    branches: [
      { when: { kind: 'isNull', of: column('before') }, value: column('ms') },
      { when: compare(since, '>=', gap), value: column('ms') },
    ],
  }
}

/** And where it follows a stretch without a pause. */
const breakTime: Expression = {
  kind: 'case',
  branches: [
    { when: { kind: 'notNull', of: column('pause') }, value: column('pause') },
    {
      when: and(compare(column('cell_before'), '<', column('cell')), {
        kind: 'isNull',
        of: column('pause_in_cell_before'),
      }),
      value: column('ms'),
    },
  ],
}

/** What begins behind a pause lasts as long as it may; what goes on behind a cut ends with its stretch. */
function limitOf(atMostMs: number, cell: number): Expression {
  const begins = and(compare(column('slice'), '=', whole(0)), compare(column('anchor'), '=', column('begun')))
  return {
    kind: 'case',
    branches: [{ when: begins, value: arithmetic(column('anchor'), '+', whole(atMostMs)) }],
    otherwise: arithmetic(arithmetic(column('cell'), '+', whole(1)), '*', whole(cell)),
  }
}

function lesser(a: Expression, b: Expression): Expression {
  return { kind: 'case', branches: [{ when: compare(a, '<', b), value: a }], otherwise: b }
}
