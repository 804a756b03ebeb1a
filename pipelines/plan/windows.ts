/** Windows that authors name. Half-open, `[start, end)`; a window is identified by its start instant. */
import type { Duration } from './duration.ts'
import type { CalendarUnit } from './node/step.ts'

export interface CalendarWindow<R> {
  readonly kind: 'calendar'
  readonly unit: CalendarUnit
  readonly zone: (row: R) => string
}

/**
 * Local hours, days, Monday weeks or months of the zone each row names: exact over clock changes and odd offsets.
 * A zone that does not exist fails the row, not the job.
 */
export function calendar<R>(unit: CalendarUnit, by: { readonly zone: (row: R) => string }): CalendarWindow<R> {
  return { kind: 'calendar', unit, zone: by.zone }
}

/** Windows of what one visitor did without a long pause; `K` are the columns that rows are grouped by. */
export interface SessionWindow<K extends string> {
  readonly kind: 'session'
  readonly gap: Duration
  readonly named: { readonly column: K; readonly gap: Duration }
  readonly atMost: Duration
}

/**
 * Ends a window where the next row comes `gap` or more after the last (`named.gap` where `named.column` has a value), and
 * cuts what would become longer than `atMost`. None of them is above a day.
 */
export function session<const K extends string>(
  gap: Duration,
  options: { readonly named: { readonly column: K; readonly gap: Duration }; readonly atMost: Duration },
): SessionWindow<K> {
  return { kind: 'session', gap, named: options.named, atMost: options.atMost }
}
