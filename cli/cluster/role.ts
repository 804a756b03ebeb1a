/** What a role brings into its process, and the order in which it ends. */
import type { FastifyPluginAsync, FastifyPluginCallback } from 'fastify'
import { ControlStoreBehindError, InvalidPlanError, StartError, UnfitTopicError } from '../../core/errors.ts'
import type { Timers } from '../../core/ports/clock.ts'

export interface RunningRole {
  /** Routes beside health and metrics. */
  readonly plugins: readonly (FastifyPluginAsync | FastifyPluginCallback)[]
  /** Requests are taken no more: brings what it has to an end that others can go on from. */
  drain(): Promise<void>
  close(): Promise<void>
}

/** What only a person mends: trying again would fail again, and may harm. */
export function isFinal(error: unknown): boolean {
  return (
    error instanceof ControlStoreBehindError ||
    error instanceof InvalidPlanError ||
    error instanceof StartError ||
    error instanceof UnfitTopicError
  )
}

/** Pause between attempts to begin. */
export const beginRetryMs = 1_000

/**
 * Begins a part whose servers may be away: tried until it succeeds, or until `stopped`. An error for which `isFinal`
 * holds is not tried again, but told.
 */
export function keepBeginning(options: {
  readonly begin: () => Promise<void>
  /** Waited for first, though not once it is stopped; what it rejects with is final. */
  readonly after: Promise<void>
  readonly timers: Timers
  readonly isFinal: (error: unknown) => boolean
  readonly onWaiting: (error: unknown) => void
  readonly onFinal: (error: unknown) => void
}): { readonly ended: Promise<'begun' | 'not begun'>; stop(): void } {
  let stopped = false
  let endPause = () => {}
  let endWait = () => {}
  const stopping = new Promise<void>((resolve) => {
    endWait = resolve
  })
  async function run(): Promise<'begun' | 'not begun'> {
    try {
      await Promise.race([options.after, stopping])
    } catch (error) {
      options.onFinal(error)
      return 'not begun'
    }
    while (!stopped) {
      try {
        await options.begin()
        return 'begun'
      } catch (error) {
        if (options.isFinal(error)) {
          options.onFinal(error)
          return 'not begun'
        }
        options.onWaiting(error)
      }
      if (stopped) break
      await new Promise<void>((resolve) => {
        const cancel = options.timers.after(beginRetryMs, resolve)
        endPause = () => {
          cancel()
          resolve()
        }
      })
    }
    return 'not begun'
  }
  return {
    ended: run(),
    stop() {
      stopped = true
      endWait()
      endPause()
    },
  }
}
