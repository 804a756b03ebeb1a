/**
 * Stages a snapshot that adds data files to a table, takes others out, or both: manifests and a manifest list are written,
 * and what is left to do is data: updates, and what must hold where they are applied.
 */
import { CorruptTableError } from '../../../core/errors.ts'
import type { Random } from '../../../core/ports/clock.ts'
import type { CommitOptions, StagedUpdates } from './commit.ts'
import { encodeManifestList, type ManifestContext } from './encode-manifest.ts'
import type { DataFile, ManifestEntry, ManifestFile } from './manifest.ts'
import {
  currentSchema,
  currentSnapshot,
  type SnapshotJson,
  snapshotId,
  specFor,
  type TableMetadata,
} from './metadata.ts'
import { hex, nextManifests } from './next-manifests.ts'
import { definitionUpdates } from './schema-updates.ts'
import { type SnapshotChange, summaryOf } from './summary.ts'
import { applyUpdates, mainBranch, type TableRequirement } from './updates.ts'

/** A data file under its object name; `uri` is made of it. */
export type AppendFile = Omit<DataFile, 'uri' | 'content'> & { readonly name: string }

/** Files to add and files that leave, and what the summary says of it. */
export interface TableChange {
  readonly operation: SnapshotChange['operation']
  /** Entries of the summary that are ours: `hitlake.…`. */
  readonly named: Readonly<Record<string, string>>
  readonly added: readonly AppendFile[]
  /** Live files of the snapshot it is made on, as its manifests name them. */
  readonly removed: readonly DataFile[]
  /** Live delete files that leave with them, for they speak of no other file. */
  readonly removedDeletes?: readonly DataFile[]
}

/** The id of the snapshot is the result. */
export async function stageChange(
  options: CommitOptions,
  base: TableMetadata,
  change: TableChange,
): Promise<StagedUpdates<string>> {
  const { definition, layout, reader, random, clock } = options
  const now = Math.max(clock.now(), base['last-updated-ms'])
  const schema = definitionUpdates(base, definition)
  const metadata = applyUpdates(base, schema, now)
  const id = drawSnapshotId(random)
  const sequence = nextSequence(metadata)
  const parent = currentSnapshot(metadata)
  const spec = specFor(metadata, definition)
  if (spec === undefined) {
    throw new CorruptTableError(definition.name, `${layout.metadataFolder}…`, 'it has no partition spec of ours')
  }
  const context: ManifestContext = {
    schema: currentSchema(metadata),
    spec,
    sortOrderId: metadata['default-sort-order-id'],
    sync: random.bytes(16),
  }
  const added: ManifestEntry[] = change.added.map(({ name, ...file }) => ({
    status: 'added',
    snapshot: id,
    sequence: null,
    fileSequence: null,
    file: { ...file, uri: layout.uriOf(name, metadata.location), content: 0 },
  }))
  const before = parent === undefined ? [] : await reader.manifestList(metadata, parent)
  const removed = new Set([...change.removed, ...(change.removedDeletes ?? [])].map(({ uri }) => uri))
  const manifests = await nextManifests(options, { metadata, before, added, removed, context, id, sequence })
  const snapshot = await stageSnapshot(options, metadata, { id, manifests, summary: summaryOf(change, parent), now })
  return { ...snapshot, updates: [...schema, ...snapshot.updates] }
}

export interface NewSnapshot {
  readonly id: bigint
  /** Of the whole snapshot. */
  readonly manifests: readonly ManifestFile[]
  readonly summary: Readonly<Record<string, string>>
  readonly now: number
}

/** Writes the manifest list of a snapshot that becomes current on top of `metadata`. */
export async function stageSnapshot(
  { objects, layout, reader, random }: CommitOptions,
  metadata: TableMetadata,
  { id, manifests, summary, now }: NewSnapshot,
): Promise<StagedUpdates<string>> {
  const parent = currentSnapshot(metadata)
  const sequence = nextSequence(metadata)
  const listName = layout.manifestListFile(id, hex(random, 8))
  const parentId = parent === undefined ? null : BigInt(parent['snapshot-id'])
  const list = encodeManifestList(manifests, { id, parent: parentId, sequence }, random.bytes(16))
  await objects.put(listName, list)
  reader.keepManifestList(listName, manifests, list.length)
  const snapshot: SnapshotJson = {
    'snapshot-id': Number(id),
    ...(parent === undefined ? {} : { 'parent-snapshot-id': parent['snapshot-id'] }),
    'sequence-number': Number(sequence),
    'timestamp-ms': now,
    summary,
    'manifest-list': layout.uriOf(listName, metadata.location),
    'schema-id': metadata['current-schema-id'],
  }
  return {
    requirements: unmoved(metadata),
    updates: [
      { action: 'add-snapshot', snapshot },
      { action: 'set-ref', name: mainBranch, ref: { 'snapshot-id': Number(id), type: 'branch' } },
    ],
    result: String(id),
  }
}

// What manifests and a snapshot are made of: where another writer changed none of it (a tag was set, old snapshots expired),
// the staged files are right as they are.
function unmoved(metadata: TableMetadata): readonly TableRequirement[] {
  return [
    { type: 'uuid', uuid: metadata['table-uuid'] },
    { type: 'location', location: metadata.location },
    { type: 'main', snapshot: snapshotId(metadata['current-snapshot-id']) },
    { type: 'last-sequence-number', sequence: BigInt(metadata['last-sequence-number']) },
  ]
}

export function nextSequence(metadata: TableMetadata): bigint {
  return BigInt(metadata['last-sequence-number']) + 1n
}

// Below 2^53, so that it is exact in every JSON reader; above 0.
export function drawSnapshotId(random: Random): bigint {
  const drawn = Buffer.from(random.bytes(8)).readBigUInt64LE() & 0x1f_ffff_ffff_ffffn
  return drawn === 0n ? 1n : drawn
}
