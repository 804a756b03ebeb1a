/** Windows that authors name. Half-open, `[start, end)`; a window is identified by its start instant. */
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
