/**
 * Appends data files to a table as ONE snapshot, once per publication. The commit is the exclusive creation of the next
 * metadata file: of two writers on one version one succeeds, the other reads the table again and tries on top of it.
 * Anything written before that moment is a file nobody names.
 */
import { CommitConflictError, CorruptTableError } from '../../../core/errors.ts'
import type { Clock, Random } from '../../../core/ports/clock.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import type { TableDefinition } from '../../../core/tables.ts'
import { encodeManifest, encodeManifestList, type ManifestContext } from './encode-manifest.ts'
import type { TableLayout } from './layout.ts'
import type { DataFile, ManifestEntry, ManifestFile } from './manifest.ts'
import {
  currentSchema,
  currentSnapshot,
  history,
  metadataLogMaxEntries,
  newMetadata,
  printMetadata,
  publishKey,
  type SnapshotJson,
  snapshotId,
  specFor,
  type TableMetadata,
  withSchema,
  withSnapshot,
} from './metadata.ts'
import { int32 } from './single-value.ts'
import type { LoadedTable, TableReader } from './table-reader.ts'

/** Tries before a writer gives up; each means that another writer got through. */
export const commitMaxAttempts = 8
/** Small manifests that a snapshot may list; one more and they are merged into one. */
export const smallManifestsMax = 32
/** A manifest from this size on is left as it is when others are merged. */
export const smallManifestMaxBytes = 1_048_576

