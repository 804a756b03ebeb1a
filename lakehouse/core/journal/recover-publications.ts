/**
 * The part of recovery that begins and finishes publications again, in the order of their ids. One that the journal calls
 * finished is in the lake for certain and is recorded as such; it must not be repeated, because maintenance may have folded
 * its rows since. One that was only begun is left open: its publisher repeats it, and the lake takes an id once.
 */
import { JournalGapError } from '../../../core/errors.ts'
import type { ClusterStore } from '../../../core/ports/cluster-store.ts'
import type { Publication } from '../../../core/ports/control-store.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import type { TableName } from '../../../core/tables.ts'
import { readEntry } from './entries.ts'
import { inParallel, journalConcurrency } from './in-parallel.ts'
import { kindFolder, publicationIds, publicationName } from './names.ts'

/** Publications of one table that the journal has, rising by id. */
export interface JournaledTable {
  readonly table: TableName
  readonly begun: readonly Publication[]
}

export interface Lease {
  readonly name: string
  readonly fence: number
}

/** Those begun at `since` or later, and some more. */
export async function journaledPublications(objects: ObjectStore, since: number): Promise<readonly JournaledTable[]> {
  const found: JournaledTable[] = []
  for (const [table, ids] of publicationIds(await objects.list(kindFolder('publications')))) {
    const begun: Publication[] = []
    for (let end = ids.length; end > 0; end -= journalConcurrency) {
      const some = await inParallel(ids.slice(Math.max(0, end - journalConcurrency), end), (id) =>
        readEntry(objects, publicationName(table, id, 'begun'), 'begun'),
      )
      const entries = some.filter((entry) => entry !== undefined)
      begun.unshift(...entries.map(({ publication }) => publication))
      if (entries.some(({ stamp }) => stamp.at < since)) break
    }
    found.push({ table: table as TableName, begun })
  }
  return found
}

/** What the store lacks of a table's publications: those to begin, after `open`, which is begun already. */
export interface PublicationPlan {
  readonly table: TableName
  readonly open: Publication | undefined
  readonly begin: readonly Publication[]
}

/**
 * @param planned files that are committed again before
 * @throws JournalGapError where files of a publication are neither published nor committed
 */
export async function planPublications(
  store: Pick<ClusterStore, 'openPublication' | 'unpublished'>,
  { table, begun }: JournaledTable,
  planned: ReadonlySet<string>,
): Promise<PublicationPlan> {
  const open = await store.openPublication(table)
  const waiting = new Set((await store.unpublished(table)).map(({ name }) => name))
  const begin: Publication[] = []
  for (const publication of [...begun].reverse()) {
    if (publication.id === open?.id) {
      if (namesOf(publication) !== namesOf(open)) {
        throw new JournalGapError(`publication ${open.id} of ${table} is open with other files than it was begun with`)
      }
      continue
    }
    const missing = publication.files.filter(({ name }) => !waiting.has(name) && !planned.has(name))
    if (missing.length === publication.files.length) break // published before the copy, as are those before it
    const [lost] = missing
    if (lost !== undefined) throw new JournalGapError(`publication ${publication.id} of ${table} names ${lost.name}`)
    begin.unshift(publication)
  }
  return { table, open, begin }
}

/** Carries a plan out, `rewrite` between the last publication that was finished and one that is only begun. */
export async function publishAgain(
  store: Pick<ClusterStore, 'beginPublication' | 'finishPublication' | 'tableView'>,
  objects: ObjectStore,
  lease: Lease,
  { table, open, begin }: PublicationPlan,
  rewrite: () => Promise<void>,
): Promise<void> {
  const all = open === undefined ? begin : [open, ...begin]
  for (const [index, publication] of all.entries()) {
    const finished = await readEntry(objects, publicationName(table, publication.id, 'finished'), 'finished')
    const isLeftOpen = finished === undefined && index === all.length - 1
    // While one is open nothing is rewritten: that which the copy has open was so ever since.
    if (isLeftOpen && publication !== open) await rewrite()
    if (publication !== open) {
      const names = publication.files.map(({ name }) => name)
      const { id } = await store.beginPublication(table, lease.name, lease.fence, names)
      if (id !== publication.id) {
        throw new JournalGapError(`publication ${publication.id} of ${table} follows ${id - 1}, others are missing`)
      }
    }
    if (isLeftOpen) return
    // That another was begun after it says that it was finished; its snapshot is soon replaced by the next one's.
    const snapshot = finished?.snapshot ?? (await store.tableView(table)).snapshot ?? ''
    await store.finishPublication(table, lease.name, lease.fence, publication.id, snapshot)
  }
  await rewrite()
}

function namesOf({ files }: Publication): string {
  return files
    .map(({ name }) => name)
    .sort()
    .join('\n')
}
