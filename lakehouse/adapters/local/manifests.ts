/** Manifests of the embedded lake's tables: how many a query has to open, and few in place of many. */
import type { Clock, Random } from '../../../core/ports/clock.ts'
import type { LakeManifests } from '../../../core/ports/lake.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import type { TableName } from '../../../core/tables.ts'
import { currentSnapshot, rewriteKey } from '../../core/iceberg/metadata.ts'
import { rewriteManifests } from '../../core/iceberg/rewrite-manifests.ts'
import { mostOverlapping } from '../../core/most-overlapping.ts'
import type { LocalTable } from './rewrites.ts'

export interface ManifestsOptions {
  readonly objects: ObjectStore
  readonly random: Random
  readonly clock: Clock
  readonly table: (name: TableName) => LocalTable
}

export function createManifests(options: ManifestsOptions): LakeManifests {
  return {
    async manifests(name) {
      const { reader } = options.table(name)
      const loaded = await reader.load()
      const snapshot = loaded && currentSnapshot(loaded.metadata)
      if (loaded === undefined || snapshot === undefined) return { manifests: 0, perPeriod: 0 }
      const all = await reader.manifestList(loaded.metadata, snapshot)
      const periods = all.map(({ partitions }) => {
        const { lower, upper } = partitions.at(-1) ?? { lower: null, upper: null }
        // Without bounds it may hold any.
        if (lower?.length !== 4 || upper?.length !== 4) return [-Infinity, Infinity] as const
        return [lower.readInt32LE(), upper.readInt32LE()] as const
      })
      return { manifests: all.length, perPeriod: mostOverlapping(periods) }
    },

    async mergeManifests(name) {
      const named = { [rewriteKey]: 'manifests' }
      const snapshot = await rewriteManifests({ ...options, ...options.table(name) }, { named })
      return snapshot === null ? null : { snapshot }
    },
  }
}
