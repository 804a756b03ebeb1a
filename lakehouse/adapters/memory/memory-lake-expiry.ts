/** Expiry of the lake in memory. It leaves nothing over, so there are no orphans. */
import type { LakeExpiry } from '../../../core/ports/lake.ts'
import type { MemoryLakeState } from './memory-lake-state.ts'

/** As good as any number: a row of the embedded lake takes about this. */
const rowBytes = 64

export function createMemoryExpiry({ state }: { readonly state: MemoryLakeState }): LakeExpiry {
  return {
    expires: 'each',

    async expire(table, snapshots, mode) {
      const all = state.of(table)
      const wanted = new Set(snapshots)
      const going = all.filter((snapshot, n) => wanted.has(snapshot.id) && n < all.length - 1)
      const staying = all.filter((snapshot) => !going.includes(snapshot))
      const live = new Set(staying.flatMap(({ files }) => files))
      const dead = [...new Set(going.flatMap(({ files }) => files))].filter((file) => !live.has(file))
      if (mode === 'remove') state.snapshots.set(table, [...staying])
      return {
        snapshots: going.map(({ id }) => id),
        files: dead.length,
        bytes: dead.reduce((sum, { rows }) => sum + rows.length * rowBytes, 0),
      }
    },

    async removeOrphans() {
      return { snapshots: [], files: 0, bytes: 0 }
    },
  }
}
