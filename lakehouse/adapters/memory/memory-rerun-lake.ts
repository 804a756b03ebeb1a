/** What reruns read of a lake in memory. It computes no hours: there is no SQL. */
import { SnapshotNotFoundError } from '../../../core/errors.ts'
import type { AcceptedDay, RerunLake } from '../../../core/ports/rerun-lake.ts'
import type { AcceptedRows } from '../../../core/ports/rerun-work.ts'
import type { LakeRow } from '../../../core/tables.ts'
import { splitTest } from '../../core/sql/rerun-rows.ts'
import type { MemoryFile, MemoryLakeState } from './memory-lake-state.ts'

/** Rows of one batch. */
const batchRows = 2_048
/** As good as any: a row of the embedded lake takes about this. */
const rowBytes = 64

export function createMemoryRerunLake(state: MemoryLakeState): RerunLake {
  function filesOf({ table, snapshot }: AcceptedRows): readonly MemoryFile[] {
    if (snapshot === null) return []
    const found = state.of(table).find(({ id }) => id === snapshot)
    if (found === undefined) throw new SnapshotNotFoundError(table, snapshot)
    return found.files
  }

  return {
    async days(rows, generations) {
      const days = new Map<number, AcceptedDay>()
      for (const { partition, rows: of } of filesOf(rows)) {
        const { period: day } = partition
        const asked = of.filter(
          ({ _publish, _gen }) =>
            isPublished(rows, Number(_publish)) && (generations === undefined || generations.includes(Number(_gen))),
        ).length
        const before = days.get(day)?.rows ?? 0
        if (asked > 0) days.set(day, { day, rows: before + asked, bytes: (before + asked) * rowBytes })
      }
      return [...days.values()]
    },

    async *read(split, columns, signal) {
      const isOfSplit = splitTest(split)
      for (const { rows } of filesOf(split.rows)) {
        const found = rows.filter(isOfSplit)
        for (let from = 0; from < found.length; from += batchRows) {
          signal.throwIfAborted()
          yield found.slice(from, from + batchRows).map((row) => chosen(row, columns))
        }
      }
    },

    sql: null,
  }
}

function isPublished({ after, through }: AcceptedRows, publish: number): boolean {
  return publish > after && (through === null || publish <= through)
}

function chosen(row: LakeRow, columns: readonly string[]): LakeRow {
  return Object.fromEntries(columns.map((name) => [name, row[name] ?? null]))
}
