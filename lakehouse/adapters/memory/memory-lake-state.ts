/** What a lake in memory holds: staged rows, and of each table its snapshots, each a list of files of one partition. */
import type { Clock, Random } from '../../../core/ports/clock.ts'
import type { LakePartition, SnapshotInfo } from '../../../core/ports/lake.ts'
import type { LakeRow, TableName } from '../../../core/tables.ts'
import { tables } from '../../../schemas/tables.ts'
import { partitionTime, periodOf } from '../../core/partition.ts'
import { plainRow } from '../../core/plain-row.ts'
import { rowOrder } from '../../core/row-order.ts'

/** Rows of one partition, in the table's order. */
export interface MemoryFile {
  readonly partition: LakePartition
  readonly rows: readonly LakeRow[]
}

export interface MemorySnapshot extends SnapshotInfo {
  readonly files: readonly MemoryFile[]
}

export class MemoryLakeState {
  readonly staged = new Map<string, readonly LakeRow[]>()
  /** Oldest first. */
  readonly snapshots = new Map<TableName, MemorySnapshot[]>()

  /** Oldest first. */
  of(table: TableName): readonly MemorySnapshot[] {
    return this.snapshots.get(table) ?? []
  }
}

/**
 * Appends rows as the publication (or derivation) `id`: in the table's order, `_publish` and `_row` set, one file per
 * partition. Where a snapshot names `id`, that one is returned and nothing is done.
 */
export function appendRows(
  given: { readonly state: MemoryLakeState; readonly random: Random; readonly clock: Clock },
  table: TableName,
  id: number,
  rows: readonly LakeRow[],
): { readonly snapshot: string } {
  const { state } = given
  const done = state.of(table).find((snapshot) => snapshot.publish === id)
  if (done !== undefined) return { snapshot: done.id }
  const definition = tables[table]
  const added = [...rows]
    .sort(rowOrder(definition))
    .map((row, at) => plainRow(definition.columns, { ...row, _publish: id, _row: at }))
  const files = new Map<string, { partition: LakePartition; rows: LakeRow[] }>()
  for (const row of added) {
    const partition = {
      generation: definition.partition.generation ? Number(row._gen) : null,
      period: periodOf(definition, Number(row[partitionTime(definition).column])),
    }
    const key = `${partition.generation}/${partition.period}`
    const file = files.get(key) ?? { partition, rows: [] }
    files.set(key, file)
    file.rows.push(row)
  }
  const before = state.of(table).at(-1)?.files ?? []
  return addSnapshot(given, table, {
    operation: 'append',
    publish: id,
    addedRows: added.length,
    files: [...before, ...files.values()],
  })
}

export function addSnapshot(
  { state, random, clock }: { readonly state: MemoryLakeState; readonly random: Random; readonly clock: Clock },
  table: TableName,
  change: Pick<MemorySnapshot, 'operation' | 'publish' | 'addedRows' | 'files'>,
): { readonly snapshot: string } {
  const snapshots = state.of(table)
  const parent = snapshots.at(-1)
  const snapshot: MemorySnapshot = {
    ...change,
    id: String(Buffer.from(random.bytes(6)).readUIntLE(0, 6) + 1),
    parent: parent?.id ?? null,
    at: Math.max(clock.now(), parent?.at ?? 0),
    totalRows: change.files.reduce((sum, { rows }) => sum + rows.length, 0),
  }
  state.snapshots.set(table, [...snapshots, snapshot])
  return { snapshot: snapshot.id }
}
