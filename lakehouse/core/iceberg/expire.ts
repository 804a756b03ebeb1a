/**
 * Expiry: snapshots leave the metadata, and what only they named is told to the caller, who removes it after the commit. A
 * crash in between leaves files nobody names, which the removal of orphans finds.
 */
import { type CommitOptions, commitUpdates, type StagedUpdates } from './commit.ts'
import { type SnapshotJson, type SnapshotRef, snapshotId, type TableMetadata } from './metadata.ts'
import { type NamedFiles, noFiles, unreferencedFiles } from './reachable.ts'
import { refEnd } from './refs.ts'
import { otherRefs, snapshotIds, type TableUpdate } from './updates.ts'

export interface Expiry {
  /** Snapshots to keep: decimal ids, or which. The current one and all that references hold are kept anyway. */
  readonly keep: ReadonlySet<string> | ((snapshot: SnapshotJson) => boolean)
}

export interface Expired {
  /** Decimal ids, oldest first. */
  readonly snapshots: readonly string[]
  /** Tags whose time was over. */
  readonly tags: readonly string[]
  /** Object names of what no snapshot of the table names any more. */
  readonly files: NamedFiles
}

/**
 * Removes snapshots and tags whose time is over, in one metadata commit. The caller holds the table's lease until it has
 * removed `files`: a rewrite whose content equals that of an expired file would write the very name again.
 * @throws CorruptTableError where what a snapshot names cannot be read: then nothing is removed
 * @throws CommitConflictError
 */
export function expireSnapshots(options: CommitOptions, expiry: Expiry): Promise<Expired> {
  return commitUpdates(options, async (base) => {
    if (base === undefined) return { done: nothing }
    const staged = await planned(options, base.metadata, expiry)
    return staged.updates.length === 0 ? { done: nothing } : staged
  })
}

/** What `expireSnapshots` would do to the newest version now; nothing is written. @throws CorruptTableError */
export async function planExpiry(options: CommitOptions, expiry: Expiry): Promise<Expired> {
  const base = await options.reader.load()
  return base === undefined ? nothing : (await planned(options, base.metadata, expiry)).result
}

const nothing: Expired = { snapshots: [], tags: [], files: noFiles }

async function planned(
  { reader, clock }: CommitOptions,
  metadata: TableMetadata,
  { keep }: Expiry,
): Promise<StagedUpdates<Expired>> {
  const now = Math.max(clock.now(), metadata['last-updated-ms'])
  const ended = Object.entries(otherRefs(metadata)).filter(([, ref]) => isEnded(metadata, ref, now))
  const tags = ended.map(([name]) => name).sort()
  const held = heldByRefs(metadata, new Set(tags))
  const isKept = typeof keep === 'function' ? keep : (one: SnapshotJson) => keep.has(String(one['snapshot-id']))
  const all = metadata.snapshots ?? []
  const gone = all.filter((one) => !held.has(String(one['snapshot-id'])) && !isKept(one))
  const ids = gone.map((one) => String(one['snapshot-id']))
  const goneIds = new Set(ids)
  const kept = all.filter((one) => !goneIds.has(String(one['snapshot-id'])))
  const files = await unreferencedFiles(reader, metadata, { gone, kept })
  const updates: TableUpdate[] = [
    ...tags.map((name): TableUpdate => ({ action: 'remove-ref', name })),
    ...(ids.length === 0 ? [] : [{ action: 'remove-snapshots' as const, ids }]),
  ]
  return {
    // A snapshot that another writer appended may hold what was found unreferenced, a tag set meanwhile one that goes.
    requirements: [
      { type: 'uuid', uuid: metadata['table-uuid'] },
      { type: 'location', location: metadata.location },
      { type: 'main', snapshot: snapshotId(metadata['current-snapshot-id']) },
      { type: 'refs', refs: otherRefs(metadata) },
      { type: 'snapshots', ids: snapshotIds(metadata) },
    ],
    updates,
    result: { snapshots: ids, tags, files },
  }
}

// Spec, "Snapshot References", max-ref-age-ms; branches are their owners'.
function isEnded(metadata: TableMetadata, ref: SnapshotRef, now: number): boolean {
  const end = refEnd(metadata, ref)
  return ref.type === 'tag' && end !== null && end < now
}

/**
 * The current snapshot, what tags name, and of a branch its head with every ancestor: how long a branch remembers is for
 * its owner to say.
 */
function heldByRefs(metadata: TableMetadata, ended: ReadonlySet<string>): ReadonlySet<string> {
  const held = new Set<string>()
  const current = snapshotId(metadata['current-snapshot-id'])
  if (current !== null) held.add(current)
  const byId = new Map((metadata.snapshots ?? []).map((one) => [String(one['snapshot-id']), one]))
  const onMain = new Set(ancestors(byId, current))
  for (const [name, ref] of Object.entries(otherRefs(metadata))) {
    if (ended.has(name)) continue
    const head = String(ref['snapshot-id'])
    held.add(head)
    if (ref.type !== 'branch') continue
    for (const id of ancestors(byId, head)) {
      // From here on it is main's history, which the caller decides about.
      if (onMain.has(id)) break
      held.add(id)
    }
  }
  return held
}

function* ancestors(byId: ReadonlyMap<string, SnapshotJson>, head: string | null): Generator<string> {
  const seen = new Set<string>()
  for (let id = head; id !== null && !seen.has(id) && byId.has(id); ) {
    seen.add(id)
    yield id
    id = snapshotId(byId.get(id)?.['parent-snapshot-id'])
  }
}
