/** How snapshots of the lake in memory differ, and the way back. */
import { CommitConflictError, SnapshotNotFoundError } from '../../../core/errors.ts'
import { utcDay } from '../../../core/event-time.ts'
import type { FilesChanged, LakeHistory, PartitionChange } from '../../../core/ports/lake-history.ts'
import type { TableName } from '../../../core/tables.ts'
import { tables } from '../../../schemas/tables.ts'
import { byPartition } from '../../core/iceberg/changes.ts'
import { partitionTime } from '../../core/partition.ts'
import type { MemoryFile, MemoryLakeState, MemorySnapshot } from './memory-lake-state.ts'

export function createMemoryHistory({ state }: { readonly state: MemoryLakeState }): LakeHistory {
  function mustFind(table: TableName, id: string): MemorySnapshot {
    const found = state.of(table).find((snapshot) => snapshot.id === id)
    if (found === undefined) throw new SnapshotNotFoundError(table, id)
    return found
  }

  return {
    async changes(table, from, to) {
      const [before, after] = [mustFind(table, from).files, mustFind(table, to).files]
      const changes = new Map<string, PartitionChange>()
      const count = ({ partition, rows }: MemoryFile, side: 'added' | 'removed') => {
        const key = `${partition.generation}/${partition.period}`
        const known = changes.get(key) ?? { partition, added: nothing, removed: nothing }
        const one = known[side]
        changes.set(key, { ...known, [side]: { files: one.files + 1, rows: one.rows + rows.length } })
      }
      for (const file of after) if (!before.includes(file)) count(file, 'added')
      for (const file of before) if (!after.includes(file)) count(file, 'removed')
      return [...changes.values()].sort(byPartition)
    },

    async daysOf(table, snapshots, partitions) {
      const { column } = partitionTime(tables[table])
      const days = new Map<string, { readonly merchant: string; readonly day: number }>()
      for (const { files } of snapshots.map((id) => mustFind(table, id))) {
        for (const { partition, rows } of files) {
          const isAsked = partitions.some(
            (asked) =>
              asked === null || (asked.generation === partition.generation && asked.period === partition.period),
          )
          for (const row of isAsked ? rows : []) {
            const one = { merchant: String(row.merchant), day: utcDay(Number(row[column])) }
            days.set(`${one.day} ${one.merchant}`, one)
          }
        }
      }
      return [...days.values()]
    },

    async publishedSince(table, snapshot, since) {
      mustFind(table, snapshot)
      return since
        .map((id) => mustFind(table, id).publish)
        .filter((publish) => publish !== null)
        .sort((a, b) => a - b)
    },

    async rollback(table, { from, to }) {
      const target = mustFind(table, to)
      const current = state.of(table).at(-1)
      if (current?.id === to) return
      if (current?.id !== from) throw new CommitConflictError(table, from, current?.id ?? 'no snapshot')
      // The last one is what the table is at.
      state.snapshots.set(table, [...state.of(table).filter(({ id }) => id !== to), target])
    },
  }
}

const nothing: FilesChanged = { files: 0, rows: 0 }
