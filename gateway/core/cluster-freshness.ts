/**
 * How fresh answers of a cluster are. Each collector reports up to when everything it received is published; `asOf` is the
 * least of these reports. It trails by the interval of the reports and of the polling here, never more.
 *
 * The order of reading makes it true: first the reports, then the versions, then `asOf` moves. What was published before a
 * report is a version that the later answer knows, so no number cached from before that publication passes for current.
 */
import type { Clock, Timers } from '../../core/ports/clock.ts'
import type { ClusterStore, CollectorReport } from '../../core/ports/cluster-store.ts'
import type { Freshness } from './freshness.ts'
import { defaultPollMs, type Versions } from './versions.ts'

export interface ClusterFreshness extends Freshness {
  /** Resolves when the first poll was answered or failed; polling goes on. It polls the versions too: do not start them. */
  start(): Promise<void>
  stop(): void
  /** Asks the store now. Never rejects. */
  refresh(): Promise<void>
}

/**
 * `read()` never falls: what was visible stays so, and a collector that reports less than was known has received nothing
 * older. It is 0 until a collector has reported, and stands still while the store does not answer.
 */
export function createClusterFreshness(options: {
  readonly store: Pick<ClusterStore, 'collectors'>
  readonly versions: Pick<Versions, 'refresh' | 'stale'>
  readonly clock: Pick<Clock, 'now'>
  readonly timers: Timers
  readonly pollMs?: number
}): ClusterFreshness {
  const { store, versions, clock, timers, pollMs = defaultPollMs } = options
  let known = 0
  let stopped = false
  let cancelPoll = () => {}

  async function refresh(): Promise<void> {
    const now = clock.now()
    // Unanswered, both questions leave `asOf` where it is; the reason is the store's to report.
    const reports = await store.collectors().catch(() => undefined)
    await versions.refresh()
    if (reports !== undefined && !versions.stale) known = Math.max(known, visibleThrough(reports, now))
  }

  function poll(): void {
    if (stopped) return
    cancelPoll = timers.after(pollMs, () => void refresh().then(poll))
  }

  return {
    read: () => known,
    refresh,
    async start() {
      await refresh()
      poll()
    },
    stop() {
      stopped = true
      cancelPoll()
    },
  }
}

function visibleThrough(reports: readonly CollectorReport[], now: number): number {
  if (reports.length === 0) return 0
  const live = reports.filter(({ state }) => state === 'live')
  // All are drained and gone: nothing waits anywhere, and whoever comes next receives later than now.
  if (live.length === 0) return now
  return Math.min(...live.map((report) => report.visibleThrough))
}
