/**
 * Maintenance of the lake, in rounds: derived tables are brought up to date (`sessions`, `daily`), then partitions of many
 * files become one file each. All of it may be left out, repeated or interrupted anywhere: numbers are the same, only what
 * it costs to read them is not.
 *
 * Works under the leases of the publisher and has to be given its owner's name, so that one process does both for a table.
 * Where a publication meets a rewrite, the lake lets one of them wait or fail, and it is done again.
 */
import { utcDay } from '../../../core/event-time.ts'
import type { Clock, Timers } from '../../../core/ports/clock.ts'
import { derivedRangesHoldMs } from '../../../core/ports/control-store.ts'
import type { LakePartition } from '../../../core/ports/lake.ts'
import type { TableName } from '../../../core/tables.ts'
import { firstGeneration, tables } from '../../../schemas/tables.ts'
import { periodOf } from '../partition.ts'
import { defaultLeaseTtlMs } from '../publisher.ts'
import { type Derived, type DeriveRoundOptions, deriveRound } from './derive-round.ts'
import { type RewriteRoundOptions, type Rewritten, rewriteRound } from './rewrite-round.ts'

/** Pause between the end of a round and the next. */
export const defaultMaintainEveryMs = 10 * 60_000
/** A UTC day counts as over this long after its end: most hits that come late are in by then. */
export const defaultDeriveAfterMs = 30 * 60_000

export interface MaintenanceOptions {
  readonly store: DeriveRoundOptions['store'] & RewriteRoundOptions['store']
  readonly lake: DeriveRoundOptions['lake']
  readonly clock: Clock
  readonly timers: Timers
  /** Who holds the leases: that of the process's publisher. */
  readonly owner: string
  /** Whether readers see committed files before they are published (embedded), or not (ADR 11). */
  readonly reads: 'pending' | 'published'
  /** Of the rows that are derived. */
  readonly generation?: number
  readonly everyMs?: number
  readonly deriveAfterMs?: number
  readonly leaseTtlMs?: number
  readonly onDerived?: (derived: Derived) => void
  readonly onRewritten?: (rewritten: Rewritten) => void
  /** A round is through, whatever failed in it. */
  readonly onRound?: () => void
  /** A step failed; the other steps of the round go on, and the next round tries again. Nothing is lost. */
  readonly onError?: (
    error: unknown,
    during: { readonly step: 'derive' | 'rewrite'; readonly table: TableName },
  ) => void
}

export interface Maintenance {
  /** The first round begins after `everyMs`. */
  start(): void
  /** A round now, after the one under way. @throws the first failure; the rest is tried all the same */
  runNow(): Promise<void>
  /** Ends the round under way at its next step and begins no other. To be called before the publisher stops. */
  stop(): Promise<void>
}

// Sessions before daily: both are quick where little changed, and rewrites find what they added.
const derivedTables = ['sessions', 'daily'] as const
const rewrittenTables = ['hourly', 'sessions', 'daily', 'hits', 'failed_hits'] as const

export function createMaintenance(options: MaintenanceOptions): Maintenance {
  const { clock, timers, generation = firstGeneration } = options
  const everyMs = options.everyMs ?? defaultMaintainEveryMs
  const stopping = new AbortController()
  /** Under which fence, and since when, partitions of derived tables were looked at. */
  const heldFrom = new Map<TableName, { readonly fence: number; readonly at: number }>()
  /** When a partition of a derived table was last derived into, on the monotonic clock. */
  const derivedAt = new Map<string, number>()
  let lastRound: Promise<unknown> = Promise.resolve()
  let cancelTimer = () => {}

  const shared = { ...options, leaseTtlMs: options.leaseTtlMs ?? defaultLeaseTtlMs, stop: stopping.signal }
  const keyOf = (table: TableName, { generation, period }: LakePartition) => `${table} ${generation} ${period}`
  const deriving: DeriveRoundOptions = {
    ...shared,
    generation,
    onDerived(derived) {
      for (const { start } of derived.units) {
        const period = periodOf(tables[derived.table], start)
        derivedAt.set(keyOf(derived.table, { generation, period }), clock.monotonic())
      }
      options.onDerived?.(derived)
    },
  }
  const rewriting: RewriteRoundOptions = {
    ...shared,
    owed: new Map(),
    isHeld(table, partition, fence) {
      if (table !== 'sessions' && table !== 'daily') return false
      // What whoever held the lease before derived, and when, is not known here.
      if (heldFrom.get(table)?.fence !== fence) heldFrom.set(table, { fence, at: clock.monotonic() })
      const since = derivedAt.get(keyOf(table, partition)) ?? heldFrom.get(table)?.at ?? 0
      return clock.monotonic() - since < derivedRangesHoldMs
    },
  }

  async function round(): Promise<readonly unknown[]> {
    const errors: unknown[] = []
    const closedDay = utcDay(clock.now() - (options.deriveAfterMs ?? defaultDeriveAfterMs)) - 1
    async function attempt(step: 'derive' | 'rewrite', table: TableName, work: () => Promise<unknown>): Promise<void> {
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
    for (const table of rewrittenTables)
      await attempt('rewrite', table, () => rewriteRound(rewriting, table, closedDay))
    forgetOld()
    if (!stopping.signal.aborted) options.onRound?.()
    return errors
  }

  function forgetOld(): void {
    for (const [key, at] of derivedAt) if (clock.monotonic() - at >= derivedRangesHoldMs) derivedAt.delete(key)
  }

  function queued(): Promise<readonly unknown[]> {
    const next = lastRound.then(round)
    lastRound = next
    return next
  }

  function arm(): void {
    if (stopping.signal.aborted) return
    cancelTimer = timers.after(everyMs, () => {
      void queued().then(arm)
    })
  }

  return {
    start: arm,

    async runNow() {
      const [error] = await queued()
      if (error !== undefined) throw error
    },

    async stop() {
      stopping.abort(new Error('maintenance stops; what it was doing is repeated by the next'))
      cancelTimer()
      await lastRound
    },
  }
}
