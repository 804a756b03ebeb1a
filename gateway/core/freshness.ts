/**
 * How fresh answers are: `asOf` is the latest T such that every hit received before T is visible. On an idle system it
 * follows the clock. Read it before looking numbers up: then what is found holds at least what it promises.
 *
 * Relies on the collector, which stamps `received` and appends to the log in one turn of the event loop: a hit received
 * before the clock was read here is in `log.next` here.
 */
import type { Clock } from '../../core/ports/clock.ts'
import type { HitLog } from '../../core/ports/hit-log.ts'
import type { Versions } from './versions.ts'

/** The job whose commits make hits visible in a time series. */
export const defaultJob = 'hits'

export interface Freshness {
  /** ms since 1970; 0 where hits wait and none was ever committed. */
  read(): number
}

export function createFreshness(options: {
  readonly log: Pick<HitLog, 'next'>
  readonly versions: Pick<Versions, 'positions'>
  readonly clock: Pick<Clock, 'now'>
  readonly job?: string
}): Freshness {
  const { log, versions, clock, job = defaultJob } = options
  return {
    read() {
      const now = clock.now()
      const next = log.next
      const position = versions.positions.find((each) => each.job === job && each.partition === 0)
      if ((position?.next ?? 0) >= next) return now
      // Records are in order of receipt, so all received before the last committed one are committed.
      return Math.min(now, position?.received ?? 0)
    },
  }
}
