/**
 * Which staged files nobody will ever need. A rule, for it depends on who else may be staging: embedded a process has its
 * data folder for itself, in a cluster any number of workers stage at any moment.
 */
import type { ClusterStore } from '../../core/ports/cluster-store.ts'

export interface StagedFacts {
  /** Names of staged files, as they are now. */
  stagedNames(): Promise<readonly string[]>
  /** Names of committed files that are not published yet, as they are now. */
  pendingNames(): Promise<ReadonlySet<string>>
  /** Takes the leases of all tables; whether this process now has them. */
  holdsEveryLease(): Promise<boolean>
}

export interface GarbageRule {
  /** Null: at the start only. */
  readonly everyMs: number | null
  find(facts: StagedFacts): Promise<readonly string[]>
}

/**
 * For a process that stages nothing yet and has the store for itself: whatever no commit names. Where another process has
 * a lease, nothing: it may be staging right now, and its leftovers are for the next one that starts alone.
 */
export const garbageWhenAlone: GarbageRule = {
  everyMs: null,
  async find(facts) {
    const alone = await facts.holdsEveryLease()
    const pending = await facts.pendingNames()
    return alone ? (await facts.stagedNames()).filter((name) => !pending.has(name)) : []
  },
}

/** How often a cluster looks for garbage. */
export const defaultGarbageEveryMs = 600_000

/**
 * For many processes at once: files of epochs that nobody can commit any more, which is those staged under a fence below
 * every one the job's partitions are stamped with, and that no commit named before. Files with other names are left alone.
 */
export function garbageBelowFence(
  store: Pick<ClusterStore, 'lowestFence'>,
  everyMs: number = defaultGarbageEveryMs,
): GarbageRule {
  return {
    everyMs,
    async find(facts) {
      const staged = (await facts.stagedNames()).flatMap((name) => {
        const maker = makerOf(name)
        return maker === undefined ? [] : [{ name, ...maker }]
      })
      const lowest = new Map<string, number>()
      for (const job of new Set(staged.map((file) => file.job))) {
        const fence = await store.lowestFence(job)
        if (fence !== undefined) lowest.set(job, fence)
      }
      // Asked last: what was committed under a fence before it became too low, is named here or published already.
      const pending = await facts.pendingNames()
      return staged
        .filter(({ name, job, fence }) => fence < (lowest.get(job) ?? 0) && !pending.has(name))
        .map(({ name }) => name)
    },
  }
}

/** `staged/<table>/<job>-<fence>-<attempt, ten digits>[-<number>].parquet` (pipelines/runtime/commit-epoch.ts). */
function makerOf(name: string): { readonly job: string; readonly fence: number } | undefined {
  const match = /^staged\/[^/]+\/(.+)-(\d+)-\d{10,}(?:-\d+)?\.parquet$/.exec(name)
  return match === null ? undefined : { job: match[1] ?? '', fence: Number(match[2]) }
}
