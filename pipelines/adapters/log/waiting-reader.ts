/** Makes a `FeedReader` that waits out of a reader that gives what is there: the one place where feeds wait. */

import type { DurableSource } from '../../../core/log/durable-source.ts'
import type { LogReader } from '../../../core/log/log-reader.ts'
import type { Timers } from '../../../core/ports/clock.ts'
import type { FeedReader } from '../../../core/ports/feed.ts'

export interface WaitingReaderParts {
  readonly reader: LogReader
  /** Says how far records are durable, and when that rose. */
  readonly durable: DurableSource
  readonly timers: Timers
}

/** One call of `next` at a time; `wake` may come at any moment, and ends the wait that is on (or none). */
export function waitingReader({ reader, durable, timers }: WaitingReaderParts): FeedReader {
  let endWait: (() => void) | undefined

  function moreOrTime(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        endWait = undefined
        stopListening()
        cancelTimer()
        resolve()
      }
      const stopListening = durable.onChange(end)
      const cancelTimer = timers.after(waitMs, end)
      endWait = end
    })
  }

  return {
    async next({ maxBytes, waitMs }) {
      if (durable.current() <= reader.position && waitMs > 0) await moreOrTime(waitMs)
      return reader.read(maxBytes)
    },
    wake: () => endWait?.(),
    async close() {
      endWait?.()
      await reader.close()
    },
  }
}
