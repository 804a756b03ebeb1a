/** `derive` of the lake in memory. */
import type { Clock, Random } from '../../../core/ports/clock.ts'
import type { LakeMaintainer, LakeReader } from '../../../core/ports/lake.ts'
import type { LakeRow } from '../../../core/tables.ts'
import { derivedRows } from './derived-rows.ts'
import { appendRows, type MemoryLakeState } from './memory-lake-state.ts'

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
      const snapshots = state.of(work.table)
      const done = snapshots.find(({ publish }) => publish === work.id)
      if (done !== undefined) return { snapshot: done.id, rows: done.addedRows }
      const base: LakeRow[] = []
      for await (const rows of lake.scan(work.view, { erased: work.erased })) base.push(...rows)
      const rows = derivedRows(work, base, options.maxValues)
      if (rows.length === 0) return { snapshot: snapshots.at(-1)?.id ?? null, rows: 0 }
      return { ...appendRows({ state, random, clock }, work.table, work.id, rows), rows: rows.length }
    },
  }
}
