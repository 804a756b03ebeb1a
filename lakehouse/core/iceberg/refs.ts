/**
 * Names of snapshots (Iceberg spec, "Snapshot References"). Tags are ours to set and remove; `main` moves by commits and
 * by `rollback`; other branches belong to whoever made them and are only read.
 */
import { CommitConflictError, SnapshotNotFoundError, TableChangeRefusedError } from '../../../core/errors.ts'
import { type CommitOptions, commitUpdates } from './commit.ts'
import {
  findSnapshot,
  history,
  type SnapshotJson,
  type SnapshotRef,
  snapshotId,
  type TableMetadata,
} from './metadata.ts'
import { mainBranch, otherRefs, snapshotIds, type TableRequirement, type TableUpdate } from './updates.ts'

/** Longest name of a tag, characters: that of a pin (128) with its prefix. */
export const tagNameMaxLength = 140

export interface Tag {
  /** Letters, digits, `.`, `_` and `-`, the first a letter or digit. */
  readonly name: string
  /** Decimal id. */
  readonly snapshot: string
  /**
   * Expiry removes the tag after this time, ms since 1970; null: never. Kept as `max-ref-age-ms`, which counts from the time
   * of the snapshot, so the tag is a promise to other engines' expiry too.
   */
  readonly until: number | null
}

