/** Which files snapshots name, and which of them nobody names once some are gone. */
import type { DataFile, ManifestFile } from './manifest.ts'
import type { SnapshotJson, TableMetadata } from './metadata.ts'
import type { TableReader } from './table-reader.ts'

/** Object names, sorted. */
export interface NamedFiles {
  readonly manifestLists: readonly string[]
  readonly manifests: readonly string[]
  /** Data files and delete files. */
  readonly dataFiles: readonly string[]
  readonly statistics: readonly string[]
}

export const noFiles: NamedFiles = { manifestLists: [], manifests: [], dataFiles: [], statistics: [] }

/** Everything that the snapshots of the metadata name; data files only where one of them holds them alive. */
export async function referencedFiles(reader: TableReader, metadata: TableMetadata): Promise<NamedFiles> {
  const snapshots = metadata.snapshots ?? []
  const found = await manifestsOf(reader, metadata, snapshots)
  const dataFiles = new Set<string>()
  for (const manifest of found.manifests.values()) {
    for (const file of await filesOf(reader, metadata, manifest, 'live')) dataFiles.add(file)
  }
  return {
    manifestLists: [...found.lists].sort(),
    manifests: [...found.manifests.keys()].sort(),
    dataFiles: [...dataFiles].sort(),
    statistics: [...statisticsOf(reader, metadata, snapshots)].sort(),
  }
}

export interface Parted {
  readonly gone: readonly SnapshotJson[]
  readonly kept: readonly SnapshotJson[]
}

/**
 * Files named by snapshots that go, and by none that is kept. A manifest says more than what is live: entries of files that
 * its snapshot deleted are named by the gone, and hold nothing alive for the kept.
 * @throws CorruptTableError where a file that must be read is missing or damaged, or one is named outside the table
 */
export async function unreferencedFiles(
  reader: TableReader,
  metadata: TableMetadata,
  { gone, kept }: Parted,
): Promise<NamedFiles> {
  if (gone.length === 0) return noFiles
  const before = await manifestsOf(reader, metadata, gone)
  const after = await manifestsOf(reader, metadata, kept)
  const manifests = [...before.manifests.keys()].filter((name) => !after.manifests.has(name))
  const dataFiles = new Set<string>()
  for (const name of manifests) {
    const manifest = before.manifests.get(name)
    if (manifest === undefined) continue
    for (const file of await filesOf(reader, metadata, manifest, 'all')) dataFiles.add(file)
  }
  // A manifest that stays, of which a snapshot that goes saw more alive than those that stay, does not exist: manifests never
  // change, and one that marks a file as deleted is a new one. So the files that go are all in manifests that go.
  for (const manifest of dataFiles.size === 0 ? [] : after.manifests.values()) {
    for (const file of await filesOf(reader, metadata, manifest, 'live')) dataFiles.delete(file)
  }
  const keptStatistics = statisticsOf(reader, metadata, kept)
  return {
    manifestLists: [...before.lists].filter((name) => !after.lists.has(name)).sort(),
    manifests: manifests.sort(),
    dataFiles: [...dataFiles].sort(),
    statistics: [...statisticsOf(reader, metadata, gone)].filter((name) => !keptStatistics.has(name)).sort(),
  }
}

async function manifestsOf(
  reader: TableReader,
  metadata: TableMetadata,
  snapshots: readonly SnapshotJson[],
): Promise<{ readonly lists: ReadonlySet<string>; readonly manifests: ReadonlyMap<string, ManifestFile> }> {
  const lists = new Set<string>()
  const manifests = new Map<string, ManifestFile>()
  for (const snapshot of snapshots) {
    lists.add(reader.nameOf(metadata, snapshot['manifest-list']))
    for (const manifest of await reader.manifestList(metadata, snapshot)) {
      manifests.set(reader.nameOf(metadata, manifest.uri), manifest)
    }
  }
  return { lists, manifests }
}

async function filesOf(
  reader: TableReader,
  metadata: TableMetadata,
  manifest: ManifestFile,
  which: 'live' | 'all',
): Promise<readonly string[]> {
  const entries = await reader.manifest(metadata, manifest)
  const wanted = which === 'all' ? entries : entries.filter(({ status }) => status !== 'deleted')
  return wanted.map(({ file }: { readonly file: DataFile }) => reader.nameOf(metadata, file.uri))
}

function statisticsOf(
  reader: TableReader,
  metadata: TableMetadata,
  snapshots: readonly SnapshotJson[],
): ReadonlySet<string> {
  const ids = new Set(snapshots.map((one) => String(one['snapshot-id'])))
  const all = [...(metadata.statistics ?? []), ...(metadata['partition-statistics'] ?? [])]
  const own = all.filter((file) => ids.has(String(file['snapshot-id'])))
  return new Set(own.map((file) => reader.nameOf(metadata, file['statistics-path'])))
}
