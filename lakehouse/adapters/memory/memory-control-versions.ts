/** Versions of (merchant, day)s of the memory control store. */
import type { EpochCommit } from '../../../core/ports/control-store.ts'
import type { ControlState } from './memory-control-state.ts'

export type { Visible } from '../../core/control/derived-ranges.ts'

export function raise(
  state: ControlState,
  touched: EpochCommit['touched'],
  version: number,
  maxVersions: number,
): void {
  for (const { merchant, day } of touched) {
    const key = `${day} ${merchant}`
    state.versions.delete(key) // so that the map stays in the order of change
    state.versions.set(key, { merchant, day, version })
    state.days.set(key, { merchant, day, version })
  }
  for (const [key, { version: oldest }] of state.versions) {
    // A commit is forgotten whole, or a reader in its middle would miss the rest of it.
    if (state.versions.size <= maxVersions && oldest > state.versionsFloor) return
    state.versions.delete(key)
    state.versionsFloor = oldest
  }
}
