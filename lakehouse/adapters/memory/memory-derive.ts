/** `derive` of the lake in memory. */
import type { Clock, Random } from '../../../core/ports/clock.ts'
import type { LakeMaintainer, LakeReader } from '../../../core/ports/lake.ts'
import type { LakeRow } from '../../../core/tables.ts'
import { tables } from '../../../schemas/tables.ts'
import { plainRow } from '../../core/plain-row.ts'
import { rowOrder } from '../../core/row-order.ts'
import { derivedRows } from './derived-rows.ts'
import type { MemoryLakeState } from './memory-lake.ts'

export interface MemoryDeriveOptions {
  readonly lake: Pick<LakeReader, 'scan'>
  readonly state: MemoryLakeState
  readonly random: Random
  readonly clock: Clock
  /** As `foldMaxValues`. */
  readonly maxValues?: number
}

export function createMemoryDerive(options: MemoryDeriveOptions): Pick<LakeMaintainer, 'derive'> {
  const { lake, state, random, clock } = options
  return {
    async derive(work) {
      const snapshots = state.snapshots.get(work.table) ?? []
      const done = snapshots.find(({ publish }) => publish === work.id)
      if (done !== undefined) return { snapshot: done.id, rows: done.addedRows }
      const base: LakeRow[] = []
      for await (const rows of lake.scan(work.view, { generation: work.generation })) base.push(...rows)
      const definition = tables[work.table]
      const rows = [...derivedRows(work, base, options.maxValues)]
        .sort(rowOrder(definition))
        .map((row, at) => plainRow(definition.columns, { ...row, _publish: work.id, _row: at }))
      const parent = snapshots.at(-1)
      if (rows.length === 0) return { snapshot: parent?.id ?? null, rows: 0 }
      const snapshot = {
        id: String(Buffer.from(random.bytes(6)).readUIntLE(0, 6) + 1),
        parent: parent?.id ?? null,
        at: Math.max(clock.now(), parent?.at ?? 0),
        operation: 'append',
        publish: work.id,
        addedRows: rows.length,
        totalRows: (parent?.totalRows ?? 0) + rows.length,
        rows: [...(parent?.rows ?? []), ...rows],
      }
      state.snapshots.set(work.table, [...snapshots, snapshot])
      return { snapshot: snapshot.id, rows: rows.length }
    },
  }
}
