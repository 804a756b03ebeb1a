/**
 * Expiry of a Trino table. Trino takes out all snapshots before a moment and no single ones, so the moment lies before the
 * oldest that stays. How many files went Trino does not say of snapshots.
 */
import type { LakeExpiry, SnapshotInfo } from '../../../core/ports/lake.ts'
import type { TableName } from '../../../core/tables.ts'
import { tables } from '../../../schemas/tables.ts'
import type { MaintainedLake } from '../../core/maintenance/maintained-lake.ts'
import { oldestWithoutGap } from '../../core/maintenance/snapshot-ladder.ts'
import type { PublicationTurn } from '../../core/publication-turn.ts'
import type { Trino } from './client.ts'
import { allSnapshots } from './lake-snapshots.ts'
import type { LakeStatements } from './lake-statements.ts'
import { type TrinoPlace, trinoTable } from './tables.ts'

/**
 * The moment lies this long before the oldest snapshot that stays: longer than a statement waits in Trino's queue, for Trino
 * counts back from when it begins.
 */
export const expiryMarginMs = 3_600_000
/** Trino's own guard (`iceberg.remove-orphan-files.min-retention`): it refuses less. */
export const trinoOrphanMinAgeMs = 7 * 86_400_000

export interface TrinoExpiryOptions extends TrinoPlace {
  readonly trino: Pick<Trino, 'query'>
  readonly statements: LakeStatements
  /** Orphans younger than this stay; not below what Trino is configured to refuse. */
  readonly orphanMinAgeMs?: number
  readonly expiryMarginMs?: number
}

export interface TrinoExpiry extends Pick<MaintainedLake, 'expires'> {
  expire(...args: [...Parameters<LakeExpiry['expire']>, turn?: PublicationTurn]): ReturnType<LakeExpiry['expire']>
  removeOrphans(
    ...args: [...Parameters<LakeExpiry['removeOrphans']>, turn?: PublicationTurn]
  ): ReturnType<LakeExpiry['removeOrphans']>
}

export function createTrinoExpiry(options: TrinoExpiryOptions): TrinoExpiry {
  const { trino, statements } = options
  const marginMs = options.expiryMarginMs ?? expiryMarginMs

  async function execute(table: TableName, procedure: string, turn: PublicationTurn | undefined) {
    if (turn !== undefined) await statements.begin(table, turn)
    return statements.runner(table, turn)(`ALTER TABLE ${trinoTable(options, table)} EXECUTE ${procedure}`)
  }

  /** Of a table that nobody has written to for so long only the newest is to stay: that one Trino never takes. */
  function marginOf(of: {
    readonly before: readonly SnapshotInfo[]
    readonly oldestKept: SnapshotInfo
    readonly now: number
  }): number {
    const [newest, next] = of.before
    if (newest?.id !== of.oldestKept.id || next === undefined || of.now - newest.at <= marginMs) return marginMs
    return Math.min(marginMs, Math.floor((newest.at - next.at) / 2))
  }

  return {
    expires: 'oldest',

    async expire(table, snapshots, mode, turn) {
      const before = byAge(await allSnapshots(options, tables[table]))
      // The newest never goes.
      const going = oldestWithoutGap(before, snapshots).slice(0, before.length - 1)
      const oldestKept = before[before.length - 1 - going.length]
      const nothing = { snapshots: [], files: 0, bytes: 0 }
      if (oldestKept === undefined || going.length === 0) return nothing
      const [row] = await trino.query('SELECT CAST(to_unixtime(current_timestamp) * 1000 AS bigint)')
      const margin = marginOf({ before, oldestKept, now: Number(row?.[0]) })
      const early = before.filter(({ id, at }) => going.includes(id) && at < oldestKept.at - margin)
      if (early.length === 0) return nothing
      if (mode === 'dry run') return { ...nothing, snapshots: early.map(({ id }) => id).reverse() }
      const retentionMs = Number(row?.[0]) - (oldestKept.at - margin)
      await execute(table, `expire_snapshots(retention_threshold => '${Math.ceil(retentionMs)}ms')`, turn)
      const left = new Set((await allSnapshots(options, tables[table])).map(({ id }) => id))
      return { ...nothing, snapshots: going.filter((id) => !left.has(id)) }
    },

    async removeOrphans(table, { before }, mode, turn) {
      const nothing = { snapshots: [], files: 0, bytes: 0 }
      if (mode === 'dry run') return nothing
      const [row] = await trino.query('SELECT CAST(to_unixtime(current_timestamp) * 1000 AS bigint)')
      const ageMs = Math.max(Number(row?.[0]) - before, options.orphanMinAgeMs ?? trinoOrphanMinAgeMs)
      const answer = await execute(table, `remove_orphan_files(retention_threshold => '${Math.ceil(ageMs)}ms')`, turn)
      // Rows of name and number in newer versions, none in older ones.
      const counted = answer?.find(([name]) => name === 'deleted_files_count')?.[1]
      return { ...nothing, files: Number(counted ?? 0) }
    },
  }
}

function byAge(snapshots: readonly SnapshotInfo[]): readonly SnapshotInfo[] {
  return [...snapshots].sort((a, b) => b.at - a.at)
}
