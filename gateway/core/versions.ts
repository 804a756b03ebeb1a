/**
 * Which version of a merchant's numbers is current, day by day (UTC): a number that rises whenever anything of that day
 * changed, or another generation came to answer it. A cached number is right as long as its version is the current one, however old it is.
 *
 * Follows the control store: asked each `pollMs`, and at once by `refresh()` when a commit is announced. Versions are
 * counted by this process, from the order in which it learned of changes, so that a store restored from a backup, whose
 * commits begin again at a lower number, never makes an old number look current.
 */
import { dayMs } from '../../core/event-time.ts'
import { generationMap, type MerchantGenerations, merchantGenerations } from '../../core/generations.ts'
import type { MerchantId } from '../../core/ids.ts'
import type { Timers } from '../../core/ports/clock.ts'
import type { ControlStore, VersionChanges } from '../../core/ports/control-store.ts'
import type { GenerationChange } from '../../core/ports/rerun-store.ts'

export const defaultPollMs = 1_000
/** Changed (merchant, day)s remembered one by one; beyond it all is forgotten, and every cached number is asked anew. */
export const defaultMaxChanges = 200_000
/** Merchants whose generations are remembered; beyond it they are worked out anew. */
export const knownMerchantsMax = 10_000

/** The generation map as of one moment. */
export interface KnownGenerations {
  of(merchant: MerchantId): MerchantGenerations
  /** `zonesAsOf` of the rerun that made it; undefined where it keeps the zones of hits, or nobody knows. */
  zonesAsOf(generation: number): number | undefined
  /** Whether nothing has changed between it and these changes. */
  isThatOf(changes: readonly GenerationChange[]): boolean
}

export interface Versions {
  /** Learns where the store is, then follows it. Resolves when the first answer came or failed; polling goes on. */
  start(): Promise<void>
  stop(): void
  /** Asks the store now; resolves when an answer asked for after this call is applied, or has failed. Never rejects. */
  refresh(): Promise<void>
  /** The version of the days, both inclusive. Equal versions mean equal numbers. */
  versionOf(merchant: MerchantId, firstDay: number, lastDay: number): number
  /** What answers, as of the same moment as the versions: another object where it has changed. */
  readonly generations: KnownGenerations
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
  let generations = knownGenerations([])
  /** Places where what answers has changed since we began, or forgot all; by merchant, null: all. */
  const moved = new Map<MerchantId | null, Map<string, GenerationChange & { readonly at: number }>>()
  let stopped = false
  let cancelPoll = () => {}
  let running: Promise<void> | undefined
  let next: Promise<void> | undefined

  function forgetAll(): void {
    changed.clear()
    moved.clear()
    size = 0
    base = sequence
  }

  /** Raises what the map says otherwise than before; all, where it says nothing any more of a place. */
  function learn(changes: readonly GenerationChange[]): void {
    const known = new Map(generations.changes.map((each) => [placeKey(each), each]))
    const news = changes.filter((each) => !isSame(known.get(placeKey(each)), each))
    for (const each of changes) known.delete(placeKey(each))
    generations = knownGenerations(changes)
    if (known.size > 0) {
      forgetAll()
      return
    }
    for (const change of news) {
      const places = moved.get(change.merchant) ?? new Map()
      moved.set(change.merchant, places)
      if (!places.has(placeKey(change))) size += 1
      places.set(placeKey(change), { ...change, at: sequence })
    }
  }

  function apply(answer: VersionChanges): void {
    const isOther = !generations.isThatOf(answer.generations)
    if (commit === undefined || answer.reset || answer.changes.length > 0 || isOther) sequence += 1
    if (isOther) learn(answer.generations)
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
      for (const places of moved.size === 0 ? [] : [moved.get(null), moved.get(merchant)]) {
        for (const { from, to, at } of places?.values() ?? []) {
          const isMet = (from ?? -Infinity) < (lastDay + 1) * dayMs && (to ?? Infinity) > firstDay * dayMs
          if (isMet && at > version) version = at
        }
      }
      if (days === undefined) return version
      if (lastDay - firstDay < days.size) {
        for (let day = firstDay; day <= lastDay; day++) version = Math.max(version, days.get(day) ?? base)
      } else {
        for (const [day, at] of days) if (day >= firstDay && day <= lastDay && at > version) version = at
      }
      return version
    },
    get generations() {
      return generations
    },
    get stale() {
      return stale
    },
    get positions() {
      return positions
    },
  }
}

/** Exported for tests that have no store to follow. */
export function knownGenerations(changes: readonly GenerationChange[]) {
  const map = generationMap(changes)
  const byMerchant = new Map<MerchantId, MerchantGenerations>()
  const byPlace = new Map(changes.map((each) => [placeKey(each), each]))
  const zones = new Map(changes.map(({ generation, zonesAsOf }) => [generation, zonesAsOf]))
  return {
    changes,
    zonesAsOf: (generation: number) => zones.get(generation),
    of(merchant: MerchantId): MerchantGenerations {
      let found = byMerchant.get(merchant)
      if (found === undefined) {
        if (byMerchant.size === knownMerchantsMax) byMerchant.clear()
        found = merchantGenerations(map, merchant)
        byMerchant.set(merchant, found)
      }
      return found
    },
    isThatOf: (others: readonly GenerationChange[]) =>
      others.length === byPlace.size && others.every((each) => isSame(byPlace.get(placeKey(each)), each)),
  }
}

/** A rerun changes a sink at a place; the same again when it is rolled back. */
function placeKey({ rerun, sink, merchant, from, to }: GenerationChange): string {
  return JSON.stringify([rerun, sink, merchant, from, to])
}

function isSame(a: GenerationChange | undefined, b: GenerationChange): boolean {
  return a?.answers === b.answers && a.order === b.order && a.version === b.version && a.generation === b.generation
}
