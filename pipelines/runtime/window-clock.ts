/**
 * Wakes a session when time alone brings something about in windows that its partitions keep: early panes, and, where the
 * feed has nothing more of a partition, windows that close and go, for its watermark then follows the clock. No timer runs
 * while no window is kept.
 */
import type { Clock, Timers } from '../../core/ports/clock.ts'
import type { Feed } from '../../core/ports/feed.ts'
import { type Partition, timerMaxMs } from './partition.ts'
import { timeRetryMs } from './runner-options.ts'

export interface WindowClockParts {
  readonly clock: Clock
  readonly timers: Timers
  readonly feed: Pick<Feed, 'end'>
  /** The time has come: `follow` is to be called. */
  readonly ring: () => void
}

export class WindowClock {
  #hasCome = false
  #cancel: () => void = () => {}

  constructor(private readonly parts: WindowClockParts) {}

  get hasCome(): boolean {
    return this.#hasCome
  }

  /** Waits for the next time, whatever it waited for before. */
  wait(partitions: readonly Partition[]): void {
    this.#cancel()
    const times = partitions.flatMap(({ nextTime }) => nextTime ?? [])
    if (times.length === 0) return
    const { clock, timers, ring } = this.parts
    const delayMs = Math.min(...times) - clock.now()
    const waitMs = delayMs > 0 ? Math.min(delayMs, timerMaxMs) : timeRetryMs
    this.#cancel = timers.after(waitMs, () => {
      this.#hasCome = true
      ring()
    })
  }

  /** Lets happen what is due. */
  async follow(partitions: readonly Partition[]): Promise<void> {
    this.#hasCome = false
    const now = this.parts.clock.now()
    for (const partition of partitions) {
      const { nextTime, windows } = partition
      if (windows === null || nextTime === null || nextTime > now) continue
      windows.advanceTime(now)
      // The clock was read first: what the feed does not have by now was not there then.
      if (partition.next >= (await this.parts.feed.end(partition.number))) windows.drained(now)
    }
    this.wait(partitions)
  }

  cancel(): void {
    this.#cancel()
  }
}
