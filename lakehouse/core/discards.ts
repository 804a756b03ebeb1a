/** Staged files on their way out: readers that still hold the view from before get a while, then the bytes go. */
import type { Timers } from '../../core/ports/clock.ts'

export interface Discards {
  later(names: readonly string[]): void
  /** Discards all that wait, at once, and waits for those under way. */
  now(): Promise<void>
}

export function createDiscards(options: {
  readonly timers: Timers
  readonly graceMs: number
  readonly discard: (name: string) => Promise<void>
  readonly onError: (error: unknown) => void
}): Discards {
  const waiting = new Map<() => void, readonly string[]>()
  let running: Promise<void> = Promise.resolve()

  function run(names: readonly string[]): Promise<void> {
    running = running.then(async () => {
      for (const name of names) {
        try {
          await options.discard(name)
        } catch (error) {
          options.onError(error)
        }
      }
    })
    return running
  }

  return {
    later(names) {
      const cancel = options.timers.after(options.graceMs, () => {
        waiting.delete(cancel)
        void run(names)
      })
      waiting.set(cancel, names)
    },

    async now() {
      for (const [cancel, names] of waiting) {
        cancel()
        void run(names)
      }
      waiting.clear()
      await running
    },
  }
}
