/**
 * One round of a table's history: snapshots that are off the ladder go, with the files that only they named. Why this never
 * takes what a reader, a repeated publication or a recovery needs: docs/adr/0021-which-snapshots-go.md.
 */
import { PublicationOpenError } from '../../../core/errors.ts'
import type { ControlStore } from '../../../core/ports/control-store.ts'
import type { Removal, RemovalMode } from '../../../core/ports/lake.ts'
import { baseOfDerived } from '../../../core/ports/maintenance-store.ts'
import type { TableName } from '../../../core/tables.ts'
import type { RoundOutcome } from './derive-round.ts'
import type { MaintainedLake } from './maintained-lake.ts'
import { expirable, oldestWithoutGap, type SnapshotLadder } from './snapshot-ladder.ts'
import { inTurn, type TurnsOptions, takeLease } from './turns.ts'
import type { ViewTrail } from './view-trail.ts'

/** Snapshots of a table that one round takes; the rest is the next round's. */
export const expiredPerRoundMax = 5_000
/** Files without a name that are younger stay: they may be part of what is under way. */
export const orphanMinAgeMs = 3 * 86_400_000

export interface ExpireRoundOptions extends TurnsOptions {
  readonly store: TurnsOptions['store'] &
    Pick<ControlStore, 'condemnSnapshots' | 'openDerivation' | 'openPublication' | 'pins' | 'tableView'>
  readonly lake: Pick<
    MaintainedLake,
    'expire' | 'expires' | 'lastPublish' | 'removeOrphans' | 'showPins' | 'snapshots' | 'takeOver'
  >
  readonly ladder: SnapshotLadder
  readonly views: ViewTrail
}

/** `removed`: null where the round did nothing, for what readers left is still held, or something is under way. */
export interface RoundRemoval {
  readonly outcome: RoundOutcome
  readonly removed: Removal | null
}

export async function expireRound(
  options: ExpireRoundOptions,
  table: TableName,
  mode: RemovalMode,
): Promise<RoundRemoval> {
  const { store, lake, clock, views } = options
  const lease = await takeLease(options, table)
  if (lease === undefined) return { outcome: 'held elsewhere', removed: null }
  const nothing: RoundRemoval = { outcome: 'done', removed: null }
  // Also those that hold no more, or an expiry would keep what they name.
  if (mode === 'remove') await showPins(options, table)
  await noteView(options, table)
  const settled = views.settled(table, clock.monotonic())
  // Readers may still hold all they have left, as in each round of a process's first minutes: the lake is not asked.
  if (settled === undefined) return nothing
  // In this order: what the lake names at the first look and is not under way at the second is finished.
  const snapshots = await lake.snapshots(table)
  if (await isOpen(options, table)) return nothing
  const before = await noteView(options, table)
  if (before === null) return nothing
  const kept = new Set([...(await readByDerivations(options, table)), before])
  // `lastPublish` counts on from it.
  const newestPublish = Math.max(...snapshots.map(({ publish }) => publish ?? 0))
  for (const { id, publish } of snapshots) if (publish === newestPublish) kept.add(id)
  const now = clock.now()
  for (const { snapshot, until } of await store.pins(table)) if (until > now) kept.add(snapshot)

  // Readers never go back, but for a rollback: then both bounds hold.
  const order = new Map(snapshots.map(({ id }, n) => [id, n]))
  const bound = (order.get(settled) ?? 0) > (order.get(before) ?? 0) ? settled : before
  const question = { snapshots, now, ladder: options.ladder, kept, before: bound, expires: lake.expires }
  const going = order.has(settled) ? expirable(question).slice(0, expiredPerRoundMax) : []
  if (going.length === 0) return { outcome: 'done', removed: { snapshots: [], files: 0, bytes: 0 } }
  try {
    return await inTurn(options, table, lease, async (turn) => {
      if (mode === 'dry run') return { outcome: 'done', removed: await lake.expire(table, going, mode, turn) }
      // First: a statement of whoever held the lease before may still bring back what is condemned here.
      await lake.takeOver?.(table, turn)
      // Whoever pins one of them from here on is told that it is too late.
      const condemned = await store.condemnSnapshots(table, lease.name, lease.fence, { snapshots: going, now })
      const taken = lake.expires === 'each' ? condemned : oldestWithoutGap(snapshots, condemned)
      if (options.stop.aborted) return { outcome: 'stopped', removed: null }
      return { outcome: 'done', removed: await lake.expire(table, taken, mode, turn) }
    })
  } catch (error) {
    // A publication has begun since: the next round.
    if (error instanceof PublicationOpenError) return nothing
    throw error
  }
}

/** Files of the table's folder that nothing names, left over by what was cut off. */
export async function orphanRound(
  options: ExpireRoundOptions,
  table: TableName,
  mode: RemovalMode,
): Promise<RoundRemoval> {
  const { lake, clock } = options
  const lease = await takeLease(options, table)
  if (lease === undefined) return { outcome: 'held elsewhere', removed: null }
  const through = await lake.lastPublish(table)
  if (await isOpen(options, table)) return { outcome: 'done', removed: null }
  const limits = { before: clock.now() - orphanMinAgeMs, through }
  const removed = await inTurn(options, table, lease, (turn) => lake.removeOrphans(table, limits, mode, turn))
  return { outcome: 'done', removed }
}

/** Shows the pins that hold to whoever opens the table past us; a lake that cannot leaves it. */
export async function showPins(
  { store, lake, clock }: Pick<ExpireRoundOptions, 'store' | 'lake' | 'clock'>,
  table: TableName,
): Promise<void> {
  const now = clock.now()
  await lake.showPins?.(
    table,
    (await store.pins(table)).filter(({ until }) => until > now),
  )
}

/** To be called now and then, or nothing ever counts as left. Null where nothing was published yet. */
export async function noteView(
  { store, views, clock }: Pick<ExpireRoundOptions, 'store' | 'views' | 'clock'>,
  table: TableName,
): Promise<string | null> {
  const { snapshot } = await store.tableView(table)
  if (snapshot !== null) views.seen(table, snapshot, clock.monotonic())
  return snapshot
}

async function isOpen({ store }: ExpireRoundOptions, table: TableName): Promise<boolean> {
  if ((await store.openPublication(table)) !== undefined) return true
  return (table === 'daily' || table === 'sessions') && (await store.openDerivation(table)) !== undefined
}

/** Snapshots of the table that a derivation begun and not finished reads, now or when it is repeated. */
async function readByDerivations({ store }: ExpireRoundOptions, table: TableName): Promise<readonly string[]> {
  const read: string[] = []
  for (const derived of ['daily', 'sessions'] as const) {
    if (baseOfDerived[derived] !== table) continue
    const open = await store.openDerivation(derived)
    if (typeof open?.view.snapshot === 'string') read.push(open.view.snapshot)
  }
  return read
}
