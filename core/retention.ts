/**
 * How long a merchant's hits are kept: by whole UTC days of event time, the present one not counted. Hits, failed hits and
 * visits of earlier days are removed by maintenance; numbers by hour and day stay. Whoever removes and whoever answers go by
 * the same day here.
 */
import { utcDay } from './event-time.ts'
import type { Merchant } from './ports/control-store.ts'
import { visitsReadDaysBefore } from './visits.ts'

type Kept = Pick<Merchant, 'retentionDays'>

/** The first UTC day whose hits are kept; null: all are. */
export function firstKeptDay({ retentionDays }: Kept, nowMs: number): number | null {
  return retentionDays === null ? null : utcDay(nowMs) - retentionDays
}

/** The first UTC day whose visits can be counted: hits of the days before it decide them too. Null: all can. */
export function firstDayOfVisits(merchant: Kept, nowMs: number): number | null {
  const first = firstKeptDay(merchant, nowMs)
  return first === null ? null : first + visitsReadDaysBefore
}
