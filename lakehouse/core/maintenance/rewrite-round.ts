/** One round of a table's files: partitions of many files become one file each, and readers are told. */
import { CommitConflictError, PublicationOpenError } from '../../../core/errors.ts'
import type { MerchantId } from '../../../core/ids.ts'
import type { ControlStore } from '../../../core/ports/control-store.ts'
import type { PartitionFiles } from '../../../core/ports/lake.ts'
import type { TableName } from '../../../core/tables.ts'
import { tables } from '../../../schemas/tables.ts'
import type { RoundOutcome } from './derive-round.ts'
import { descent } from './descent.ts'
import type { MaintainedLake } from './maintained-lake.ts'
import { isWorthRewriting } from './rewrite-policy.ts'
import { inTurn, type Lease, type TurnsOptions, takeLease } from './turns.ts'

/** Partitions of a table that one round rewrites; the rest is the next round's. */
export const rewritesPerRoundMax = 64

export interface Rewritten {
  readonly table: TableName
  readonly partition: PartitionFiles
  readonly snapshot: string
  readonly truncated: readonly { readonly merchant: string; readonly day: number }[]
  readonly tookMs: number
}

export interface RewriteRoundOptions extends TurnsOptions {
  readonly store: TurnsOptions['store'] &
    Pick<ControlStore, 'finishRewrite' | 'openDerivation' | 'openPublication' | 'tableView'>
  readonly lake: MaintainedLake
  /** Partitions that must stay for now: readers may hold ranges of rows that a rewrite leaves out. */
  readonly isHeld: (table: TableName, partition: PartitionFiles, fence: number) => boolean
  /** Truncated days that readers could not be told of yet; kept between rounds. */
  readonly owed: Map<TableName, Rewritten['truncated']>
  readonly onRewritten?: (rewritten: Rewritten) => void
}

export async function rewriteRound(
  options: RewriteRoundOptions,
  table: TableName,
  closedDay: number,
): Promise<RoundOutcome> {
  const { lake, clock } = options
  const lease = await takeLease(options, table)
  if (lease === undefined) return 'held elsewhere'
  // In this order: what is in the lake at the first look and not under way at the second is finished.
  const through = await lake.lastPublish(table)
  if (await isUnderWay(options, table)) return 'done'
  await tellReaders(options, table, lease, [])
  const worth = (await partitionsWorthIt(options, table, closedDay))
    .filter((partition) => !options.isHeld(table, partition, lease.fence))
    .slice(0, rewritesPerRoundMax)
  for (const partition of worth) {
    if (options.stop.aborted) return 'stopped'
    const started = clock.monotonic()
    const done = await inTurn(options, table, lease, (turn) => lake.rewrite(table, partition, { turn, through }))
    if (done === null) continue
    await tellReaders(options, table, lease, done.truncated)
    options.onRewritten?.({ table, partition, ...done, tookMs: clock.monotonic() - started })
  }
  return 'done'
}

/** As they are now, before any is rewritten. */
export async function partitionsWorthIt(
  { lake }: { readonly lake: Pick<MaintainedLake, 'partitions'> },
  table: TableName,
  closedDay: number,
): Promise<readonly PartitionFiles[]> {
  return (await lake.partitions(table)).filter((partition) => isWorthRewriting(tables[table], partition, closedDay))
}

/** Something of the table is under way: whoever finishes it tells readers of the newest snapshot. */
export async function isUnderWay({ store }: RewriteRoundOptions, table: TableName): Promise<boolean> {
  if ((await store.openPublication(table)) !== undefined) return true
  return (table === 'daily' || table === 'sessions') && (await store.openDerivation(table)) !== undefined
}

/**
 * Readers read the newest snapshot from here on, where it follows the one they read and nothing is under way. It then is
 * this rewrite, or one whose process died before it said so: all that was published or derived is known to the store.
 */
export async function tellReaders(
  options: RewriteRoundOptions,
  table: TableName,
  lease: Lease,
  truncated: Rewritten['truncated'],
): Promise<void> {
  const { store, lake } = options
  const all = [...(options.owed.get(table) ?? []), ...truncated]
  options.owed.set(table, all)
  const touched = all.map(({ merchant, day }) => ({ merchant: merchant as MerchantId, day }))
  for (let attempt = 1; attempt <= tellMaxAttempts; attempt++) {
    const { snapshot: replaces } = await store.tableView(table)
    const current = await lake.currentSnapshot(table)
    if (current === null || replaces === null) return
    const isNew = current !== replaces && descent(await lake.snapshots(table), current, replaces) !== undefined
    if (!isNew && touched.length === 0) return
    const snapshot = isNew ? current : replaces
    try {
      await store.finishRewrite(table, lease.name, lease.fence, { snapshot, replaces, touched })
      options.owed.delete(table)
      return
    } catch (error) {
      // Under way again: what finishes it makes readers read the newest, and the next round tells what is owed.
      if (error instanceof PublicationOpenError) return
      // Something was published between the two looks: once more on top of it.
      if (!(error instanceof CommitConflictError)) throw error
    }
  }
}

/** Tries of telling readers; each failure is a publication that went before. */
export const tellMaxAttempts = 4
