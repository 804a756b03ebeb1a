/** Keeps a lease while a publication runs, and knows when it is lost: also while nobody can be asked, by its own clock. */
import { StaleLeaseError } from '../../core/errors.ts'
import type { Clock, Timers } from '../../core/ports/clock.ts'
import type { PublicationTurn } from './publication-turn.ts'

export interface HoldTurnOptions {
  readonly lease: string
  readonly fence: number
  readonly leaseTtlMs: number
  /** When the lease was last asked for and got, on the monotonic clock. */
  readonly leasedAt: number
  /** Asks for the lease again; the fence it is held under, undefined where another has it. */
  readonly renew: () => Promise<number | undefined>
  /** Ends the turn when it aborts. */
  readonly stop: AbortSignal
  readonly clock: Clock
  readonly timers: Timers
}

/** Renews at a third of the lease's time. The turn is lost when a renewal says so, or none came through in that time. */
export function holdTurn(options: HoldTurnOptions): PublicationTurn & { end(): void } {
  const { fence, leaseTtlMs, clock, timers } = options
  const lost = new AbortController()
  let leasedAt = options.leasedAt
  let ended = false
  let cancelTimer = () => {}

  const lose = () => lost.abort(new StaleLeaseError(options.lease, fence))
  const isRunOut = () => clock.monotonic() - leasedAt >= leaseTtlMs

  async function renew(): Promise<void> {
    const asked = clock.monotonic()
    try {
      const held = await options.renew()
      if (held === fence) leasedAt = asked
      else lose()
    } catch {
      // The store is away; the lease lasts a while without it.
      if (isRunOut()) lose()
    }
  }

  function arm(): void {
    cancelTimer = timers.after(leaseTtlMs / 3, () => {
      void renew()
      if (!ended) arm()
    })
  }
  arm()

  return {
    fence,
    signal: AbortSignal.any([lost.signal, options.stop]),
    throwIfOver() {
      // A process that was stopped for long wakes up here, before its timers say anything.
      if (isRunOut()) lose()
      lost.signal.throwIfAborted()
      options.stop.throwIfAborted()
    },
    end() {
      ended = true
      cancelTimer()
    },
  }
}
