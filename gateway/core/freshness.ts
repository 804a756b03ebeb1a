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
  /** ms since 1970, never less than before while the clock runs on; 0 where hits wait and none was ever committed. */
  read(): number
}

export function createFreshness(options: {
  readonly log: Pick<HitLog, 'next'>
  readonly versions: Pick<Versions, 'positions'>
  readonly clock: Pick<Clock, 'now'>
  readonly job?: string
}): Freshness {
  const { log, versions, clock, job = defaultJob } = options
  /** What was once true stays true: hits that were visible stay so, and later ones are received later. */
  let known = 0
  let lastNow = 0
  return {
    read() {
      const now = clock.now()
      // Set back, the clock gives times out again that were promised complete.
      if (now < lastNow) known = 0
      lastNow = now
      const next = log.next
      const position = versions.positions.find((each) => each.job === job && each.partition === 0)
      const caughtUp = (position?.next ?? 0) >= next
      // Records are in order of receipt, so all received before the last committed one are committed.
      known = Math.max(known, caughtUp ? now : Math.min(now, position?.received ?? 0))
      return known
    },
  }
}
