/** Timers of a command that waits: the system's own keep no process alive, and between two looks it has nothing else to do. */
import type { Timers } from '../../core/ports/clock.ts'

export const awake: Timers = {
  after(delayMs, action) {
    const timer = setTimeout(action, delayMs)
    return () => clearTimeout(timer)
  },
}
