/**
 * The part of the journaled store that maintenance uses. Rewrites are in the journal before the store, for readers shall
 * read them after a recovery too, and what they raised was numbered; so are pins, which nothing else tells of. Derivations are not: recovery forgets them, and all is
 * derived again.
 */
import { CommitConflictError, PublicationOpenError, StaleLeaseError } from '../../../core/errors.ts'
import type { ClusterStore } from '../../../core/ports/cluster-store.ts'
import type { MaintenanceStore } from '../../../core/ports/maintenance-store.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import { assertStoreIsCurrent } from './heads.ts'
import type { Journal } from './journal.ts'

export function journaledMaintenance(
  store: ClusterStore,
  { objects, journal }: { readonly objects: ObjectStore; readonly journal: Journal },
): MaintenanceStore & Pick<ClusterStore, 'forgetDerivations'> {
  return {
    changedDays: (page) => store.changedDays(page),
    derivationMark: (table) => store.derivationMark(table),
    setDerivationMark: (table, lease, fence, mark) => store.setDerivationMark(table, lease, fence, mark),
    async openDerivation(table) {
      await assertStoreIsCurrent(store, objects)
      return store.openDerivation(table)
    },
    async beginDerivation(table, lease, fence, work) {
      await assertStoreIsCurrent(store, objects)
      return store.beginDerivation(table, lease, fence, work)
    },
    finishDerivation: (table, lease, fence, id, snapshot) => store.finishDerivation(table, lease, fence, id, snapshot),
    derivedRanges: (question) => store.derivedRanges(question),
    forgetDerivations: () => store.forgetDerivations(),

    async pinSnapshot(pin) {
      const name = await journal.directory({ call: 'pinSnapshot', args: [pin] })
      const outcome = await store.pinSnapshot(pin)
      if (outcome !== 'pinned') await objects.remove(name).catch(() => undefined)
      return outcome
    },
    async unpinSnapshot(table, name) {
      const entry = await journal.directory({ call: 'unpinSnapshot', args: [table, name] })
      const isGone = await store.unpinSnapshot(table, name)
      if (!isGone) await objects.remove(entry).catch(() => undefined)
      return isGone
    },
    pins: (table) => store.pins(table),
    async condemnSnapshots(table, lease, fence, expiry) {
      // A store that was set back may lack pins, and does not know what is open.
      await assertStoreIsCurrent(store, objects)
      return store.condemnSnapshots(table, lease, fence, expiry)
    },

    async finishRewrite(table, lease, fence, rewrite) {
      await assertStoreIsCurrent(store, objects)
      const name = await journal.rewritten(table, rewrite)
      try {
        await store.finishRewrite(table, lease, fence, rewrite)
      } catch (error) {
        // Refused for certain. One that stays does no harm: what it replaces is not what readers read by then.
        const refused = [StaleLeaseError, PublicationOpenError, CommitConflictError].some(
          (kind) => error instanceof kind,
        )
        if (refused) await objects.remove(name).catch(() => undefined)
        throw error
      }
    },
  }
}
