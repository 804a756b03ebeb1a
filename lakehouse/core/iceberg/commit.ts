/**
 * Commits ONE snapshot that adds data files to a table, takes others out, or both. The commit is the exclusive creation of
 * the next metadata file: of two writers on one version one succeeds, the other reads the table again and tries on top of
 * it. Anything written before that moment is a file nobody names.
 */
import { CommitConflictError, CorruptTableError } from '../../../core/errors.ts'
import type { Clock, Random } from '../../../core/ports/clock.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import type { TableDefinition } from '../../../core/tables.ts'
import { encodeManifestList, type ManifestContext } from './encode-manifest.ts'
import type { TableLayout } from './layout.ts'
import type { DataFile, ManifestEntry } from './manifest.ts'
import {
  currentSchema,
  currentSnapshot,
  metadataLogMaxEntries,
  newMetadata,
  printMetadata,
  type SnapshotJson,
  snapshotId,
  specFor,
  withSchema,
  withSnapshot,
} from './metadata.ts'
import { hex, nextManifests } from './next-manifests.ts'
import { type SnapshotChange, summaryOf } from './summary.ts'
import type { LoadedTable, TableReader } from './table-reader.ts'

/** Tries before a writer gives up; each means that another writer got through. */
export const commitMaxAttempts = 8

export interface CommitOptions {
  readonly objects: ObjectStore
  readonly definition: TableDefinition
  readonly layout: TableLayout
  readonly reader: TableReader
  readonly random: Random
  readonly clock: Clock
  readonly smallManifestsMax?: number
  readonly smallManifestMaxBytes?: number
}

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
}

/**
 * `decide` is asked anew on top of each version met: for a change to commit, or for the snapshot that makes it needless.
 * @throws CommitConflictError after `commitMaxAttempts`; then nothing of it is visible
 */
export async function commitChange(
  options: CommitOptions,
  decide: (base: LoadedTable | undefined) => Promise<TableChange | { readonly done: string }>,
): Promise<string> {
  let base: LoadedTable | undefined
  for (let attempt = 0; attempt < commitMaxAttempts; attempt++) {
    base = await options.reader.load()
    const change = await decide(base)
    if ('done' in change) return change.done
    const snapshot = await tryCommit(options, base, change)
    if (snapshot !== undefined) return snapshot
  }
  const rival = await options.reader.load()
  throw new CommitConflictError(options.definition.name, idText(base), idText(rival))
}

export function idText(table: LoadedTable | undefined): string {
  return (table && snapshotId(table.metadata['current-snapshot-id'])) ?? 'no snapshot'
}

async function tryCommit(
  options: CommitOptions,
  base: LoadedTable | undefined,
  change: TableChange,
): Promise<string | undefined> {
  const { objects, definition, layout, reader, random, clock } = options
  const now = Math.max(clock.now(), base?.metadata['last-updated-ms'] ?? 0)
  const metadata = withSchema(
    base?.metadata ?? newMetadata({ definition, uuid: uuid(random), location: layout.location, now }),
    definition,
  )
  const id = drawSnapshotId(random)
  const sequence = BigInt(metadata['last-sequence-number']) + 1n
  const parent = currentSnapshot(metadata)
  const spec = specFor(metadata, definition)
  if (spec === undefined) {
    throw new CorruptTableError(
      definition.name,
      layout.metadataFile(base?.version ?? 1),
      'it has no partition spec of ours',
    )
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
  const removed = new Set(change.removed.map(({ uri }) => uri))
  const manifests = await nextManifests(options, { metadata, before, added, removed, context, id, sequence })

  const listName = layout.manifestListFile(id, hex(random, 8))
  const parentId = parent === undefined ? null : BigInt(parent['snapshot-id'])
  await objects.put(listName, encodeManifestList(manifests, { id, parent: parentId, sequence }, random.bytes(16)))

  const snapshot: SnapshotJson = {
    'snapshot-id': Number(id),
    ...(parent === undefined ? {} : { 'parent-snapshot-id': parent['snapshot-id'] }),
    'sequence-number': Number(sequence),
    'timestamp-ms': now,
    summary: summaryOf(change, parent),
    'manifest-list': layout.uriOf(listName, metadata.location),
    'schema-id': metadata['current-schema-id'],
  }
  const previousFile = base && layout.uriOf(layout.metadataFile(base.version), metadata.location)
  const next = withSnapshot(metadata, { snapshot, previousFile })
  const version = (base?.version ?? 0) + 1
  if (!(await objects.putIfAbsent(layout.metadataFile(version), printMetadata(next)))) return undefined
  // Old metadata files are removed (below), so a writer that slept through many commits may find its next name free
  // again. The hint then is far past it: such a commit is on no reader's way and must not count. A few versions past it
  // is only a rival that was quick, and built on ours.
  if ((await reader.hintedVersion()) > version + metadataLogMaxEntries / 2) {
    await objects.remove(layout.metadataFile(version))
    return undefined
  }
  reader.loaded({ version, metadata: next })
  await afterCommit(options, version)
  return String(id)
}

// The commit stands whatever happens here: a hint that trails costs a few probes, a file kept too long some space.
async function afterCommit({ objects, layout }: CommitOptions, version: number): Promise<void> {
  try {
    await objects.put(layout.versionHint, Buffer.from(String(version)))
    const dropped = version - metadataLogMaxEntries - 1
    if (dropped > 0) await objects.remove(layout.metadataFile(dropped))
  } catch {
    // Next commit's hint and the removal of orphans make up for it.
  }
}

// Below 2^53, so that it is exact in every JSON reader; above 0.
function drawSnapshotId(random: Random): bigint {
  const drawn = Buffer.from(random.bytes(8)).readBigUInt64LE() & 0x1f_ffff_ffff_ffffn
  return drawn === 0n ? 1n : drawn
}

// RFC 9562, version 4.
function uuid(random: Random): string {
  const bytes = Buffer.from(random.bytes(16))
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
