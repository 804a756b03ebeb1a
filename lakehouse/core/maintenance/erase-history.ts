/**
 * The end of an erasure: snapshots from before its rows went, and the files that only they name. Pins do not hold them; queries
 * that began on them do, for as long as a query may run.
 */
import { PublicationOpenError } from '../../../core/errors.ts'
import type { Erasure } from '../../../core/ports/erasure-store.ts'
import type { SnapshotInfo } from '../../../core/ports/lake.ts'
import type { TableName } from '../../../core/tables.ts'
import { type EraseRoundOptions, noteOf } from './erase-round.ts'
import { expiredPerRoundMax, noteView, showPins } from './expire-round.ts'
import { isUnderWay } from './rewrite-round.ts'
import { inTurn, takeLease } from './turns.ts'

/** Tables that hold hits or what is made of them. */
const erasedTables: readonly TableName[] = ['hourly', 'daily', 'sessions', 'failed_hits', 'hits']

/** Those of which nothing is left in any snapshot. `rowless`: the newest ones hold nothing of them. */
export async function forgetHistory(
  options: EraseRoundOptions,
  rowless: readonly Erasure[],
): Promise<readonly Erasure[]> {
  if (rowless.length === 0) return []
  const gone = new Map<Erasure, number>(rowless.map((erasure) => [erasure, 0]))
  for (const table of erasedTables) {
    if (options.stop.aborted) return []
    for (const erasure of await forgotten(options, table, rowless)) gone.set(erasure, (gone.get(erasure) ?? 0) + 1)
  }
  return rowless.filter((erasure) => gone.get(erasure) === erasedTables.length)
}

/** Those of which no snapshot of the table tells. */
async function forgotten(
  options: EraseRoundOptions,
  table: TableName,
  rowless: readonly Erasure[],
): Promise<readonly Erasure[]> {
  const { lake, views, clock } = options
  const snapshots = await lake.snapshots(table)
  const [newest] = snapshots
  if (newest === undefined) return rowless
  const view = await noteView(options, table)
  // What is not told to readers yet may be left by the next publication, and readers would go on where they are.
  if (view !== newest.id) return []
  for (const erasure of rowless) {
    const clean = noteOf(options, erasure)?.clean
    if (clean !== undefined && !clean.has(table)) clean.set(table, { snapshot: newest.id, at: newest.at })
  }
  const cleanOf = (erasure: Erasure) => noteOf(options, erasure)?.clean.get(table)
  const settled = placeOf(snapshots, views.settled(table, clock.monotonic()))
  const due = rowless.filter((erasure) => {
    const clean = cleanOf(erasure)
    return clean !== undefined && settled !== undefined && settled <= (placeOf(snapshots, clean.snapshot) ?? settled)
  })
  if (due.length === 0) return []
  const cleanPlace = Math.min(...due.map((erasure) => oldestKept(snapshots, cleanOf(erasure))))
  // A lake that takes only the oldest, and of those what is old enough beside the oldest that stays: that one has to move on.
  const place = lake.expires === 'oldest' ? Math.min(settled ?? cleanPlace, cleanPlace) : cleanPlace
  const left = await expireBefore(options, table, snapshots, place)
  return left === undefined ? [] : due.filter((erasure) => oldestKept(left, cleanOf(erasure)) === left.length - 1)
}

/** In the list, newest first; the smaller, the newer. */
function placeOf(snapshots: readonly SnapshotInfo[], id: string | undefined): number | undefined {
  const at = snapshots.findIndex((snapshot) => snapshot.id === id)
  return at < 0 ? undefined : at
}

/** The place of the oldest snapshot that may stay: the clean one, or where that is gone the first after it. */
function oldestKept(
  snapshots: readonly SnapshotInfo[],
  clean: { readonly snapshot: string; readonly at: number } | undefined,
) {
  const place = placeOf(snapshots, clean?.snapshot)
  if (place !== undefined) return place
  return Math.max(
    0,
    snapshots.findLastIndex(({ at }) => at > (clean?.at ?? Number.POSITIVE_INFINITY)),
  )
}

/** Takes all that are older than the one at this place. The snapshots as they are then; undefined: not at the moment. */
async function expireBefore(
  options: EraseRoundOptions,
  table: TableName,
  snapshots: readonly SnapshotInfo[],
  place: number,
): Promise<readonly SnapshotInfo[] | undefined> {
  const { store, lake, clock } = options
  const lease = await takeLease(options, table)
  if (lease === undefined) return undefined
  const through = await lake.lastPublish(table)
  if (await isUnderWay(options, table)) return undefined
  for (const derived of ['daily', 'sessions'] as const) {
    // It reads a snapshot of the table, now or when it is repeated.
    if ((await store.openDerivation(derived)) !== undefined) return undefined
  }
  const going = snapshots.slice(place + 1).map(({ id }) => id)
  const wanted = new Set(going)
  for (const { snapshot, name } of await store.pins(table)) {
    if (wanted.has(snapshot)) await store.unpinSnapshot(table, name)
  }
  await showPins(options, table)
  try {
    const isDone = await inTurn(options, table, lease, async (turn) => {
      // First: a statement of whoever held the lease before may still bring back what is condemned here.
      await lake.takeOver?.(table, turn)
      const oldestFirst = going.toReversed().slice(0, expiredPerRoundMax)
      const given = { snapshots: oldestFirst, now: clock.now() }
      const taken = await store.condemnSnapshots(table, lease.name, lease.fence, given)
      // Pinned again just now: the next round.
      if (taken.length < oldestFirst.length) return false
      if (taken.length > 0) await lake.expire(table, taken, 'remove', turn)
      return true
    })
    if (!isDone) return undefined
  } catch (error) {
    // A publication has begun since: the next round.
    if (error instanceof PublicationOpenError) return undefined
    throw error
  }
  const left = await lake.snapshots(table)
  const oldest = snapshots[place]
  if (oldest === undefined || left.at(-1)?.id !== oldest.id) return left
  // What a cut off expiry left over, whatever its age: files written before the oldest snapshot and named by none.
  const limits = { before: oldest.at, through }
  await inTurn(options, table, lease, (turn) => lake.removeOrphans(table, limits, 'remove', turn))
  return left
}
