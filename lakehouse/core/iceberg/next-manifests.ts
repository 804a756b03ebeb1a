/** The manifests of the next snapshot: files added, files taken out, and small manifests merged when they became too many. */
import type { Random } from '../../../core/ports/clock.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import { encodeManifest, type ManifestContext } from './encode-manifest.ts'
import type { TableLayout } from './layout.ts'
import type { ManifestEntry, ManifestFile } from './manifest.ts'
import type { TableMetadata } from './metadata.ts'
import { int32 } from './single-value.ts'
import type { TableReader } from './table-reader.ts'

/** Small manifests that a snapshot may list; one more and they are merged into one. */
export const smallManifestsMax = 32
/** A manifest from this size on is left as it is when others are merged. */
export const smallManifestMaxBytes = 1_048_576

export interface ManifestOptions {
  readonly objects: ObjectStore
  readonly layout: TableLayout
  readonly reader: TableReader
  readonly random: Random
  readonly smallManifestsMax?: number
  readonly smallManifestMaxBytes?: number
}

export interface NextEntries {
  readonly metadata: TableMetadata
  readonly before: readonly ManifestFile[]
  readonly added: readonly ManifestEntry[]
  /** URIs of live data files and delete files that leave the table. */
  readonly removed: ReadonlySet<string>
  /** Of the spec that new files have. */
  readonly context: ManifestContext
  readonly id: bigint
  readonly sequence: bigint
}

/** @throws RangeError where a file to remove is in no manifest */
export async function nextManifests(options: ManifestOptions, next: NextEntries): Promise<readonly ManifestFile[]> {
  const { context, added } = next
  // What only says which files an earlier snapshot deleted is of no use to this one.
  const before = (await withoutRemoved(options, next)).filter(
    ({ added, existing, deleted, snapshot }) =>
      added.files + existing.files > 0 || deleted.files === 0 || snapshot === next.id,
  )
  const isSmall = (manifest: ManifestFile) =>
    manifest.content === 0 &&
    manifest.specId === context.spec['spec-id'] &&
    manifest.bytes < (options.smallManifestMaxBytes ?? smallManifestMaxBytes)
  const small = before.filter(isSmall)
  if (small.length < (options.smallManifestsMax ?? smallManifestsMax)) {
    // The manifest of an empty append is there all the same: whoever looks finds what the snapshot added, nothing.
    const isNeeded = added.length > 0 || next.removed.size === 0
    return isNeeded ? [await writeManifest(options, next, added), ...before] : before
  }
  // All at once: they are read again one after the other below, from memory.
  await Promise.all(small.map((manifest) => options.reader.manifest(next.metadata, manifest)))
  const kept: ManifestEntry[] = []
  const gone = new Set<ManifestFile>()
  for (const manifest of small) {
    if (!(await canCarry(options, next, manifest))) continue
    kept.push(...(await carriedEntries(options, next, manifest)))
    gone.add(manifest)
  }
  const merged = await writeManifest(options, next, [...added, ...kept])
  return [merged, ...before.filter((manifest) => !gone.has(manifest))]
}

/** Whether a manifest of ours can say all that this one does: other engines may have files that we cannot describe. */
export async function canCarry(
  { reader }: Pick<ManifestOptions, 'reader'>,
  { metadata }: Pick<NextEntries, 'metadata'>,
  manifest: ManifestFile,
): Promise<boolean> {
  const entries = await reader.manifest(metadata, manifest)
  return entries.every(
    ({ status, file }) =>
      status === 'deleted' || (file.format === 'parquet' && !file.isEncrypted && file.content === manifest.content),
  )
}

/**
 * The manifests of the snapshot before; one that names a file which leaves is written again, with the file marked as deleted
 * by this snapshot (spec, "Manifest Entry Fields": a deleted file's entry keeps its sequence numbers, its snapshot is the
 * deleting one). What earlier snapshots deleted is not carried on.
 */
async function withoutRemoved(options: ManifestOptions, next: NextEntries): Promise<readonly ManifestFile[]> {
  if (next.removed.size === 0) return next.before
  const manifests: ManifestFile[] = []
  let found = 0
  for (const manifest of next.before) {
    const entries = await carriedEntries(options, next, manifest)
    const leaving = entries.filter(({ status, file }) => status !== 'deleted' && next.removed.has(file.uri)).length
    found += leaving
    if (leaving === 0) {
      manifests.push(manifest)
      continue
    }
    const marked = entries.map(
      (entry): ManifestEntry =>
        next.removed.has(entry.file.uri)
          ? { ...entry, status: 'deleted', snapshot: next.id, file: withoutBounds(entry.file) }
          : entry,
    )
    // Partition values of other specs may be texts; whoever asks for such a file to leave is not one of ours.
    if (manifest.specId !== next.context.spec['spec-id'] || !(await canCarry(options, next, manifest))) {
      throw new RangeError(`manifest ${manifest.uri} holds files that are not as ours are`)
    }
    const context = { ...next.context, content: manifest.content === 0 ? 0 : 1 } as const
    manifests.push(await writeManifest(options, { ...next, context }, marked))
  }
  if (found !== next.removed.size) throw new RangeError(`of ${next.removed.size} files to remove ${found} are live`)
  return manifests
}

/** Bounds are values of rows: of a file that leaves they may be what had to be erased, and no scan asks for them. */
function withoutBounds(file: ManifestEntry['file']): ManifestEntry['file'] {
  return { ...file, lowerBounds: new Map(), upperBounds: new Map() }
}

/** Entries of a manifest on their way into another one: of live files, and of those this very snapshot deletes. */
export async function carriedEntries(
  options: Pick<ManifestOptions, 'reader'>,
  next: Pick<NextEntries, 'metadata' | 'id'>,
  manifest: ManifestFile,
): Promise<readonly ManifestEntry[]> {
  const carried: ManifestEntry[] = []
  for (const entry of await options.reader.manifest(next.metadata, manifest)) {
    const snapshot = entry.snapshot ?? manifest.snapshot
    const isDeleted = entry.status === 'deleted'
    if (isDeleted && snapshot !== next.id) continue
    // An entry in another manifest than its own inherits nothing: its numbers must be written out.
    carried.push({
      status: isDeleted ? 'deleted' : 'existing',
      snapshot,
      sequence: entry.sequence ?? manifest.sequence,
      fileSequence: entry.fileSequence ?? manifest.sequence,
      file: entry.file,
    })
  }
  return carried
}

/** Writes a manifest of the snapshot `id`; its entries say all of their own that they do not inherit from it. */
export async function writeManifest(
  { objects, layout, random }: ManifestOptions,
  { metadata, context, id, sequence }: Pick<NextEntries, 'metadata' | 'context' | 'id' | 'sequence'>,
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
    content: context.content ?? 0,
    sequence,
    // Of live files only (spec, "Manifest Lists", min_sequence_number).
    minSequence: list.reduce(
      (least, { status, sequence: own }) => (status !== 'deleted' && own !== null && own < least ? own : least),
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

export function hex(random: Random, bytes: number): string {
  return Buffer.from(random.bytes(bytes)).toString('hex')
}
