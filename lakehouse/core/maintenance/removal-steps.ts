/** What rounds that take rows out do alike: partition by partition, each in a turn of the table's lease, readers told after it. */

import { type RemovedRows, removedRowsMax } from '../../../core/ports/lake-removal.ts'
import type { TableName } from '../../../core/tables.ts'
import { isUnderWay, type RewriteRoundOptions, tellReaders } from './rewrite-round.ts'
import { inTurn, takeLease } from './turns.ts'

export interface RowsRemoved {
  readonly table: TableName
  readonly rows: number
}

export interface RemovalRoundOptions extends RewriteRoundOptions {
  readonly onRowsRemoved?: (removed: RowsRemoved) => void
}

/** Partitions of a table that one round takes rows out of; the rest is the next round's. */
export const removalPartitionsMax = 512

/** Conditions of `failed_hits` in one statement: each is compiled by itself there, and Trino refuses a thousand. */
export const failedConditionsMax = 100

/**
 * `none`: the newest snapshot holds none of the rows, and readers read it. `later`: not all at the moment: another process has
 * the lease, something is under way, there were more partitions than one round takes, or the process stops.
 */
export type RowsLeft = 'none' | 'later'

export async function removeEverywhere(
  options: RemovalRoundOptions,
  table: TableName,
  rows: readonly RemovedRows[],
): Promise<RowsLeft> {
  let budget = removalPartitionsMax
  const atOnce = table === 'failed_hits' ? failedConditionsMax : removedRowsMax
  for (let at = 0; at < rows.length; at += atOnce) {
    const some = rows.slice(at, at + atOnce)
    const partitions = await options.lake.partitionsWith(table, some)
    for (const partition of partitions) {
      if (options.stop.aborted || budget === 0) return 'later'
      budget--
      const lease = await takeLease(options, table)
      if (lease === undefined) return 'later'
      // In this order: what is in the lake at the first look and not under way at the second is finished.
      const through = await options.lake.lastPublish(table)
      if (await isUnderWay(options, table)) return 'later'
      const done = await inTurn(options, table, lease, (turn) =>
        options.lake.removeRows(table, partition, some, { turn, through }),
      )
      await tellReaders(options, table, lease, [])
      if (done !== null) options.onRowsRemoved?.({ table, rows: done.removed })
    }
    if (partitions.length > 0 && (await options.lake.partitionsWith(table, some)).length > 0) return 'later'
  }
  return (await isToldOf(options, table)) ? 'none' : 'later'
}

/** Whether readers read what the table is at. */
export async function isToldOf({ lake, store }: RemovalRoundOptions, table: TableName): Promise<boolean> {
  const current = await lake.currentSnapshot(table)
  const { snapshot } = await store.tableView(table)
  return current === null || current === snapshot
}
