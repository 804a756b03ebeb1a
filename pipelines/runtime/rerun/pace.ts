/** Slows a rerun down to so many hits a second, over what it has done since it last stood still. */
import { type Clock, sleep, type Timers } from '../../../core/ports/clock.ts'

/** Time that was not used is kept for no longer than this: after a pause a rerun does not catch up in a rush. */
export const paceWindowMs = 1_000

/** `hitsPerSecond` 0: at once, always. */
export function createPace(
  hitsPerSecond: number,
  { clock, timers }: { readonly clock: Pick<Clock, 'monotonic'>; readonly timers: Timers },
): (hits: number) => Promise<void> {
  if (hitsPerSecond === 0) return async () => {}
  /** When all hits so far were to be done. */
  let due = Number.NEGATIVE_INFINITY
  return async (hits) => {
    const now = clock.monotonic()
    due = Math.max(due, now - paceWindowMs) + (hits * 1_000) / hitsPerSecond
    if (due > now) await sleep(timers, due - now)
  }
}
