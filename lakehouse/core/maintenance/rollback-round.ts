/**
 * Takes a table back to an earlier snapshot, and its readers with it. Only what loses no accepted hit: rewrites, derivations
 * and commits of others (an INSERT or DELETE by a user of Trino) can be undone, a publication cannot, for nothing would bring
 * its hits again. Days whose rows differ get new versions, so what was derived or kept of them is made anew.
 *
 * Works under the lease of the publisher, taken from it for that moment: no publication begins meanwhile, and one under way
 * makes it wait. Cut off after the lake was taken back, `settleRollback` tells readers in the next round.
 */
import { RollbackRefusedError, SnapshotNotFoundError } from '../../../core/errors.ts'
import type { MerchantId } from '../../../core/ids.ts'
import type { ControlStore } from '../../../core/ports/control-store.ts'
import type { Rollback, RollbackMode } from '../../../core/ports/lake.ts'
import type { TableName } from '../../../core/tables.ts'
import { descent } from './descent.ts'
import type { MaintainedLake } from './maintained-lake.ts'
import { inTurn, type Lease, type TurnsOptions, takeLease } from './turns.ts'

/** Snapshots that one rollback may undo. */
export const rollbackSnapshotsMax = 100
/** Days that one call tells the control store of; more take several. */
export const toldDaysMax = 10_000
/** Publications that a refusal names. */
const namedPublicationsMax = 10

export interface RollbackRoundOptions extends TurnsOptions {
  readonly store: TurnsOptions['store'] &
    Pick<
      ControlStore,
      'erasures' | 'finishRewrite' | 'openDerivation' | 'openPublication' | 'releaseLease' | 'tableView'
    >
  readonly lake: Pick<
    MaintainedLake,
    'changes' | 'currentSnapshot' | 'daysOf' | 'publishedSince' | 'rollback' | 'snapshots'
  >
}

type Step = Omit<Rollback, 'days'>
type Touched = Parameters<ControlStore['finishRewrite']>[3]['touched']

/**
 * Null: not at the moment, for another process has the lease or something is under way. In a dry run nothing changes.
 * @throws SnapshotNotFoundError, RollbackRefusedError, CommitConflictError
 */
export async function rollbackRound(
  options: RollbackRoundOptions,
  table: TableName,
  to: string,
  mode: RollbackMode,
): Promise<Rollback | null> {
  const { store } = options
  const lease = await takeLease(options, table)
  if (lease === undefined || (await isOpen(options, table))) return null
  const planned = await plan(options, table, to)
  if (mode === 'dry run') return { ...planned, days: (await differing(options, table, planned.to)).length }
  // From here on the publisher of this very process has to wait too.
  await store.releaseLease(lease.name, lease.fence)
  const own = { ...options, owner: `${options.owner}/rollback` }
  const held = await takeLease(own, table)
  if (held === undefined) return null
  try {
    return await rolledBack(own, table, to, held)
  } finally {
    await store.releaseLease(held.name, held.fence)
  }
}

async function rolledBack(
  options: RollbackRoundOptions,
  table: TableName,
  to: string,
  lease: Lease,
): Promise<Rollback | null> {
  const { store, lake } = options
  if (await isOpen(options, table)) return null
  const step = await plan(options, table, to)
  const days = await differing(options, table, to)
  await inTurn(options, table, lease, async (turn) => {
    // Also before: then whoever publishes next need not know of it, should this be cut off.
    const { snapshot: read } = await store.tableView(table)
    await tell(options, table, lease, { to: read, days })
    await lake.rollback(table, step, turn)
    await tell(options, table, lease, { to, days })
  })
  return { ...step, days: days.length }
}

/**
 * Tells readers of a rollback that was cut off, or was made by others.
 * @throws RollbackRefusedError where it took publications out of the table: readers go on with what they read
 */
export async function settleRollback(options: RollbackRoundOptions, table: TableName): Promise<void> {
  const { store, lake } = options
  const lease = await takeLease(options, table)
  if (lease === undefined || (await isOpen(options, table))) return
  const { snapshot: read } = await store.tableView(table)
  const current = await lake.currentSnapshot(table)
  if (current === null || read === null || current === read) return
  const left = descent(await lake.snapshots(table), read, current)
  if (left === undefined) return
  await refusePublications(options, table, current, left)
  await tell(options, table, lease, { to: current, days: await differing(options, table, current) })
}

async function plan(options: RollbackRoundOptions, table: TableName, to: string): Promise<Step> {
  const { store, lake } = options
  const snapshots = await lake.snapshots(table)
  const [current] = snapshots
  if (current === undefined || !snapshots.some(({ id }) => id === to)) throw new SnapshotNotFoundError(table, to)
  const undone = descent(snapshots, current.id, to)
  if (undone === undefined) {
    throw new RollbackRefusedError(
      table,
      to,
      'what the table holds does not follow it, or snapshots between them are gone',
    )
  }
  if (undone.length > rollbackSnapshotsMax) {
    const limit = `at most ${rollbackSnapshotsMax} snapshots are undone at once`
    throw new RollbackRefusedError(table, to, `${undone.length} came after it, and ${limit}`)
  }
  if ((await store.erasures({ state: 'open', limit: 1 })).length > 0) {
    throw new RollbackRefusedError(table, to, 'an erasure is under way, and what it removed would come back')
  }
  await refusePublications(options, table, to, undone)
  return { from: current.id, to, undone }
}

async function refusePublications(
  { lake }: Pick<RollbackRoundOptions, 'lake'>,
  table: TableName,
  to: string,
  undone: readonly string[],
): Promise<void> {
  if (isDerived(table)) return
  const lost = await lake.publishedSince(table, to, undone.toReversed())
  if (lost.length === 0) return
  const named = lost.slice(0, namedPublicationsMax).join(', ') + (lost.length > namedPublicationsMax ? ', …' : '')
  const many = lost.length === 1 ? `publication ${named}` : `${lost.length} publications (${named})`
  const mend = 'what was wrongly published is mended by a rerun'
  throw new RollbackRefusedError(table, to, `it would take the hits of ${many} out of view; ${mend}`)
}

/** Between what readers read and `to`. Nothing that is asked is made of failed hits. */
async function differing({ store, lake }: RollbackRoundOptions, table: TableName, to: string): Promise<Touched> {
  const { snapshot: read } = await store.tableView(table)
  if (read === null || read === to || table === 'failed_hits') return []
  const changes = await lake.changes(table, read, to)
  const partitions = changes.map(({ partition }) => partition)
  const days = await lake.daysOf(table, [read, to], partitions)
  return days.map(({ merchant, day }) => ({ merchant: merchant as MerchantId, day }))
}

/** Readers read `to` from here on, and ask again what they keep of the days. */
async function tell(
  { store }: RollbackRoundOptions,
  table: TableName,
  lease: Lease,
  { to, days }: { readonly to: string | null; readonly days: Touched },
): Promise<void> {
  if (to === null) return
  let { snapshot: replaces } = await store.tableView(table)
  for (let at = 0; at < days.length || replaces !== to; at += toldDaysMax) {
    const touched = days.slice(at, at + toldDaysMax)
    await store.finishRewrite(table, lease.name, lease.fence, { snapshot: to, replaces, touched })
    replaces = to
  }
}

async function isOpen({ store }: RollbackRoundOptions, table: TableName): Promise<boolean> {
  if ((await store.openPublication(table)) !== undefined) return true
  return (table === 'daily' || table === 'sessions') && (await store.openDerivation(table)) !== undefined
}

function isDerived(table: TableName): boolean {
  return table === 'daily' || table === 'sessions'
}
