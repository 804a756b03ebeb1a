/**
 * Expiry of the embedded lake: snapshots go by a commit, their files after it. Cut off in between, the files are orphans,
 * which `orphans.ts` finds.
 */
import type { Clock, Random } from '../../../core/ports/clock.ts'
import type { LakeExpiry } from '../../../core/ports/lake.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import type { TableName } from '../../../core/tables.ts'
import { expireSnapshots, planExpiry } from '../../core/iceberg/expire.ts'
import { createOrphans, type OrphansOptions } from './orphans.ts'
import type { LocalTable } from './rewrites.ts'

export interface ExpiryOptions extends OrphansOptions {
  readonly objects: ObjectStore
  readonly random: Random
  readonly clock: Clock
  readonly table: (name: TableName) => LocalTable
}

export function createExpiry(options: ExpiryOptions): LakeExpiry {
  const { objects } = options
  return {
    expires: 'each',

    async expire(name, snapshots, mode) {
      const going = new Set(snapshots)
      const given = { ...options, ...options.table(name) }
      const keep = (snapshot: { readonly 'snapshot-id': number | bigint }) =>
        !going.has(String(snapshot['snapshot-id']))
      const expired = mode === 'remove' ? await expireSnapshots(given, { keep }) : await planExpiry(given, { keep })
      const { dataFiles, manifests, manifestLists, statistics } = expired.files
      const files = [...dataFiles, ...statistics, ...manifests, ...manifestLists]
      return { snapshots: expired.snapshots, ...(await removeFiles(objects, files, mode)) }
    },

    removeOrphans: createOrphans(options),
  }
}

/** Says how many there were, and of how many bytes: those that exist. */
export async function removeFiles(
  objects: ObjectStore,
  names: readonly string[],
  mode: 'remove' | 'dry run',
): Promise<{ readonly files: number; readonly bytes: number }> {
  let files = 0
  let bytes = 0
  for (const name of names) {
    const size = await objects.size(name)
    if (size === undefined) continue
    files++
    bytes += size
    if (mode === 'remove') await objects.remove(name)
  }
  return { files, bytes }
}
