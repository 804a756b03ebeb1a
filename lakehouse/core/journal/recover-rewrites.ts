/**
 * The part of recovery that makes readers read again what maintenance rewrote. A rewrite says which snapshot it replaced,
 * and the store took it only where readers read that one: so those that counted hang together as a chain from the last
 * publication's snapshot, or from the copy's, and one that the store refused hangs nowhere. Each one's versions are raised
 * again whether it counted or not: once too often does no harm.
 */
import type { ClusterStore } from '../../../core/ports/cluster-store.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import type { TableName } from '../../../core/tables.ts'
import { type RewrittenEntry, readEntry } from './entries.ts'
import { inParallel } from './in-parallel.ts'
import { kindFolder, timeOf } from './names.ts'
import type { Lease } from './recover-publications.ts'

/** By table, its rewrites written at `since` or later, oldest first. */
export async function journaledRewrites(
  objects: ObjectStore,
  since: number,
): Promise<ReadonlyMap<TableName, readonly RewrittenEntry[]>> {
  const names = (await objects.list(kindFolder('rewrites'))).filter((name) => timeOf(name) >= since)
  const found = new Map<TableName, RewrittenEntry[]>()
  for (const entry of await inParallel(names, (name) => readEntry(objects, name, 'rewritten'))) {
    if (entry === undefined) continue // it expired meanwhile
    const known = found.get(entry.table)
    if (known === undefined) found.set(entry.table, [entry])
    else known.push(entry)
  }
  return found
}

/** The snapshot that rewrites lead to from `snapshot`. */
export function endOfChain(snapshot: string | null, entries: readonly RewrittenEntry[]): string | null {
  // Of two that replaced the same one counted; both hold all of it.
  const next = new Map(
    entries.flatMap(({ rewrite }) =>
      rewrite.replaces === rewrite.snapshot ? [] : [[rewrite.replaces, rewrite.snapshot]],
    ),
  )
  let end = snapshot
  for (let left = next.size; left > 0; left--) {
    const after = next.get(end)
    if (after === undefined) break
    end = after
  }
  return end
}

/** Of a table without an open publication or derivation, whose last publication is finished. */
export async function rewriteAgain(
  store: Pick<ClusterStore, 'tableView' | 'finishRewrite'>,
  lease: Lease,
  table: TableName,
  entries: readonly RewrittenEntry[],
): Promise<void> {
  const { snapshot: replaced } = await store.tableView(table)
  const end = endOfChain(replaced, entries)
  if (end === null) return // nothing of the table was published yet, so nothing was rewritten that counted
  let replaces = replaced
  for (const { rewrite } of entries) {
    if (rewrite.touched.length === 0) continue
    await store.finishRewrite(table, lease.name, lease.fence, { snapshot: end, replaces, touched: rewrite.touched })
    replaces = end
  }
  if (replaces === end) return
  await store.finishRewrite(table, lease.name, lease.fence, { snapshot: end, replaces, touched: [] })
}
