/**
 * Which version of a merchant's numbers is current, day by day (UTC): a number that rises whenever anything of that day
 * changed. A cached number is right as long as its version is the current one, however old it is.
 *
 * Follows the control store: asked each `pollMs`, and at once by `refresh()` when a commit is announced. Versions are
 * counted by this process, from the order in which it learned of changes, so that a store restored from a backup, whose
 * commits begin again at a lower number, never makes an old number look current.
 */
import type { MerchantId } from '../../core/ids.ts'
import type { Timers } from '../../core/ports/clock.ts'
import type { ControlStore, VersionChanges } from '../../core/ports/control-store.ts'

export const defaultPollMs = 1_000
/** Changed (merchant, day)s remembered one by one; beyond it all is forgotten, and every cached number is asked anew. */
export const defaultMaxChanges = 200_000

export interface Versions {
  /** Learns where the store is, then follows it. Resolves when the first answer came or failed; polling goes on. */
  start(): Promise<void>
  stop(): void
  /** Asks the store now; resolves when an answer asked for after this call is applied, or has failed. Never rejects. */
  refresh(): Promise<void>
  /** The version of the days, both inclusive. Equal versions mean equal numbers. */
  versionOf(merchant: MerchantId, firstDay: number, lastDay: number): number
  /** True while the store does not answer: there may be changes we do not know of. */
  readonly stale: boolean
  /** Where the jobs are, as of the same moment as the versions. */
  readonly positions: VersionChanges['positions']
}

export function createVersions(options: {
  readonly store: Pick<ControlStore, 'versionsSince'>
  readonly timers: Timers
  readonly pollMs?: number
  readonly maxChanges?: number
}): Versions {
  const { store, timers, pollMs = defaultPollMs, maxChanges = defaultMaxChanges } = options
  const changed = new Map<MerchantId, Map<number, number>>()
  let size = 0
  let commit: number | undefined
  let sequence = 0
  let base = 0
  let stale = true
  let positions: VersionChanges['positions'] = []
  let stopped = false
  let cancelPoll = () => {}
  let running: Promise<void> | undefined
  let next: Promise<void> | undefined

  function forgetAll(): void {
    changed.clear()
    size = 0
    base = sequence
  }

  function apply(answer: VersionChanges): void {
    if (commit === undefined || answer.reset || answer.changes.length > 0) sequence += 1
    if (commit === undefined || answer.reset) forgetAll()
    else {
      for (const { merchant, day } of answer.changes) {
        const days = changed.get(merchant) ?? new Map<number, number>()
        changed.set(merchant, days)
        if (!days.has(day)) size += 1
        days.set(day, sequence)
      }
      if (size > maxChanges) forgetAll()
    }
    commit = answer.commit
    positions = answer.positions
  }

  async function ask(): Promise<void> {
    try {
      apply(await store.versionsSince(commit ?? 0))
      stale = false
    } catch {
      // The reason is the store's to report; we go on with what we know and say so in every answer.
      stale = true
    }
  }

  function refresh(): Promise<void> {
    if (running === undefined) {
      running = ask().finally(() => {
        running = undefined
      })
      return running
    }
    // The answer under way may have been read before what we were called for: one more, shared by all who ask meanwhile.
    next ??= running.then(() => {
      next = undefined
      return refresh()
    })
    return next
  }

  function poll(): void {
    if (stopped) return
    cancelPoll = timers.after(pollMs, () => void refresh().then(poll))
  }

  return {
    async start() {
      await refresh()
      poll()
    },
    stop() {
      stopped = true
      cancelPoll()
    },
    refresh,
    versionOf(merchant, firstDay, lastDay) {
      const days = changed.get(merchant)
      let version = base
      if (days === undefined) return version
      if (lastDay - firstDay < days.size) {
        for (let day = firstDay; day <= lastDay; day++) version = Math.max(version, days.get(day) ?? base)
      } else {
        for (const [day, at] of days) if (day >= firstDay && day <= lastDay && at > version) version = at
      }
      return version
    },
    get stale() {
      return stale
    },
    get positions() {
      return positions
    },
  }
}
