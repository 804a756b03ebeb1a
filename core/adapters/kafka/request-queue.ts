/**
 * Lets connections to Kafka rest. kafkajs looks a thousand times a second, on each connection and for ever, whether a
 * request waits to be sent (tulios/kafkajs#1704); an idle worker spent most of its processor time so. One waits only while
 * the broker throttles us or has enough requests of ours, and then something is in the queue.
 */
import { createRequire } from 'node:module'

/** What is used here of the queue of one connection; it has no types. */
interface RequestQueue {
  readonly pending: readonly unknown[]
  /** Time up to which the broker wants no requests, ms since the epoch. */
  readonly throttledUntil: number
  throttleCheckTimeoutId: NodeJS.Timeout | null
  checkPendingRequests(): void
  scheduleCheckPendingRequests(): void
}

/** How often a queue looks whether what waits may be sent, ms, where it is not known when; as kafkajs does. */
export const pendingCheckMs = 10

/** For all connections of this process. Whatever puts a request into a queue schedules the next look itself. */
export function restWhereNothingWaits(): void {
  const { prototype } = createRequire(import.meta.url)('kafkajs/src/network/requestQueue') as {
    prototype: RequestQueue
  }
  prototype.scheduleCheckPendingRequests = function () {
    if (this.pending.length === 0 || this.throttleCheckTimeoutId !== null) return
    const throttledMs = this.throttledUntil - Date.now()
    this.throttleCheckTimeoutId = setTimeout(
      () => {
        this.throttleCheckTimeoutId = null
        this.checkPendingRequests()
      },
      throttledMs > 0 ? throttledMs : pendingCheckMs,
    )
  }
}
