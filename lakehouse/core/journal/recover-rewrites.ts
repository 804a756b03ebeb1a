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

/**
 * The snapshot that rewrites lead to from `snapshot`. A rollback leads back to where another one began, so they are followed
 * in the order of their times; and where clocks of two processes stood apart, on to what was not come by before.
 */
export function endOfChain(snapshot: string | null, entries: readonly RewrittenEntry[]): string | null {
  const steps = entries.map(({ rewrite }) => rewrite).filter(({ replaces, snapshot }) => replaces !== snapshot)
  const seen = new Set([snapshot])
  let end = snapshot
  for (let at = -1; ; ) {
    // Of two that replaced the same one counted; both hold all of it.
    const last = steps.findLastIndex(({ replaces }, n) => n > at && replaces === end)
    if (last < 0) break
    at = last
    end = steps[last]?.snapshot ?? end
    seen.add(end)
  }
  const next = new Map(steps.map(({ replaces, snapshot: after }) => [replaces, after]))
  for (;;) {
    const after = next.get(end)
    if (after === undefined || seen.has(after)) return end
    seen.add(after)
    end = after
  }
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
