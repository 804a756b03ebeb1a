/** Windows that authors name. Half-open, `[start, end)`. */
import type { Weekday } from '../core/window/calendar.ts'
import { type Duration, durationMs } from './duration.ts'
import type { CalendarUnit, WindowAssign } from './node/step.ts'

export interface FixedWindow {
  readonly kind: 'fixed'
  readonly size: Duration
  readonly offset: Duration
}

/**
 * Windows of one size that never overlap, aligned to 1970 in UTC and moved by `offset`, which is below the size. For a
 * merchant's local day use `calendar`, which follows clock changes.
 */
export function fixed(size: Duration, options: { readonly offset?: Duration } = {}): FixedWindow {
  return { kind: 'fixed', size, offset: options.offset ?? '0ms' }
}

export interface HoppingWindow {
  readonly kind: 'hopping'
  readonly size: Duration
  readonly every: Duration
  readonly offset: Duration
}

/** Windows of one size that begin every so often and overlap: a row is in each that holds its time. */
export function hopping(
  size: Duration,
  options: { readonly every: Duration; readonly offset?: Duration },
): HoppingWindow {
  return { kind: 'hopping', size, every: options.every, offset: options.offset ?? '0ms' }
}

export interface CalendarWindow<R> {
  readonly kind: 'calendar'
  readonly unit: CalendarUnit
  readonly zone: (row: R) => string
  readonly weekStart: Weekday
}

/**
 * Local hours, days, weeks or months of the zone each row names: exact over clock changes and odd offsets. Weeks begin
 * on Monday where nothing else is said. A zone that does not exist fails the row, not the job.
 */
export function calendar<R>(
  unit: 'week',
  by: { readonly zone: (row: R) => string; readonly weekStart?: Weekday },
): CalendarWindow<R>
export function calendar<R>(unit: CalendarUnit, by: { readonly zone: (row: R) => string }): CalendarWindow<R>
export function calendar<R>(
  unit: CalendarUnit,
  by: { readonly zone: (row: R) => string; readonly weekStart?: Weekday },
): CalendarWindow<R> {
  return { kind: 'calendar', unit, zone: by.zone, weekStart: by.weekStart ?? 'monday' }
}

/** Windows of a key's rows without a long pause between them. */
export interface PauseWindow {
  readonly kind: 'session'
  readonly gap: Duration
  readonly named?: undefined
  readonly atMost: Duration
}

/** Windows of what one visitor did without a long pause; `K` are the columns that rows are grouped by. */
export interface SessionWindow<K extends string> {
  readonly kind: 'session'
  readonly gap: Duration
  readonly named: { readonly column: K; readonly gap: Duration }
  readonly atMost: Duration
}

/**
 * Ends a window where the next row comes `gap` or more after the last, and cuts what would become longer than `atMost`.
 * Over a table also `named`: another gap for rows whose column has a value; there none of the times is above a day.
 */
export function session(gap: Duration, options: { readonly atMost: Duration }): PauseWindow
export function session<const K extends string>(
  gap: Duration,
  options: { readonly named: { readonly column: K; readonly gap: Duration }; readonly atMost: Duration },
): SessionWindow<K>
export function session(
  gap: Duration,
  options: { readonly named?: { readonly column: string; readonly gap: Duration }; readonly atMost: Duration },
): PauseWindow | SessionWindow<string> {
  const { named, atMost } = options
  return named === undefined ? { kind: 'session', gap, atMost } : { kind: 'session', gap, named, atMost }
}

/** All windows over a feed of rows `R`. */
export type AnyWindow<R> = FixedWindow | HoppingWindow | PauseWindow | CalendarWindow<R>

/** A window as plans hold it. @throws InvalidPlanError where a duration is none */
export function windowAssign<R>(window: AnyWindow<R>): WindowAssign {
  switch (window.kind) {
    case 'fixed':
      return { kind: 'fixed', sizeMs: durationMs(window.size), offsetMs: durationMs(window.offset) }
    case 'hopping':
      return {
        kind: 'hopping',
        sizeMs: durationMs(window.size),
        everyMs: durationMs(window.every),
        offsetMs: durationMs(window.offset),
      }
    case 'session':
      // 0 is refused by the check, in words that say why a limit is needed.
      return {
        kind: 'session',
        gapMs: durationMs(window.gap),
        atMostMs: window.atMost === undefined ? 0 : durationMs(window.atMost),
      }
    case 'calendar': {
      const { unit, weekStart } = window
      return { kind: 'calendar', unit, ...(weekStart !== 'monday' && { weekStart }) }
    }
  }
}