/** Tags by name. A tag whose time is over is still one until expiry has removed it. */
export function tagsOf(metadata: TableMetadata): readonly Tag[] {
  return Object.entries(metadata.refs ?? {})
    .filter(([, ref]) => ref.type === 'tag')
    .map(([name, ref]) => ({ name, snapshot: String(ref['snapshot-id']), until: refEnd(metadata, ref) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** When expiry may remove the reference, ms since 1970; null: never. */
export function refEnd(metadata: TableMetadata, ref: SnapshotRef): number | null {
  const age = ref['max-ref-age-ms']
  const at = findSnapshot(metadata, String(ref['snapshot-id']))?.['timestamp-ms']
  return age === undefined || age === null || at === undefined ? null : at + Number(age)
}

/**
 * Sets the tag, or moves it. Nothing is written where it is as wanted already.
 * @throws SnapshotNotFoundError
 * @throws TableChangeRefusedError where the name is no tag's or belongs to a branch, or `until` is not after the snapshot
 * @throws CommitConflictError
 */
export async function setTag(options: CommitOptions, { name, snapshot: id, until }: Tag): Promise<void> {
  checkName(options, name)
  await commitUpdates(options, async (base) => {
    if (base === undefined) throw new SnapshotNotFoundError(options.definition.name, id)
    const { metadata } = base
    const snapshot = mustFind(options, metadata, id)
    const ageMs = until === null ? null : until - snapshot['timestamp-ms']
    if (ageMs !== null && (!Number.isSafeInteger(ageMs) || ageMs <= 0)) {
      throw refused(options, `tag ${name}`, `its time must end after the snapshot's own, ${snapshot['timestamp-ms']}`)
    }
    const known = metadata.refs?.[name]
    if (known?.type === 'branch') throw refused(options, `tag ${name}`, 'a branch has that name')
    if (known !== undefined && String(known['snapshot-id']) === id && refEnd(metadata, known) === until) {
      return { done: undefined }
    }
    return {
      requirements: sameRefs(metadata),
      updates: [{ action: 'set-ref', name, ref: tagRef(snapshot, until) }],
      result: undefined,
    }
  })
}

/**
 * Removes the tag; nothing happens where there is none of that name.
 * @throws TableChangeRefusedError where the name is a branch's
 * @throws CommitConflictError
 */
export async function removeTag(options: CommitOptions, name: string): Promise<void> {
  await commitUpdates(options, async (base) => {
    const known = base?.metadata.refs?.[name]
    if (base === undefined || known === undefined) return { done: undefined }
    if (known.type !== 'tag') throw refused(options, `tag ${name}`, 'a branch has that name')
    return {
      requirements: sameRefs(base.metadata),
      updates: [{ action: 'remove-ref', name }],
      result: undefined,
    }
  })
}

/**
 * Makes the tags whose names begin with `prefix` exactly these, in one commit; nothing is written where they are. Passed over
 * is what cannot be: a tag of a snapshot that the table has not, or one that ends before its snapshot.
 * @throws TableChangeRefusedError where a name is no tag's or belongs to a branch
 * @throws CommitConflictError
 */
export async function setTags(options: CommitOptions, prefix: string, wanted: readonly Tag[]): Promise<void> {
  for (const { name } of wanted) checkName(options, name)
  await commitUpdates(options, async (base) => {
    if (base === undefined) return { done: undefined }
    const { metadata } = base
    const updates: TableUpdate[] = []
    const kept = new Set<string>()
    for (const { name, snapshot: id, until } of wanted) {
      const snapshot = findSnapshot(metadata, id)
      if (snapshot === undefined || (until !== null && until <= snapshot['timestamp-ms'])) continue
      kept.add(name)
      const known = metadata.refs?.[name]
      if (known?.type === 'branch') throw refused(options, `tag ${name}`, 'a branch has that name')
      if (known !== undefined && String(known['snapshot-id']) === id && refEnd(metadata, known) === until) continue
      updates.push({ action: 'set-ref', name, ref: tagRef(snapshot, until) })
    }
    for (const { name } of tagsOf(metadata)) {
      if (name.startsWith(prefix) && !kept.has(name)) updates.push({ action: 'remove-ref', name })
    }
    if (updates.length === 0) return { done: undefined }
    return { requirements: sameRefs(metadata), updates, result: undefined }
  })
}

function tagRef(snapshot: SnapshotJson, until: number | null): SnapshotRef {
  const ageMs = until === null ? null : until - snapshot['timestamp-ms']
  return {
    'snapshot-id': snapshot['snapshot-id'],
    type: 'tag',
    ...(ageMs === null ? {} : { 'max-ref-age-ms': ageMs }),
  }
}

/**
 * Makes an earlier state of `main` current again: no new snapshot, an entry in the snapshot log. What was committed since
 * stays readable by id until it expires, and publications among it are no longer in the history: whoever rolls back a table
 * that is published to must say so to the control store. Nothing is written where the snapshot is current.
 * @throws SnapshotNotFoundError
 * @throws TableChangeRefusedError where the snapshot was never current as far as the table knows
 * @throws CommitConflictError also where the table is at another snapshot than `from`
 */
export async function rollback(options: CommitOptions, id: string, from?: string): Promise<void> {
  await commitUpdates(options, async (base) => {
    if (base === undefined) throw new SnapshotNotFoundError(options.definition.name, id)
    const { metadata } = base
    const snapshot = mustFind(options, metadata, id)
    const current = snapshotId(metadata['current-snapshot-id'])
    if (current === id) return { done: undefined }
    if (from !== undefined && current !== from) {
      throw new CommitConflictError(options.definition.name, from, current ?? 'no snapshot')
    }
    if (!isAncestor(metadata, id)) {
      throw refused(options, `rollback to ${id}`, 'it is no ancestor of the current snapshot')
    }
    const ref: SnapshotRef = { ...metadata.refs?.[mainBranch], 'snapshot-id': snapshot['snapshot-id'], type: 'branch' }
    return {
      requirements: [...sameRefs(metadata), { type: 'main', snapshot: current }],
      updates: [{ action: 'set-ref', name: mainBranch, ref }],
      result: undefined,
    }
  })
}

/**
 * Whether the current snapshot descends from it. Expiry cuts the chain of parents; what is older than the cut is held for an
 * ancestor only where the snapshot log says that it was current.
 */
function isAncestor(metadata: TableMetadata, id: string): boolean {
  for (const ancestor of history(metadata)) if (String(ancestor['snapshot-id']) === id) return true
  return (metadata['snapshot-log'] ?? []).some((entry) => String(entry['snapshot-id']) === id)
}

function mustFind({ definition }: CommitOptions, metadata: TableMetadata, id: string): SnapshotJson {
  const snapshot = findSnapshot(metadata, id)
  if (snapshot === undefined) throw new SnapshotNotFoundError(definition.name, id)
  return snapshot
}

// A snapshot that is there may expire, a name may be taken: both change what was decided.
function sameRefs(metadata: TableMetadata): readonly TableRequirement[] {
  return [
    { type: 'uuid', uuid: metadata['table-uuid'] },
    { type: 'refs', refs: otherRefs(metadata) },
    { type: 'snapshots', ids: snapshotIds(metadata) },
  ]
}

function checkName(options: CommitOptions, name: string): void {
  if (name === mainBranch) throw refused(options, `tag ${name}`, 'main is the branch that readers read')
  if (name.length > tagNameMaxLength || !/^[A-Za-z0-9][\w.-]*$/.test(name)) {
    const limit = `at most ${tagNameMaxLength} letters, digits, ".", "_" and "-", the first a letter or digit`
    throw refused(options, `tag ${JSON.stringify(name.slice(0, tagNameMaxLength))}`, `a name is ${limit}`)
  }
}

function refused(options: CommitOptions, change: string, why: string): TableChangeRefusedError {
  return new TableChangeRefusedError(options.definition.name, change, why)
}
