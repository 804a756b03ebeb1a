/**
 * Maintenance of the lake, in rounds: derived tables are brought up to date (`sessions`, `daily`), then partitions of many
 * files become one file each; generations and snapshots that nobody needs go, and files that nothing names. All of it may be
 * left out, repeated or interrupted anywhere: numbers are the same, only what it costs to read them is not.
 *
 * Works under the leases of the publisher and has to be given its owner's name, so that one process does both for a table.
 * Where a publication meets a rewrite, the lake lets one of them wait or fail, and it is done again.
 */
import { utcDay } from '../../../core/event-time.ts'
import type { Clock, Timers } from '../../../core/ports/clock.ts'
import type {
  CompactMode,
  LakePartition,
  PartitionFiles,
  Removal,
  RemovalMode,
  Rollback,
  RollbackMode,
} from '../../../core/ports/lake.ts'
import { derivedRangesHoldMs } from '../../../core/ports/maintenance-store.ts'
import type { TableName } from '../../../core/tables.ts'
import { tables } from '../../../schemas/tables.ts'
import { periodOf } from '../partition.ts'
import { defaultLeaseTtlMs } from '../publisher.ts'
import { type Derived, type DeriveRoundOptions, deriveRound } from './derive-round.ts'
import { createEraseNotes, type EraseRoundOptions, eraseRound } from './erase-round.ts'
import { type ExpireRoundOptions, expireRound, noteView, orphanRound, showPins } from './expire-round.ts'
import { createGenerationsRounds, type GenerationsRoundOptions, generationTables } from './generations-round.ts'
import { manifestRound } from './manifest-round.ts'
import type { RowsRemoved } from './removal-steps.ts'
import { retainedTables, retentionEveryMs, retentionRound } from './retention-round.ts'
import { partitionsWorthIt, type RewriteRoundOptions, type Rewritten, rewriteRound } from './rewrite-round.ts'
import { type RollbackRoundOptions, rollbackRound, settleRollback } from './rollback-round.ts'
import { defaultSnapshotLadder, type SnapshotLadder } from './snapshot-ladder.ts'
import { takeLease } from './turns.ts'
import { createViewTrail } from './view-trail.ts'

/** Pause between the end of a round and the next. */
export const defaultMaintainEveryMs = 10 * 60_000
/** A UTC day counts as over this long after its end: most hits that come late are in by then. */
export const defaultDeriveAfterMs = 30 * 60_000

/** How often a table's manifests are looked through: each time some megabytes of them may be written anew. */
export const manifestsEveryMs = 3_600_000
/** How often a table's snapshots are looked through for what is off the ladder. */
export const expireEveryMs = 3_600_000
/** How often a table's folder is listed for files that nothing names. */
export const orphansEveryMs = 86_400_000

export interface MaintenanceOptions {
  readonly store: DeriveRoundOptions['store'] &
    RewriteRoundOptions['store'] &
    ExpireRoundOptions['store'] &
    RollbackRoundOptions['store'] &
    EraseRoundOptions['store'] &
    GenerationsRoundOptions['store']
  readonly lake: DeriveRoundOptions['lake']
  readonly clock: Clock
  readonly timers: Timers
  /** Who holds the leases: that of the process's publisher. */
  readonly owner: string
  /** Whether readers see committed files before they are published (embedded), or not (ADR 11). */
  readonly reads: 'pending' | 'published'
  readonly everyMs?: number
  readonly deriveAfterMs?: number
  readonly leaseTtlMs?: number
  /**
   * `begin here`: whoever reads asks this process, and only once `start` has resolved; so snapshots behind those of that
   * moment are held by nobody. `elsewhere` where left out: what they hold is known only after a while.
   */
  readonly readers?: 'begin here' | 'elsewhere'
  /** How long snapshots are kept that nobody pinned. */
  readonly ladder?: SnapshotLadder
  readonly onRemoved?: (
    removed: Removal,
    during: { readonly step: 'expire' | 'orphans'; readonly table: TableName },
  ) => void
  /** The jobs that write `hits` and `hourly`, where they are two. */
  readonly jobs?: NonNullable<EraseRoundOptions['jobs']>
  /** How long an erasure rests before its rows are touched; `erasureSettleMs` where absent. */
  readonly erasureSettleMs?: number
  /** An erasure has come further. */
  readonly onErasure?: NonNullable<EraseRoundOptions['onErasure']>
  /** Rows of erasures, retention or generations went out of a table. */
  readonly onRowsRemoved?: (removed: RowsRemoved) => void
  readonly onDerived?: (derived: Derived) => void
  readonly onRewritten?: (rewritten: Rewritten) => void
  /** A round is through, whatever failed in it. */
  readonly onRound?: () => void
  /** A step failed; the other steps of the round go on, and the next round tries again. Nothing is lost. */
  readonly onError?: (error: unknown, during: { readonly step: MaintenanceStep; readonly table: TableName }) => void
}