export interface AppendOptions {
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

/** The snapshot of the table's history that publication `id` made, if it landed. */
export async function publishedSnapshot(reader: TableReader, id: number): Promise<string | undefined> {
  const table = await reader.load()
  return table && landed(table.metadata, id)
}

/** @throws CommitConflictError after `commitMaxAttempts`; then nothing of it is visible */
export async function appendFiles(options: AppendOptions, id: number, files: readonly AppendFile[]): Promise<string> {
  let base: LoadedTable | undefined
  for (let attempt = 0; attempt < commitMaxAttempts; attempt++) {
    base = await options.reader.load()
    const done = base && landed(base.metadata, id)
    if (done !== undefined) return done
    const snapshot = await tryAppend(options, base, id, files)
    if (snapshot !== undefined) return snapshot
  }
  const rival = await options.reader.load()
  throw new CommitConflictError(options.definition.name, idText(base), idText(rival))
}

function landed(metadata: TableMetadata, id: number): string | undefined {
  for (const snapshot of history(metadata)) {
    if (snapshot.summary?.[publishKey] === String(id)) return String(snapshot['snapshot-id'])
  }
  return undefined
}

function idText(table: LoadedTable | undefined): string {
  return (table && snapshotId(table.metadata['current-snapshot-id'])) ?? 'no snapshot'
}

async function tryAppend(
  options: AppendOptions,
  base: LoadedTable | undefined,
  publish: number,
  files: readonly AppendFile[],
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
  const added: ManifestEntry[] = files.map(({ name, ...file }) => ({
    status: 'added',
    snapshot: id,
    sequence: null,
    fileSequence: null,
    file: { ...file, uri: layout.uriOf(name, metadata.location), content: 0 },
  }))
  const before = parent === undefined ? [] : await reader.manifestList(metadata, parent)
  const manifests = await withEntries(options, { metadata, before, added, context, id, sequence })

  const listName = layout.manifestListFile(id, hex(random, 8))
  const parentId = parent === undefined ? null : BigInt(parent['snapshot-id'])
  await objects.put(listName, encodeManifestList(manifests, { id, parent: parentId, sequence }, random.bytes(16)))

  const snapshot: SnapshotJson = {
    'snapshot-id': Number(id),
    ...(parent === undefined ? {} : { 'parent-snapshot-id': parent['snapshot-id'] }),
    'sequence-number': Number(sequence),
    'timestamp-ms': now,
    summary: summaryOf(publish, files, parent),
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
async function afterCommit({ objects, layout }: AppendOptions, version: number): Promise<void> {
  try {
    await objects.put(layout.versionHint, Buffer.from(String(version)))
    const dropped = version - metadataLogMaxEntries - 1
    if (dropped > 0) await objects.remove(layout.metadataFile(dropped))
  } catch {
    // Next commit's hint and the removal of orphans make up for it.
  }
}

interface NewEntries {
  readonly metadata: TableMetadata
  readonly before: readonly ManifestFile[]
  readonly added: readonly ManifestEntry[]
  readonly context: ManifestContext
  readonly id: bigint
  readonly sequence: bigint
}

/** The manifests of the new snapshot: one more, or one instead of all small ones where they became too many. */
async function withEntries(options: AppendOptions, entries: NewEntries): Promise<readonly ManifestFile[]> {
  const { metadata, before, added, context, id, sequence } = entries
  const isSmall = (manifest: ManifestFile) =>
    manifest.content === 0 &&
    manifest.specId === context.spec['spec-id'] &&
    manifest.bytes < (options.smallManifestMaxBytes ?? smallManifestMaxBytes)
  const small = before.filter(isSmall)
  if (small.length < (options.smallManifestsMax ?? smallManifestsMax)) {
    return [await writeManifest(options, entries, added), ...before]
  }
  const existing: ManifestEntry[] = []
  for (const manifest of small) {
    for (const entry of await options.reader.manifest(metadata, manifest)) {
      // An entry in another manifest than its own inherits nothing: its numbers must be written out.
      if (entry.status !== 'deleted') {
        existing.push({
          status: 'existing',
          snapshot: entry.snapshot ?? manifest.snapshot,
          sequence: entry.sequence ?? manifest.sequence,
          fileSequence: entry.fileSequence ?? manifest.sequence,
          file: entry.file,
        })
      }
    }
  }
  const merged = await writeManifest(options, { ...entries, context, id, sequence }, [...added, ...existing])
  return [merged, ...before.filter((manifest) => !isSmall(manifest))]
}

async function writeManifest(
  { objects, layout, random }: AppendOptions,
  { metadata, context, id, sequence }: NewEntries,
  list: readonly ManifestEntry[],
): Promise<ManifestFile> {
  const name = layout.manifestFile(hex(random, 16))
  const bytes = encodeManifest(list, context)
  await objects.put(name, bytes)
  const counts = (status: ManifestEntry['status']) => {
    const of = list.filter((entry) => entry.status === status)
    return { files: of.length, rows: of.reduce((sum, entry) => sum + entry.file.rows, 0) }
  }
  return {
    uri: layout.uriOf(name, metadata.location),
    bytes: bytes.length,
    specId: context.spec['spec-id'],
    content: 0,
    sequence,
    minSequence: list.reduce(
      (least, entry) => (entry.sequence !== null && entry.sequence < least ? entry.sequence : least),
      sequence,
    ),
    snapshot: id,
    added: counts('added'),
    existing: counts('existing'),
    deleted: counts('deleted'),
    partitions: context.spec.fields.map((_field, at) =>
      partitionSummary(list.map((entry) => entry.file.partition[at] ?? null)),
    ),
  }
}

function partitionSummary(values: readonly (number | null)[]): ManifestFile['partitions'][number] {
  const present = values.filter((value) => value !== null)
  if (present.length === 0) return { lower: null, upper: null, hasNull: true }
  return {
    lower: int32(present.reduce((least, value) => Math.min(least, value))),
    upper: int32(present.reduce((most, value) => Math.max(most, value))),
    hasNull: present.length < values.length,
  }
}

// Spec, Appendix F "Optional Snapshot Summary Fields": values are strings.
function summaryOf(
  publish: number,
  files: readonly AppendFile[],
  parent: SnapshotJson | undefined,
): Record<string, string> {
  const before = (key: string) => Number(parent?.summary?.[key] ?? 0)
  const rows = files.reduce((sum, file) => sum + file.rows, 0)
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  return {
    operation: 'append',
    [publishKey]: String(publish),
    'added-data-files': String(files.length),
    'added-records': String(rows),
    'added-files-size': String(bytes),
    'changed-partition-count': String(new Set(files.map((file) => file.partition.join('/'))).size),
    'total-records': String(before('total-records') + rows),
    'total-files-size': String(before('total-files-size') + bytes),
    'total-data-files': String(before('total-data-files') + files.length),
    'total-delete-files': String(before('total-delete-files')),
    'total-position-deletes': String(before('total-position-deletes')),
    'total-equality-deletes': String(before('total-equality-deletes')),
  }
}

// Below 2^53, so that it is exact in every JSON reader; above 0.
function drawSnapshotId(random: Random): bigint {
  const drawn = Buffer.from(random.bytes(8)).readBigUInt64LE() & 0x1f_ffff_ffff_ffffn
  return drawn === 0n ? 1n : drawn
}

function hex(random: Random, bytes: number): string {
  return Buffer.from(random.bytes(bytes)).toString('hex')
}

// RFC 9562, version 4.
function uuid(random: Random): string {
  const bytes = Buffer.from(random.bytes(16))
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
