/**
 * A change of table metadata as data: what must hold (`TableRequirement`) and what is to be done (`TableUpdate`), after the
 * two lists of the same names in Iceberg's REST catalog specification. Files are staged first; the commit then only applies
 * updates, which is pure, and may do so on top of a newer version than the one they were made for, as long as the
 * requirements hold there.
 */
import { plainUri } from './layout.ts'
import type { JsonInteger, SnapshotJson, SnapshotLogEntry, SnapshotRef, TableMetadata } from './metadata.ts'
import { snapshotId } from './metadata.ts'
import type { IcebergSchema } from './schema.ts'

/** The branch that readers read and writers write. */
export const mainBranch = 'main'

export type TableUpdate =
  | { readonly action: 'add-schema'; readonly schema: IcebergSchema; readonly lastColumnId: number }
  | { readonly action: 'set-current-schema'; readonly schemaId: number }
  | { readonly action: 'add-snapshot'; readonly snapshot: SnapshotJson }
  /** Decimal ids; ids the table has not are no error. */
  | { readonly action: 'remove-snapshots'; readonly ids: readonly string[] }
  | { readonly action: 'set-ref'; readonly name: string; readonly ref: SnapshotRef }
  | { readonly action: 'remove-ref'; readonly name: string }
  /** Every URI that begins with `from` begins with `to` afterwards; manifest lists are replaced, by decimal snapshot id. */
  | {
      readonly action: 'relocate'
      readonly from: string
      readonly to: string
      readonly manifestLists: ReadonlyMap<string, string>
    }

export type TableRequirement =
  | { readonly type: 'uuid'; readonly uuid: string }
  /** `main` is at this snapshot; null: the table has none yet. */
  | { readonly type: 'main'; readonly snapshot: string | null }
  | { readonly type: 'last-sequence-number'; readonly sequence: bigint }
  | { readonly type: 'current-schema'; readonly schemaId: number }
  | { readonly type: 'last-column-id'; readonly columnId: number }
  /** The table has these snapshots and no others. */
  | { readonly type: 'snapshots'; readonly ids: readonly string[] }
  /** These references and no others, each as it is here; `main` apart. */
  | { readonly type: 'refs'; readonly refs: Readonly<Record<string, SnapshotRef>> }
  | { readonly type: 'location'; readonly location: string }

/** Those that do not hold; none: the updates may be applied. */
export function checkRequirements(
  metadata: TableMetadata,
  requirements: readonly TableRequirement[],
): readonly TableRequirement[] {
  return requirements.filter((requirement) => !holds(metadata, requirement))
}

function holds(metadata: TableMetadata, requirement: TableRequirement): boolean {
  switch (requirement.type) {
    case 'uuid':
      return metadata['table-uuid'] === requirement.uuid
    case 'main':
      return snapshotId(metadata['current-snapshot-id']) === requirement.snapshot
    case 'last-sequence-number':
      return BigInt(metadata['last-sequence-number']) === requirement.sequence
    case 'current-schema':
      return metadata['current-schema-id'] === requirement.schemaId
    case 'last-column-id':
      return metadata['last-column-id'] === requirement.columnId
    case 'snapshots':
      return snapshotIds(metadata).join() === requirement.ids.join()
    case 'refs':
      return refsText(otherRefs(metadata)) === refsText(requirement.refs)
    case 'location':
      return metadata.location === requirement.location
  }
}

/** Decimal ids in the order of the metadata. */
export function snapshotIds(metadata: TableMetadata): readonly string[] {
  return (metadata.snapshots ?? []).map((snapshot) => String(snapshot['snapshot-id']))
}

/** All references but `main`, which is where `current-snapshot-id` is. */
export function otherRefs(metadata: TableMetadata): Readonly<Record<string, SnapshotRef>> {
  return Object.fromEntries(Object.entries(metadata.refs ?? {}).filter(([name]) => name !== mainBranch))
}

function refsText(refs: Readonly<Record<string, SnapshotRef>>): string {
  const known = Object.entries(refs).map(([name, ref]) =>
    JSON.stringify([name, ref.type, String(ref['snapshot-id']), ref['max-ref-age-ms'] ?? null]),
  )
  return known.sort().join()
}

/**
 * The next version of the metadata, without its log of metadata files. `now` is ms since 1970; where the table is ahead of
 * it, its own time stands still, so that logs stay in order.
 * @throws RangeError where the updates contradict the metadata: they were made for another one
 */
export function applyUpdates(metadata: TableMetadata, updates: readonly TableUpdate[], now: number): TableMetadata {
  const at = Math.max(now, metadata['last-updated-ms'], ...updates.map(timeOf))
  return updates.reduce((base, update) => applyUpdate(base, update, at), { ...metadata, 'last-updated-ms': at })
}

function timeOf(update: TableUpdate): number {
  return update.action === 'add-snapshot' ? update.snapshot['timestamp-ms'] : 0
}

