/** Turns of maintenance at a table, under the lease that its publisher holds too: name and owner are the same. */
import { StaleLeaseError } from '../../../core/errors.ts'
import type { Clock, Timers } from '../../../core/ports/clock.ts'
import type { ControlStore } from '../../../core/ports/control-store.ts'
import type { TableName } from '../../../core/tables.ts'
import { holdTurn } from '../hold-turn.ts'
import type { PublicationTurn } from '../publication-turn.ts'

export interface TurnsOptions {
  readonly store: Pick<ControlStore, 'acquireLease'>
  readonly clock: Clock
  readonly timers: Timers
  readonly owner: string
  readonly leaseTtlMs: number
  readonly stop: AbortSignal
}

export interface Lease {
  readonly name: string
  readonly fence: number
  /** When it was asked for, on the monotonic clock. */
  readonly asked: number
}

export const leaseName = (table: TableName) => `publish/${table}`

/** Undefined while another owner has it. */
export async function takeLease(options: TurnsOptions, table: TableName): Promise<Lease | undefined> {
  const { store, clock, owner, leaseTtlMs } = options
  const asked = clock.monotonic()
  const held = await store.acquireLease(leaseName(table), owner, leaseTtlMs, clock.now())
  return held && { name: leaseName(table), fence: held.fence, asked }
}

/** Runs `work` while the lease lasts. @throws StaleLeaseError where it is gone before `work` begins */
export async function inTurn<T>(
  options: TurnsOptions,
  table: TableName,
  lease: Lease,
  work: (turn: PublicationTurn) => Promise<T>,
): Promise<T> {
  const now = await takeLease(options, table)
  if (now?.fence !== lease.fence) throw new StaleLeaseError(lease.name, lease.fence)
  const { clock, timers, leaseTtlMs, stop } = options
  const turn = holdTurn({
    lease: lease.name,
    fence: lease.fence,
    leaseTtlMs,
    leasedAt: now.asked,
    renew: async () => (await takeLease(options, table))?.fence,
    stop,
    clock,
    timers,
  })
  try {
    turn.throwIfOver()
    return await work(turn)
  } finally {
    turn.end()
  }
}
