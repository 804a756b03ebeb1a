/**
 * Rows in their windows: relations of which the last, `windowed`, has each row once for each of its windows that start in the
 * range, with `window_start` and `window_end`, ms since 1970.
 */

import type { BucketRange } from '../../../core/ports/query-engine.ts'
import { and, arithmetic, column, compare, type Expression, type Literal, named, type Select, whole } from './ast.ts'
import type { PlanWindow, TablePlan } from './table-plan.ts'
import { zonedBuckets } from './table-plan-range.ts'
import { asIs, bounds, type Columns, columnsUsed, type Relations, rowColumn } from './table-plan-rows.ts'
import { sessionRelations } from './table-plan-sessions.ts'

/** `zones`: all that rows name, of calendar windows. @throws RangeError where windows are too many */
export function windowRelations(plan: TablePlan, range: BucketRange, zones: readonly string[]): Relations {
  const rows = ['ms', ...columnsUsed(plan).map(rowColumn)].map(asIs)
  const { window } = plan
  switch (window.kind) {
    case 'fixed':
      return inRange(rows, range, [{ name: 'placed', select: fixedWindows(rows, window) }])
    case 'hopping':
      return inRange(rows, range, hoppingWindows(rows, window))
    case 'calendar':
      return [{ name: 'windowed', select: calendarWindows(rows, window, zones, range) }]
    case 'session':
      return inRange(rows, range, sessionRelations(plan, window))
  }
}

/** Of the last relation, `placed`, the rows whose window starts in the range. */
function inRange(rows: Columns, range: BucketRange, relations: Relations): Relations {
  const select: Select = {
    columns: [...rows, asIs('window_start'), asIs('window_end')],
    from: named('placed'),
    where: and(
      compare(column('window_start'), '>=', whole(range.start)),
      compare(column('window_start'), '<', whole(range.end)),
    ),
  }
  return [...relations, { name: 'windowed', select }]
}

type Assign<K extends PlanWindow['kind']> = Extract<PlanWindow, { readonly kind: K }>

function fixedWindows(rows: Columns, { sizeMs, offsetMs }: Assign<'fixed'>): Select {
  const start = startOf(sizeMs, offsetMs)
  return { columns: [...rows, ...bounds(start, arithmetic(start, '+', whole(sizeMs)))], from: named('read') }
}

function startOf(everyMs: number, offsetMs: number): Expression {
  const since: Expression = offsetMs === 0 ? column('ms') : arithmetic(column('ms'), '-', whole(offsetMs))
  const start = arithmetic({ kind: 'floorDivide', of: since, by: everyMs }, '*', whole(everyMs))
  return offsetMs === 0 ? start : arithmetic(start, '+', whole(offsetMs))
}

/** From the last window that holds the row, back by one hop a step, as long as it still does. */
function hoppingWindows(rows: Columns, { sizeMs, everyMs, offsetMs }: Assign<'hopping'>): Relations {
  const hops = Array.from({ length: Math.ceil(sizeMs / everyMs) }, (_, hop) => hop * everyMs)
  const latest: Select = {
    columns: [...rows, { expression: startOf(everyMs, offsetMs), as: 'latest' }],
    from: named('read'),
  }
  const start = arithmetic(column('latest', 'latest'), '-', column('back', 'hops'))
  const placed: Select = {
    columns: [
      ...rows.map(({ as }) => ({ expression: column(as, 'latest'), as })),
      ...bounds(start, arithmetic(start, '+', whole(sizeMs))),
    ],
    from: {
      relation: {
        kind: 'join',
        how: 'inner',
        left: named('latest'),
        right: {
          relation: {
            kind: 'rows',
            columns: [{ name: 'back', type: 'whole' }],
            rows: hops.map((value) => [{ type: 'whole', value }]),
          },
          as: 'hops',
        },
        on: compare(arithmetic(start, '+', whole(sizeMs)), '>', column('ms', 'latest')),
      },
      as: 'hopped',
    },
  }
  return [
    { name: 'latest', select: latest },
    { name: 'placed', select: placed },
  ]
}

function calendarWindows(
  rows: Columns,
  window: Assign<'calendar'>,
  zones: readonly string[],
  range: BucketRange,
): Select {
  const found = zonedBuckets(window, zones, range)
  // Rows are needed: of no window there is none, and no row is in it.
  const buckets = found.length > 0 ? found : [{ zone: '', start: 0, end: 0 }]
  const inBucket = and(
    compare(column(rowColumn(window.zone), 'read'), '=', column('zone', 'buckets')),
    compare(column('ms', 'read'), '>=', column('start_ms', 'buckets')),
    compare(column('ms', 'read'), '<', column('end_ms', 'buckets')),
  )
  return {
    columns: [
      ...rows.map(({ as }) => ({ expression: column(as, 'read'), as })),
      ...bounds(column('start_ms', 'buckets'), column('end_ms', 'buckets')),
    ],
    from: {
      relation: {
        kind: 'join',
        how: 'inner',
        left: named('read'),
        right: {
          relation: {
            kind: 'rows',
            columns: [
              { name: 'zone', type: 'text' },
              { name: 'start_ms', type: 'whole' },
              { name: 'end_ms', type: 'whole' },
            ],
            rows: buckets.map(({ zone, start, end }): Literal[] => [
              { type: 'text', value: zone },
              { type: 'whole', value: start },
              { type: 'whole', value: end },
            ]),
          },
          as: 'buckets',
        },
        on: inBucket,
      },
      as: 'in_buckets',
    },
  }
}
