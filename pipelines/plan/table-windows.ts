/** Windows over a table: declared throughout, so that a plan with them can run as SQL. Half-open, `[start, end)`. */
import type { Weekday } from '../core/window/calendar.ts'
import { durationMs } from './duration.ts'
import type { CalendarUnit, SessionWindowStep, TableWindowAssign } from './node/step.ts'
import { type FixedWindow, type HoppingWindow, type PauseWindow, type SessionWindow, windowAssign } from './windows.ts'

/** Local hours, days, weeks or months of the zone that the column `K` names. */
export interface ColumnCalendarWindow<K extends string> {
  readonly kind: 'calendar'
  readonly unit: CalendarUnit
  readonly zone: K
  readonly weekStart: Weekday
}

/**
 * As `calendar`, of a zone that a column names instead of a function. A row whose zone does not exist, or is null, is in no
 * window, and so is one outside 1900–2199.
 */
export function calendarOf<const K extends string>(
  unit: 'week',
  by: { readonly zone: K; readonly weekStart?: Weekday },
): ColumnCalendarWindow<K>
export function calendarOf<const K extends string>(
  unit: CalendarUnit,
  by: { readonly zone: K },
): ColumnCalendarWindow<K>
export function calendarOf<const K extends string>(
  unit: CalendarUnit,
  by: { readonly zone: K; readonly weekStart?: Weekday },
): ColumnCalendarWindow<K> {
  return { kind: 'calendar', unit, zone: by.zone, weekStart: by.weekStart ?? 'monday' }
}

/** Windows that a row's own time decides; `K` are columns of texts. */
export type TimeWindow<K extends string> = FixedWindow | HoppingWindow | ColumnCalendarWindow<K>

/** Windows that the rows of a group decide together; `K` are the columns that rows are grouped by. */
export type GroupWindow<K extends string> = PauseWindow | SessionWindow<K>

/** As plans hold it. @throws InvalidPlanError where a duration is none */
export function timeWindowAssign(window: TimeWindow<string>): TableWindowAssign {
  if (window.kind !== 'calendar') return windowAssign(window) as Exclude<TableWindowAssign, { kind: 'calendar' }>
  const { unit, zone, weekStart } = window
  return { kind: 'calendar', unit, zone, ...(weekStart !== 'monday' && { weekStart }) }
}

/** As plans hold it. @throws InvalidPlanError where a duration is none */
export function groupWindowAssign({ gap, named, atMost }: GroupWindow<string>): SessionWindowStep['assign'] {
  return {
    kind: 'session',
    gapMs: durationMs(gap),
    ...(named !== undefined && { named: { column: named.column, gapMs: durationMs(named.gap) } }),
    atMostMs: durationMs(atMost),
  }
}
