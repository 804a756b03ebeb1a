/**
 * The control store in memory, of one process or of a cluster: the ports' semantics with nothing around them, for tests
 * and simulations. Every method does its work in one synchronous stretch, so calls are atomic and ordered as they were
 * made. It outlives the crash of those who use it as an object does; `snapshot` and `restore` put it back to an earlier
 * moment.
 */
import type { ClusterStore } from '../../../core/ports/cluster-store.ts'
import { defaultMaxVersionRows } from '../../core/control/rules.ts'
import { memoryBooks } from './memory-control-books.ts'
import { memoryDerivations } from './memory-control-derivations.ts'
import { memoryDirectory } from './memory-control-directory.ts'
import { memoryEpochs } from './memory-control-epochs.ts'
import { memoryErasures } from './memory-control-erasures.ts'
import { memoryImports } from './memory-control-imports.ts'
import { memoryPins } from './memory-control-pins.ts'
import { memoryProgress } from './memory-control-progress.ts'
import { memoryPublications } from './memory-control-publications.ts'
import { memoryReruns } from './memory-control-reruns.ts'
import { type ControlState, emptyState } from './memory-control-state.ts'
import type { Visible } from './memory-control-versions.ts'

declare const snapshotBrand: unique symbol
/** A moment of a memory control store. */
export type ControlSnapshot = { readonly [snapshotBrand]: ControlState }

export interface MemoryControlStore extends ClusterStore {
  snapshot(): ControlSnapshot
  restore(moment: ControlSnapshot): void
}

export interface MemoryControlStoreOptions {
  /** How many changed (merchant, day)s `versionsSince` lists before it answers with a reset. */
  readonly maxVersions?: number
  /** When versions rise: as an epoch is committed (if not said), or as its files are published. */
  readonly visible?: Visible
}

/** An empty store. */
export function createMemoryControlStore(options: MemoryControlStoreOptions = {}): MemoryControlStore {
  const { maxVersions = defaultMaxVersionRows, visible = 'committed' } = options
  let state: ControlState = emptyState()
  const current = () => state
  return {
    ...memoryDirectory(current),
    ...memoryEpochs(current, visible, maxVersions),
    ...memoryPublications(current, visible, maxVersions),
    ...memoryDerivations(current, visible),
    ...memoryPins(current),
    ...memoryErasures(current, maxVersions),
    ...memoryReruns(current),
    ...memoryImports(current),
    ...memoryBooks(current),
    ...memoryProgress(current),
    /** Nothing to close: who opens the store again after a stop has this object. */
    async close() {},
    snapshot: () => structuredClone(state) as unknown as ControlSnapshot,
    restore(moment) {
      state = structuredClone(moment as unknown as ControlState)
    },
  }
}
