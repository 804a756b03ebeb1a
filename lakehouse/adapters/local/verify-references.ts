/** Holds what a table's metadata names, beside manifests, against what there is: snapshots, logs, statistics, the hint. */
import type { TableFault } from '../../../core/ports/lake.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import type { ManifestFile } from '../../core/iceberg/manifest.ts'
import { type SnapshotJson, snapshotId, type TableMetadata } from '../../core/iceberg/metadata.ts'
import type { LoadedTable } from '../../core/iceberg/table-reader.ts'
import type { LocalTable } from './rewrites.ts'

const byRollback = 'roll back to a snapshot there is'
const byCommit = 'nothing of ours reads it; the next commit writes it anew'
const bySums =
  'rows are right, figures of other engines about it are not; a rollback to an older snapshot has its own sums'

/** Snapshots that references name. */
export function verifyReferences(metadata: TableMetadata): readonly TableFault[] {
  const ids = new Set((metadata.snapshots ?? []).map((snapshot) => String(snapshot['snapshot-id'])))
  const named: [string, string | null][] = [
    ['current-snapshot-id', snapshotId(metadata['current-snapshot-id'])],
    ...Object.entries(metadata.refs ?? {}).map(([name, ref]): [string, string] => [
      `ref ${name}`,
      String(ref['snapshot-id']),
    ]),
  ]
  return named.flatMap(([at, id]) =>
    id === null || ids.has(id) ? [] : [{ at, says: `there is no snapshot ${id}`, mend: byRollback }],
  )
}

/** Files that the metadata names itself: those are there, and as long as it says. */
export async function verifyNamedFiles(
  objects: ObjectStore,
  { layout, reader }: LocalTable,
  { metadata, version }: LoadedTable,
): Promise<readonly TableFault[]> {
  const faults: TableFault[] = []
  const wanted: { readonly uri: string; readonly bytes?: unknown; readonly mend: string }[] = [
    ...(metadata['metadata-log'] ?? []).map((entry) => ({ uri: entry['metadata-file'], mend: byCommit })),
    ...[...(metadata.statistics ?? []), ...(metadata['partition-statistics'] ?? [])].map((file) => ({
      uri: file['statistics-path'],
      bytes: (file as { readonly 'file-size-in-bytes'?: unknown })['file-size-in-bytes'],
      mend: 'have the engine that wrote it analyse the table again, or drop the statistics there',
    })),
  ]
  for (const { uri, bytes, mend } of wanted) {
    try {
      const name = reader.nameOf(metadata, uri)
      const size = await objects.size(name)
      if (size === undefined) faults.push({ at: name, says: 'it does not exist', mend })
      else if (typeof bytes === 'number' && bytes !== size) {
        faults.push({ at: name, says: `it has ${size} bytes, not ${bytes}`, mend })
      }
    } catch (error) {
      faults.push({ at: uri, says: (error as Error).message, mend })
    }
  }
  const hint = await reader.hintedVersion()
  // One that is ahead was written by a commit since.
  if (hint < version || (await objects.size(layout.metadataFile(hint))) === undefined) {
    const says = hint === 0 ? 'it names no version' : `it names version ${hint}, the newest is ${version}`
    const mend = 'the next commit writes it anew; engines that open the table by it read another version until then'
    faults.push({ at: layout.versionHint, says, mend })
  }
  return faults
}

/** Sums over a snapshot's manifests, by the keys of its summary. */
export type Sums = ReadonlyMap<string, number>

export function sumsOf(manifests: readonly ManifestFile[], bytes: number): Sums {
  const live = (content: number, of: 'files' | 'rows') =>
    manifests
      .filter((manifest) => manifest.content === content)
      .reduce((sum, { added, existing }) => sum + added[of] + existing[of], 0)
  return new Map([
    ['total-records', live(0, 'rows')],
    ['total-data-files', live(0, 'files')],
    ['total-delete-files', live(1, 'files')],
    ['total-position-deletes', live(1, 'rows')],
    ['total-files-size', bytes],
  ])
}

/** What its summary says that its manifests do not. */
export function verifySums(snapshot: SnapshotJson, sums: Sums): readonly TableFault[] {
  const at = `summary of snapshot ${snapshot['snapshot-id']}`
  return [...sums].flatMap(([key, found]) => {
    const said = snapshot.summary?.[key]
    if (said === undefined || Number(said) === found) return []
    return [{ at, says: `it says ${key} ${said}, the manifests hold ${found}`, mend: bySums }]
  })
}