export type MaintenanceStep =
  | 'derive'
  | 'erase'
  | 'retention'
  | 'generations'
  | 'rewrite'
  | 'manifests'
  | 'expire'
  | 'orphans'

export interface Maintenance {
  /** The first round begins after `everyMs`. */
  start(): Promise<void>
  /** A round now, after the one under way. @throws the first failure; the rest is tried all the same */
  runNow(): Promise<void>
  /**
   * Expiry or the removal of orphans of one table now, after the round under way. Null: not at the moment, for another
   * process has the lease, something is under way, or readers may still hold what they left.
   */
  remove(step: 'expire' | 'orphans', table: TableName, mode: RemovalMode): Promise<Removal | null>
  /**
   * Rewrites of one table now, after the round under way: of which partitions, as they were before. Null: another process has
   * the lease.
   */
  compact(table: TableName, mode: CompactMode): Promise<readonly PartitionFiles[] | null>
  /**
   * Takes a table back to a snapshot now, after the round under way, as `rollbackRound` does. Null: not at the moment.
   * @throws SnapshotNotFoundError, RollbackRefusedError, CommitConflictError
   */
  rollback(table: TableName, snapshot: string, mode: RollbackMode): Promise<Rollback | null>
  /** Shows the table's pins to whoever opens it past us, where the lake can, after the round under way. */
  showPins(table: TableName): Promise<void>
  /** Whether this process has the table's lease, or gets it now. */
  holds(table: TableName): Promise<boolean>
  /** Ends the round under way at its next step and begins no other. To be called before the publisher stops. */
  stop(): Promise<void>
}

// Sessions before daily: both are quick where little changed, and rewrites find what they added.
const derivedTables = ['sessions', 'daily'] as const
const rewrittenTables = ['hourly', 'sessions', 'daily', 'hits', 'failed_hits'] as const

