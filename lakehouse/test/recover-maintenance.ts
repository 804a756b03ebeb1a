/** Maintenance in the small cluster of the recovery tests: what the lake's snapshots hold, rewrites, and derivations. */
import { CommitConflictError, PublicationOpenError, StaleLeaseError } from '../../core/errors.ts'
import type { ClusterStore } from '../../core/ports/cluster-store.ts'
import { merchantId } from '../../core/ports/control-store.contract.ts'
import type { DerivedTable } from '../../core/ports/maintenance-store.ts'
import type { TableName } from '../../core/tables.ts'

/** Days that only rewrites touch. */
export const rewrittenFrom = 100

/** Of each table the publications that each snapshot holds, newest snapshot last. */
export class Snapshots {
  readonly #tables = new Map<string, Map<string, ReadonlySet<number>>>()
  #rewrites = 0

  /** A snapshot on top of the newest. */
  published(table: TableName, id: number): string {
    const snapshot = `snapshot-${id}`
    const of = this.#of(table)
    if (!of.has(snapshot)) of.set(snapshot, new Set([...this.#newest(of), id]))
    return snapshot
  }

  rewritten(table: TableName): string {
    const of = this.#of(table)
    const snapshot = `rewritten-${this.#rewrites++}`
    of.set(snapshot, new Set(this.#newest(of)))
    return snapshot
  }

  publications(table: TableName, snapshot: string | null): readonly number[] {
    if (snapshot === null) return []
    const held = this.#of(table).get(snapshot)
    if (held === undefined) throw new Error(`${table} has no ${snapshot}`)
    return [...held].sort((a, b) => a - b)
  }

  #newest(of: ReadonlyMap<string, ReadonlySet<number>>): ReadonlySet<number> {
    return [...of.values()].at(-1) ?? new Set()
  }

  #of(table: TableName): Map<string, ReadonlySet<number>> {
    const of = this.#tables.get(table) ?? new Map<string, ReadonlySet<number>>()
    this.#tables.set(table, of)
    return of
  }
}

export interface MaintenanceStep {
  readonly store: ClusterStore
  readonly lease: string
  readonly fence: number
  below(limit: number): number
}

/** Rewrites a table that nothing is being done to; somebody may publish between the lake and the store. */
export async function rewrite(
  { store, lease, fence, below }: MaintenanceStep,
  table: TableName,
  snapshots: Snapshots,
  between: () => Promise<void>,
): Promise<void> {
  if ((await store.openPublication(table)) !== undefined) return
  const { snapshot: replaces } = await store.tableView(table)
  if (replaces === null) return
  const snapshot = snapshots.rewritten(table)
  await between()
  const touched = Array.from({ length: below(3) }, (_, n) => ({ merchant: merchantId('m0'), day: rewrittenFrom + n }))
  try {
    await store.finishRewrite(table, lease, fence, { snapshot, replaces, touched })
  } catch (error) {
    const isRefusal = [CommitConflictError, PublicationOpenError, StaleLeaseError].some((kind) => error instanceof kind)
    if (!isRefusal) throw error
  }
}

/** Derives a day, or leaves it begun. */
export async function derive({ store, lease, fence, below }: MaintenanceStep, table: DerivedTable): Promise<void> {
  const unit = { merchant: merchantId('m0'), start: below(5) * 10, end: 0 }
  const work = { units: [{ ...unit, end: unit.start + 10 }], reads: 'published', idAbove: 0 } as const
  const { id } = (await store.openDerivation(table)) ?? (await store.beginDerivation(table, lease, fence, work))
  if (below(3) > 0) await store.finishDerivation(table, lease, fence, id, `derived-${id}`)
}
