import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import type { ClusterStore } from '../../core/ports/cluster-store.ts'
import type { ObjectStore } from '../../core/ports/object-store.ts'
import type { SplitCommit } from '../../core/ports/rerun-store.ts'
import { journaledStore } from '../core/journal/journaled-store.ts'

let processes = 0

/** Commits a split by a process that ends after it wrote it into the journal and before the store has heard of it. */
export function commitSplitAndDie(store: ClusterStore, objects: ObjectStore, split: SplitCommit): Promise<void> {
  return new Promise((ended, failed) => {
    const commitSplit = () => {
      ended()
      return new Promise<never>(() => undefined)
    }
    const clock = new ManualClock(1_700_000_100_000)
    journaledStore({ ...store, commitSplit }, { objects, owner: `dying-${processes++}`, clock })
      .commitSplit(split)
      .catch(failed)
  })
}