function applyUpdate(base: TableMetadata, update: TableUpdate, at: number): TableMetadata {
  switch (update.action) {
    case 'add-schema': {
      const id = update.schema['schema-id']
      if (base.schemas.some((schema) => schema['schema-id'] === id)) throw new RangeError(`schema ${id} exists`)
      // Never lower: ids of dropped columns must not be given out again (spec, "Schema Evolution").
      const lastColumnId = Math.max(base['last-column-id'], update.lastColumnId)
      return { ...base, schemas: [...base.schemas, update.schema], 'last-column-id': lastColumnId }
    }
    case 'set-current-schema': {
      const isThere = base.schemas.some((schema) => schema['schema-id'] === update.schemaId)
      if (!isThere) throw new RangeError(`there is no schema ${update.schemaId}`)
      return { ...base, 'current-schema-id': update.schemaId }
    }
    case 'add-snapshot':
      return addSnapshot(base, update.snapshot)
    case 'remove-snapshots':
      return removeSnapshots(base, new Set(update.ids))
    case 'set-ref':
      return setRef(base, update.name, update.ref, at)
    case 'remove-ref': {
      if (update.name === mainBranch) throw new RangeError('main is never removed')
      const { [update.name]: _gone, ...refs } = base.refs ?? {}
      return { ...base, refs }
    }
    case 'relocate':
      return relocated(base, update)
  }
}

function addSnapshot(base: TableMetadata, snapshot: SnapshotJson): TableMetadata {
  const id = String(snapshot['snapshot-id'])
  const sequence = snapshot['sequence-number'] ?? 0
  if (snapshotIds(base).includes(id)) throw new RangeError(`snapshot ${id} exists`)
  // Spec, "Sequence Numbers": each new snapshot has a larger one than all before.
  if (BigInt(sequence) <= BigInt(base['last-sequence-number'])) {
    throw new RangeError(`sequence number ${sequence} of snapshot ${id} is taken`)
  }
  return { ...base, 'last-sequence-number': sequence, snapshots: [...(base.snapshots ?? []), snapshot] }
}

function setRef(base: TableMetadata, name: string, ref: SnapshotRef, at: number): TableMetadata {
  const id = ref['snapshot-id']
  const snapshot = base.snapshots?.find((one) => String(one['snapshot-id']) === String(id))
  if (snapshot === undefined) throw new RangeError(`${name} cannot be at snapshot ${id}, which the table has not`)
  const refs = { ...base.refs, [name]: ref }
  if (name !== mainBranch) return { ...base, refs }
  const log = base['snapshot-log'] ?? []
  // Spec, "Table Metadata Fields", snapshot-log: every change of the current snapshot is an entry; a tag's is none.
  const isMoved = snapshotId(base['current-snapshot-id']) !== String(id)
  const entry = { 'timestamp-ms': at, 'snapshot-id': id }
  return { ...base, refs, 'current-snapshot-id': id, 'snapshot-log': isMoved ? [...log, entry] : log }
}

function removeSnapshots(base: TableMetadata, gone: ReadonlySet<string>): TableMetadata {
  const named = [base['current-snapshot-id'], ...Object.values(otherRefs(base)).map((ref) => ref['snapshot-id'])]
  const held = named.map((id) => snapshotId(id)).find((id) => id !== null && gone.has(id))
  if (held !== undefined) throw new RangeError(`snapshot ${held} is still referenced`)
  const isKept = (one: { readonly 'snapshot-id': JsonInteger }) => !gone.has(String(one['snapshot-id']))
  return {
    ...base,
    snapshots: (base.snapshots ?? []).filter(isKept),
    'snapshot-log': logSince(base['snapshot-log'] ?? [], isKept),
    ...(base.statistics && { statistics: base.statistics.filter(isKept) }),
    ...(base['partition-statistics'] && { 'partition-statistics': base['partition-statistics'].filter(isKept) }),
  }
}

// Spec, snapshot-log: "when snapshots are expired, all entries before a snapshot that has expired should be removed": with
// a gap in it the log would say that another snapshot was current then.
function logSince(
  log: readonly SnapshotLogEntry[],
  isKept: (entry: SnapshotLogEntry) => boolean,
): readonly SnapshotLogEntry[] {
  return log.slice(log.findLastIndex((entry) => !isKept(entry)) + 1)
}

function relocated(base: TableMetadata, update: Extract<TableUpdate, { readonly action: 'relocate' }>): TableMetadata {
  const moved = (uri: string) => movedUri(uri, update.from, update.to)
  const movedFiles = (files: TableMetadata['statistics']) =>
    files?.map((file) => ({ ...file, 'statistics-path': moved(file['statistics-path']) }))
  const listOf = (snapshot: SnapshotJson): string => {
    const uri = update.manifestLists.get(String(snapshot['snapshot-id']))
    if (uri === undefined) throw new RangeError(`no manifest list was made for snapshot ${snapshot['snapshot-id']}`)
    return uri
  }
  const { statistics, 'partition-statistics': partitionStatistics, properties } = base
  return {
    ...base,
    location: moved(base.location),
    snapshots: (base.snapshots ?? []).map((snapshot) => ({ ...snapshot, 'manifest-list': listOf(snapshot) })),
    'metadata-log': (base['metadata-log'] ?? []).map((entry) => ({
      ...entry,
      'metadata-file': moved(entry['metadata-file']),
    })),
    ...(statistics && { statistics: movedFiles(statistics) ?? [] }),
    ...(partitionStatistics && { 'partition-statistics': movedFiles(partitionStatistics) ?? [] }),
    // `write.data.path` and its like.
    ...(properties && {
      properties: Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, moved(value)])),
    }),
  }
}

/** `uri` with `to` in place of a leading `from`; as it is where it lies elsewhere. `to` has no slash at its end. */
export function movedUri(uri: string, from: string, to: string): string {
  const [whole, base] = [plainUri(uri), plainUri(from)]
  return whole === base || whole.startsWith(`${base}/`) ? to + whole.slice(base.length) : uri
}
