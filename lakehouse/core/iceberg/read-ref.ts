/** Which snapshot a reader means: by id, tag, branch or time (Iceberg spec, "Snapshot References" and "Point in Time Reads"). */
import { RefNotFoundError, SnapshotNotFoundError } from '../../../core/errors.ts'
import { findSnapshot, history, type SnapshotJson, snapshotId, type TableMetadata } from './metadata.ts'

/** `asOf` is ms since 1970: what was current at that moment. Ids are decimal text, of up to 63 bits. */
export type WantedSnapshot =
  | { readonly snapshot: string }
  | { readonly tag: string }
  | { readonly branch: string }
  | { readonly asOf: number }

/** @throws SnapshotNotFoundError for an id, RefNotFoundError for a tag, a branch or a time that the table has not */
export function resolveSnapshot(table: string, metadata: TableMetadata, wanted: WantedSnapshot): SnapshotJson {
  if ('snapshot' in wanted) return byId(table, metadata, wanted.snapshot)
  if ('tag' in wanted) return byRef(table, metadata, 'tag', wanted.tag)
  if ('branch' in wanted) return byRef(table, metadata, 'branch', wanted.branch)
  const id = currentAt(metadata, wanted.asOf)
  if (id === undefined) throw new RefNotFoundError(table, `snapshot as old as ${instant(wanted.asOf)}`)
  return byId(table, metadata, id)
}

function byRef(table: string, metadata: TableMetadata, type: 'tag' | 'branch', name: string): SnapshotJson {
  const refs = metadata.refs ?? {}
  const ref = Object.hasOwn(refs, name) ? refs[name] : undefined
  if (ref?.type === type) return byId(table, metadata, String(ref['snapshot-id']))
  // Writers may leave out the branch that everybody has.
  const current = snapshotId(metadata['current-snapshot-id'])
  if (ref === undefined && type === 'branch' && name === 'main' && current !== null)
    return byId(table, metadata, current)
  throw new RefNotFoundError(table, `${type} ${JSON.stringify(name)}`)
}

/** By the log of what was current, which knows of rollbacks; by the history where a writer kept none. */
function currentAt(metadata: TableMetadata, asOf: number): string | undefined {
  const log = metadata['snapshot-log'] ?? []
  if (log.length === 0) {
    for (const snapshot of history(metadata))
      if (snapshot['timestamp-ms'] <= asOf) return String(snapshot['snapshot-id'])
    return undefined
  }
  return log.reduce<string | undefined>(
    (found, entry) => (entry['timestamp-ms'] <= asOf ? String(entry['snapshot-id']) : found),
    undefined,
  )
}

function byId(table: string, metadata: TableMetadata, id: string): SnapshotJson {
  const snapshot = findSnapshot(metadata, id)
  if (snapshot === undefined) throw new SnapshotNotFoundError(table, id)
  return snapshot
}

function instant(ms: number): string {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString()
}