export function createMaintenance(options: MaintenanceOptions): Maintenance {
  const { clock, timers } = options
  const everyMs = options.everyMs ?? defaultMaintainEveryMs
  const stopping = new AbortController()
  /** Under which fence, and since when, partitions of derived tables were looked at. */
  const heldFrom = new Map<TableName, { readonly fence: number; readonly at: number }>()
  /** When a partition of a derived table was last derived into, on the monotonic clock. */
  const derivedAt = new Map<string, number>()
  let lastRound: Promise<unknown> = Promise.resolve()
  let cancelTimer = () => {}

  const shared = { ...options, leaseTtlMs: options.leaseTtlMs ?? defaultLeaseTtlMs, stop: stopping.signal }
  // Whatever the generation: units of one are superseded by those of another where that came to answer.
  const keyOf = (table: TableName, { period }: Pick<LakePartition, 'period'>) => `${table} ${period}`
  const deriving: DeriveRoundOptions = {
    ...shared,
    onDerived(derived) {
      for (const { start } of derived.units) {
        const period = periodOf(tables[derived.table], start)
        derivedAt.set(keyOf(derived.table, { period }), clock.monotonic())
      }
      options.onDerived?.(derived)
    },
  }
  const expiring: ExpireRoundOptions = {
    ...shared,
    ladder: options.ladder ?? defaultSnapshotLadder,
    views: createViewTrail(),
  }
  /** When a table was last looked through, on the monotonic clock. */
  const lookedAt = new Map<string, number>()
  const removals = { expire: expireRound, orphans: orphanRound }
  const removalEveryMs = { expire: expireEveryMs, orphans: orphansEveryMs }

  let rewritten: PartitionFiles[] = []
  const rewriting: RewriteRoundOptions = {
    ...shared,
    onRewritten(done) {
      rewritten.push(done.partition)
      options.onRewritten?.(done)
    },
    owed: new Map(),
    isHeld(table, partition, fence) {
      if (table !== 'sessions' && table !== 'daily') return false
      // What whoever held the lease before derived, and when, is not known here.
      if (heldFrom.get(table)?.fence !== fence) heldFrom.set(table, { fence, at: clock.monotonic() })
      const since = derivedAt.get(keyOf(table, partition)) ?? heldFrom.get(table)?.at ?? 0
      return clock.monotonic() - since < derivedRangesHoldMs
    },
  }

  const erasing: EraseRoundOptions = {
    ...shared,
    owed: rewriting.owed,
    isHeld: rewriting.isHeld,
    notes: createEraseNotes(),
    views: expiring.views,
  }

  const generations = createGenerationsRounds({ ...shared, owed: rewriting.owed, isHeld: rewriting.isHeld })

  const lastClosedDay = () => utcDay(clock.now() - (options.deriveAfterMs ?? defaultDeriveAfterMs)) - 1

  async function round(): Promise<readonly unknown[]> {
    const errors: unknown[] = []
    const closedDay = lastClosedDay()
    rewritten = []
    async function attempt(step: MaintenanceStep, table: TableName, work: () => Promise<unknown>): Promise<void> {
      if (stopping.signal.aborted) return
      try {
        await work()
      } catch (error) {
        // A turn that ended because of us is no failure.
        if (stopping.signal.aborted) return
        errors.push(error)
        options.onError?.(error, { step, table })
      }
    }
    for (const table of derivedTables) await attempt('derive', table, () => deriveRound(deriving, table, closedDay))
    await attempt('erase', 'hits', () => eraseRound(erasing, closedDay))
    for (const table of retainedTables) await attempt('retention', table, () => retainWhenDue(table))
    for (const table of generationTables) await attempt('generations', table, () => generations.run(table))
    for (const table of rewrittenTables)
      await attempt('rewrite', table, async () => {
        await settleRollback(shared, table)
        await rewriteRound(rewriting, table, closedDay)
      })
    for (const table of rewrittenTables) await attempt('manifests', table, () => mergeWhenDue(table))
    for (const step of ['expire', 'orphans'] as const)
      for (const table of rewrittenTables) await attempt(step, table, () => removeWhenDue(step, table))
    forgetOld()
    if (!stopping.signal.aborted) options.onRound?.()
    return errors
  }

  async function mergeWhenDue(table: TableName): Promise<void> {
    const key = `manifests ${table}`
    const last = lookedAt.get(key)
    if (last !== undefined && clock.monotonic() - last < manifestsEveryMs) return
    if ((await manifestRound(rewriting, table)) === 'done') lookedAt.set(key, clock.monotonic())
  }

  async function retainWhenDue(table: TableName): Promise<void> {
    const key = `retention ${table}`
    const last = lookedAt.get(key)
    if (last !== undefined && clock.monotonic() - last < retentionEveryMs) return
    // What could not be done now is tried by the next round.
    if ((await retentionRound(erasing, table)) === 'none') lookedAt.set(key, clock.monotonic())
  }

  async function removeWhenDue(step: 'expire' | 'orphans', table: TableName): Promise<void> {
    const key = `${step} ${table}`
    const last = lookedAt.get(key)
    if (step === 'expire') await noteView(expiring, table)
    if (last !== undefined && clock.monotonic() - last < removalEveryMs[step]) return
    const { removed } = await removals[step](expiring, table, 'remove')
    // Where nothing could be done now it is tried by the next round.
    if (removed === null) return
    lookedAt.set(key, clock.monotonic())
    if (removed.files > 0 || removed.snapshots.length > 0) options.onRemoved?.(removed, { step, table })
  }

  function forgetOld(): void {
    for (const [key, at] of derivedAt) if (clock.monotonic() - at >= derivedRangesHoldMs) derivedAt.delete(key)
  }

  function queued<T>(work: () => Promise<T>): Promise<T> {
    const next = lastRound.then(work)
    lastRound = next.catch(() => undefined)
    return next
  }

  function arm(): void {
    if (stopping.signal.aborted) return
    cancelTimer = timers.after(everyMs, () => {
      void queued(round).then(arm)
    })
  }

  return {
    async start() {
      arm()
      if (options.readers !== 'begin here') return
      for (const table of rewrittenTables) {
        const { snapshot } = await options.store.tableView(table)
        if (snapshot !== null) expiring.views.first(table, snapshot)
      }
    },

    async runNow() {
      const [error] = await queued(round)
      if (error !== undefined) throw error
    },

    async remove(step, table, mode) {
      const { removed } = await queued(() => removals[step](expiring, table, mode))
      if (removed !== null && mode === 'remove') options.onRemoved?.(removed, { step, table })
      return removed
    },
    async compact(table, mode) {
      if (mode === 'dry run') return partitionsWorthIt(shared, table, lastClosedDay())
      return queued(async () => {
        rewritten = []
        const outcome = await rewriteRound(rewriting, table, lastClosedDay())
        return outcome === 'held elsewhere' ? null : rewritten
      })
    },
    rollback: (table, snapshot, mode) => queued(() => rollbackRound(shared, table, snapshot, mode)),
    showPins: (table) => queued(() => showPins(shared, table)),
    holds: async (table) => (await takeLease(shared, table)) !== undefined,
    async stop() {
      stopping.abort(new Error('maintenance stops; what it was doing is repeated by the next'))
      cancelTimer()
      await lastRound
    },
  }
}
