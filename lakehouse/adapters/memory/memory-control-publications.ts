/** Leases and publications of the memory control store. */
import { StaleLeaseError } from '../../../core/errors.ts'
import type { ControlStore } from '../../../core/ports/control-store.ts'
import type { StagedFile } from '../../../core/ports/lake.ts'
import { checkReplaces, chooseFiles } from '../../core/control/rules.ts'
import { requireNoneOpen } from './memory-control-derivations.ts'
import { advancePublished } from './memory-control-progress.ts'
import { type ControlState, type TableState, tableOf } from './memory-control-state.ts'
import { raise, type Visible } from './memory-control-versions.ts'

type Publications = Pick<
  ControlStore,
  | 'acquireLease'
  | 'releaseLease'
  | 'unpublished'
  | 'openPublication'
  | 'beginPublication'
  | 'finishPublication'
  | 'tableView'
  | 'finishRewrite'
>

export function memoryPublications(current: () => ControlState, visible: Visible, maxVersions: number): Publications {
  return {
    async acquireLease(name, owner, ttlMs, now) {
      const { leases } = current()
      const lease = leases.get(name)
      if (lease !== undefined && lease.owner !== null && lease.owner !== owner && lease.expires > now) return undefined
      const fence = lease === undefined ? 1 : lease.owner === owner ? lease.fence : lease.fence + 1
      leases.set(name, { fence, owner, expires: now + ttlMs })
      return { fence }
    },
    async releaseLease(name, fence) {
      const lease = current().leases.get(name)
      if (lease?.fence === fence) lease.owner = null
    },

    async unpublished(name) {
      return unpublished(tableOf(current(), name))
    },
    async openPublication(name) {
      return tableOf(current(), name).open ?? undefined
    },
    async beginPublication(name, lease, fence, files) {
      requireLease(current(), lease, fence)
      const of = tableOf(current(), name)
      requireNoneOpen(current(), name)
      of.open = { table: name, id: of.lastPublication + 1, files: chooseFiles(unpublished(of), files) }
      return of.open
    },
    async finishPublication(name, lease, fence, id, snapshot) {
      requireLease(current(), lease, fence)
      const of = tableOf(current(), name)
      if (id <= of.lastPublication) return // a repeat: the first call has done it
      if (of.open?.id !== id) throw new RangeError(`publication ${id} of ${name} was never begun`)
      const published = new Set(of.open.files.map((file) => file.name))
      of.pending = of.pending.filter((file) => !published.has(file.name))
      of.lastPublication = id
      of.snapshot = snapshot
      of.open = null
      settle(current(), published)
    },
    async finishRewrite(name, lease, fence, { snapshot, replaces, touched }) {
      requireLease(current(), lease, fence)
      requireNoneOpen(current(), name)
      const of = tableOf(current(), name)
      checkReplaces(name, of.snapshot, replaces)
      of.snapshot = snapshot
      if (touched.length > 0) raise(current(), touched, ++current().commit, maxVersions)
    },
    async tableView(name) {
      const { snapshot, pending } = tableOf(current(), name)
      return { table: name, snapshot, pending: [...pending] }
    },
  }

  /** What follows for the epochs whose files were published. */
  function settle(state: ControlState, published: ReadonlySet<string>): void {
    const epochs = [...state.epochs.values()].filter(({ files }) => [...files].some((name) => published.has(name)))
    if (visible === 'published') {
      const touched = epochs.flatMap((epoch) => epoch.touched)
      raise(state, touched, ++state.commit, maxVersions)
    }
    for (const { files } of epochs) for (const name of published) files.delete(name)
    for (const job of new Set(epochs.map((epoch) => epoch.job))) advancePublished(state, job)
  }
}

/** @throws StaleLeaseError */
export function requireLease(state: ControlState, name: string, fence: number): void {
  const lease = state.leases.get(name)
  if (lease === undefined || lease.owner === null || lease.fence !== fence) throw new StaleLeaseError(name, fence)
}

function unpublished(of: TableState): readonly StagedFile[] {
  const taken = new Set(of.open?.files.map((file) => file.name))
  return of.pending.filter((file) => !taken.has(file.name))
}
