/** Waits of a loop that must end at once when it is told to stop, and that leave nothing behind when they end otherwise. */
import type { Timers } from '../../core/ports/clock.ts'

export interface Waits {
  readonly stopped: boolean
  stop(): void
  /** The answer; rejects when there is none within `maxMs`, or we stop. */
  answer<T>(asked: Promise<T>, maxMs: number): Promise<T>
  /** Resolves after `delayMs`, or when we stop. */
  pause(delayMs: number): Promise<void>
}

export function createWaits(timers: Timers): Waits {
  const enders = new Set<() => void>()
  let stopped = false

  /** Calls `end` when it is time or we stop; the returned function calls it off. */
  function after(delayMs: number, end: () => void): () => void {
    const callOff = () => {
      enders.delete(ender)
      cancelTimer()
    }
    const ender = () => {
      callOff()
      end()
    }
    const cancelTimer = timers.after(stopped ? 0 : delayMs, ender)
    enders.add(ender)
    return callOff
  }

  return {
    get stopped() {
      return stopped
    },
    stop() {
      stopped = true
      for (const end of [...enders]) end()
    },
    answer: (asked, maxMs) =>
      new Promise((resolve, reject) => {
        const callOff = after(maxMs, () => reject(new Error(stopped ? 'stopped' : `no answer within ${maxMs} ms`)))
        asked.then(
          (answer) => {
            callOff()
            resolve(answer)
          },
          (error: unknown) => {
            callOff()
            reject(error)
          },
        )
      }),
    pause: (delayMs) =>
      new Promise((resolve) => {
        after(delayMs, resolve)
      }),
  }
}
