/**
 * What a rerun reads, fixed: snapshots that are pinned, and which publications of each. All accepted hits up to a moment
 * are rows of `hits` at its snapshot or of `failed_hits` at its own; those of later publications come in the catch-up.
 */
import { RerunRefusedError, SnapshotNotFoundError } from '../../../core/errors.ts'
import { pinsPerTableMax, type SnapshotPin } from '../../../core/ports/maintenance-store.ts'
import type { Rerun } from '../../../core/ports/rerun-store.ts'
import { type AcceptedRows, type AcceptedTable, acceptedTables } from '../../../core/ports/rerun-work.ts'
import type { RerunInputs } from '../../../core/rerun-notes.ts'
import type { DriverLake, RerunDriverOptions } from './driver-options.ts'
import { rerunPinMs } from './limits.ts'
import { publishAt, standingOf } from './snapshots.ts'

type Options = Pick<RerunDriverOptions, 'store' | 'lake' | 'clock'>

/** Names of the pins of a rerun: of what the backfill and the catch-up read. */
export const pinNames = {
  backfill: (id: number) => `rerun-${id}`,
  'catch-up': (id: number) => `rerun-${id}-catch-up`,
} as const

/** The rerun that a pin is of; undefined: of none. */
export function rerunOfPin(name: string): number | undefined {
  const [, id] = /^rerun-(\d+)(-catch-up)?$/.exec(name) ?? []
  return id === undefined ? undefined : Number(id)
}

/**
 * What the backfill reads: `hits` at the snapshot that was asked for, `failed_hits` as it is now. Pins both; may be repeated
 * until the record says what was fixed.
 * @throws SnapshotNotFoundError, RerunRefusedError
 */
export async function fixInputs(options: Options, { id, request }: Rerun): Promise<RerunInputs> {
  const name = pinNames.backfill(id)
  await pin(options, 'hits', request.snapshot, name)
  const through = await publishOf(options.lake, request.snapshot)
  const hits = { table: 'hits', snapshot: request.snapshot, after: 0, through } as const
  const { snapshot } = await options.store.tableView('failed_hits')
  if (snapshot === null) return { hits, failed_hits: none('failed_hits') }
  await pin(options, 'failed_hits', snapshot, name)
  return {
    hits,
    failed_hits: { table: 'failed_hits', snapshot, after: 0, through: await throughOfFailed(options, snapshot) },
  }
}

/** What came after: both tables as they are now, from the publications of `before` on. Pins both. */
export async function fixCatchUp(options: Options, { id }: Rerun, before: RerunInputs): Promise<RerunInputs> {
  const name = pinNames['catch-up'](id)
  const fixed: Partial<Record<AcceptedTable, AcceptedRows>> = {}
  for (const table of acceptedTables) {
    const { snapshot } = await options.store.tableView(table)
    if (snapshot === null) fixed[table] = none(table)
    else {
      await pin(options, table, snapshot, name)
      fixed[table] = { table, snapshot, after: before[table].through ?? 0, through: null }
    }
  }
  return fixed as RerunInputs
}

/**
 * The newest publication that a snapshot of `hits` holds.
 * @throws SnapshotNotFoundError where the table lacks it; RerunRefusedError where the table was taken back behind it
 */
export async function publishOf(
  lake: Pick<DriverLake, 'snapshots' | 'publishedThrough'>,
  snapshot: string,
): Promise<number> {
  const snapshots = await lake.snapshots('hits')
  const standing = standingOf(snapshots, snapshot)
  if (standing === 'unknown') throw new SnapshotNotFoundError('hits', snapshot)
  if (standing === 'left') {
    throw new RerunRefusedError(
      `hits was rolled back from snapshot ${snapshot}, and what was published in it may have come again under other numbers; take one that hits still comes from`,
    )
  }
  return publishAt(snapshots, snapshot) ?? (await lake.publishedThrough('hits', snapshot))
}

async function throughOfFailed({ lake }: Pick<Options, 'lake'>, snapshot: string): Promise<number> {
  const told = publishAt(await lake.snapshots('failed_hits'), snapshot)
  return told ?? (await lake.publishedThrough('failed_hits', snapshot))
}

const none = (table: AcceptedTable): AcceptedRows => ({ table, snapshot: null, after: 0, through: 0 })

async function pin({ store, clock }: Options, table: AcceptedTable, snapshot: string, name: string): Promise<void> {
  const pin = { ...pinFor(table, snapshot, name), until: clock.now() + rerunPinMs }
  let outcome = await store.pinSnapshot(pin)
  if (outcome === 'name taken') {
    // Of an attempt that was cut off before the record said what was fixed.
    await store.unpinSnapshot(table, name)
    outcome = await store.pinSnapshot(pin)
  }
  if (outcome === 'expiring') throw new SnapshotNotFoundError(table, snapshot)
  if (outcome === 'too many') {
    throw new RerunRefusedError(`${table} has ${pinsPerTableMax} pins, and its snapshot must be pinned; unpin one`)
  }
}

function pinFor(table: AcceptedTable, snapshot: string, name: string): Omit<SnapshotPin, 'until'> {
  return { table, snapshot, name, by: `rerun ${rerunOfPin(name)}` }
}
