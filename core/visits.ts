/**
 * Visits (sessions): what a visitor did without a long pause. This is the definition that every engine has to keep; the
 * reference implementation is `visitsOf`, and SQL is held equal to it.
 *
 * Hits of one merchant and visitor that name the same `session` (or name none) form a line, in order of event time, then
 * position. A **break** stands before a hit that comes `gapMs` or more after the one before it (`namedGapMs` where the
 * line names a session, which overrides the pause), and before the first hit. Time is divided into stretches as long as the
 * longest of the three times, counted from 1970: of the shipped rule they are UTC days. One in which a line has hits and no
 * break is *full*; the first hit after a full stretch stands after a break too. A line between two breaks is cut into slices
 * of `atMostMs` from its first hit on; every slice that has a hit is one visit and belongs to its first hit.
 *
 * Where no gap is above `atMostMs`, that is: a visit behind a pause lasts at most that long, one that goes on where another
 * was cut ends with its stretch. So session windows of pipelines do it hit by hit (pipelines/core/session-merging.ts), and
 * no order of arrival changes it.
 *
 * The rule of full stretches is there so that a visit can be decided from the days around it: a line that never pauses (a
 * kiosk, a server that calls every visitor the same) would else have to be read from its beginning, for ever. Visits that
 * start on a UTC day are decided by the hits of that day, `visitsReadDaysBefore` days before and `visitsReadDaysAfter` after,
 * where a day begins with a stretch: see `daysDecideVisits`.
 */
import { dayMs } from './event-time.ts'

export interface VisitsRule {
  readonly gapMs: number
  readonly namedGapMs: number
  readonly atMostMs: number
}

/** Must stay the windows of `pipelines/jobs/sessions.ts`. */
export const visitsRule: VisitsRule = {
  gapMs: 30 * 60_000,
  namedGapMs: 24 * 3_600_000,
  atMostMs: 24 * 3_600_000,
}

/** Length of the stretches by which a line that never pauses is cut. */
export function visitsStretchMs({ gapMs, namedGapMs, atMostMs }: VisitsRule): number {
  return Math.max(gapMs, namedGapMs, atMostMs)
}

/**
 * Whether whole days decide the visits of `rule`: its times are whole numbers of ms, and its stretches divide a day. The
 * first hit that is read may be taken for a break that is none, so the stretch that it is in, the first of the days before,
 * is not believed; the next is. Where stretches do not begin with days, the next may end within the day asked for.
 */
export function daysDecideVisits(rule: VisitsRule): boolean {
  const times = [rule.gapMs, rule.namedGapMs, rule.atMostMs]
  return times.every((ms) => Number.isSafeInteger(ms) && ms >= 1) && dayMs % visitsStretchMs(rule) === 0
}

export const visitsReadDaysBefore = 2
export const visitsReadDaysAfter = 1
