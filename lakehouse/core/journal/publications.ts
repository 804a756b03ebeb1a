/** The part of the journaled store that publishes: the files of a publication are in the journal before the lake is touched. */
import { ControlStoreBehindError } from '../../../core/errors.ts'
import type { ClusterStore } from '../../../core/ports/cluster-store.ts'
import type { Publication } from '../../../core/ports/control-store.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import type { TableName } from '../../../core/tables.ts'
import { readEntry } from './entries.ts'
import { assertStoreIsCurrent, type Heads } from './heads.ts'
import type { Journal } from './journal.ts'
import { publicationName, publicationOf, topicFolder } from './names.ts'

type Publications = Pick<ClusterStore, 'unpublished' | 'openPublication' | 'beginPublication' | 'finishPublication'>

export function journaledPublications(
  store: ClusterStore,
  parts: { readonly objects: ObjectStore; readonly journal: Journal; readonly heads: Heads },
): Publications {
  const { objects, journal, heads } = parts

  /** @throws ControlStoreBehindError where another publication of that id was begun before */
  async function enter(publication: Publication): Promise<void> {
    const { table, id } = publication
    if (await journal.begun(publication)) return
    const before = await readEntry(objects, publicationName(table, id, 'begun'), 'begun')
    const names = ({ files }: Publication) =>
      files
        .map(({ name }) => name)
        .sort()
        .join('\n')
    if (before !== undefined && names(before.publication) !== names(publication)) {
      throw new ControlStoreBehindError(`publication ${id} of ${table} was begun before, with other files`)
    }
  }

  /**
   * The port has no question for the newest publication; but a second `finishPublication` of one that was finished changes
   * nothing, and of one that was never begun it is refused. So the newest of the journal is offered, unless it is open.
   */
  async function assertPublicationsAreCurrent(table: TableName, lease: string, fence: number): Promise<void> {
    const newest = (await objects.list(topicFolder('publications', table))).at(-1)
    const id = newest === undefined ? undefined : publicationOf(newest)?.id
    if (id === undefined || (await store.openPublication(table))?.id === id) return
    try {
      await store.finishPublication(table, lease, fence, id, '')
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      throw new ControlStoreBehindError(`it does not know publication ${id} of ${table}`)
    }
  }

  return {
    async unpublished(table) {
      await assertStoreIsCurrent(store, objects)
      return store.unpublished(table)
    },
    async openPublication(table) {
      await assertStoreIsCurrent(store, objects)
      const open = await store.openPublication(table)
      // Its process may have ended between the store and the journal.
      if (open !== undefined) await enter(open)
      return open
    },
    async beginPublication(table, lease, fence, files) {
      await assertPublicationsAreCurrent(table, lease, fence)
      const publication = await store.beginPublication(table, lease, fence, files)
      await enter(publication)
      // The commits whose files it takes must not be forgotten any more: their rows are in the lake from now on.
      await heads.write(await assertStoreIsCurrent(store, objects))
      return publication
    },
    async finishPublication(table, lease, fence, id, snapshot) {
      await journal.finished(table, id, snapshot)
      await store.finishPublication(table, lease, fence, id, snapshot)
    },
  }
}
