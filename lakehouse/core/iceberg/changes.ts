/** What differs between the files of two snapshots, partition by partition. Reads manifests, no rows. */
import type { FilesChanged, PartitionChange } from '../../../core/ports/lake-history.ts'
import type { TableDefinition } from '../../../core/tables.ts'
import type { ReadEntry } from './decode-manifest.ts'
import { type SnapshotJson, specFor, type TableMetadata } from './metadata.ts'
import type { TableReader } from './table-reader.ts'

interface LiveFile {
  readonly partition: PartitionChange['partition']
  readonly file: ReadEntry['file']
}

/**
 * Of partition null: files of another spec than the table's own. A position that two delete files name is counted twice.
 * @throws CorruptTableError
 */
export async function partitionChanges(
  { reader, definition }: { readonly reader: TableReader; readonly definition: TableDefinition },
  metadata: TableMetadata,
  { from, to }: { readonly from: SnapshotJson; readonly to: SnapshotJson },
): Promise<readonly PartitionChange[]> {
  const [before, after] = [await reader.manifestList(metadata, from), await reader.manifestList(metadata, to)]
  // Manifests never change: what both list names the same files.
  const shared = new Set(before.map(({ uri }) => uri).filter((uri) => after.some((other) => other.uri === uri)))
  const spec = specFor(metadata, definition)?.['spec-id']
  async function live(manifests: typeof before): Promise<ReadonlyMap<string, LiveFile>> {
    const found = new Map<string, LiveFile>()
    for (const manifest of manifests) {
      if (shared.has(manifest.uri)) continue
      for (const { status, file } of await reader.manifest(metadata, manifest)) {
        if (status === 'deleted') continue
        found.set(file.uri, { partition: partitionOf(definition, file, manifest.specId === spec), file })
      }
    }
    return found
  }
  const [old, young] = [await live(before), await live(after)]
  const changes = new Map<string, PartitionChange>()
  const count = ({ partition, file }: LiveFile, side: 'added' | 'removed') => {
    const key = JSON.stringify(partition)
    const known = changes.get(key) ?? { partition, added: nothing, removed: nothing }
    changes.set(key, withFile(known, side, file))
  }
  for (const [uri, file] of young) if (!old.has(uri)) count(file, 'added')
  for (const [uri, file] of old) if (!young.has(uri)) count(file, 'removed')
  return [...changes.values()].sort(byPartition)
}

const nothing: FilesChanged = { files: 0, rows: 0 }

/** Rows that a delete file names went with it, and never were there where it goes together with their data file. */
function withFile(change: PartitionChange, side: 'added' | 'removed', file: LiveFile['file']): PartitionChange {
  const one = change[side]
  if (file.content === 0) return { ...change, [side]: { files: one.files + 1, rows: one.rows + file.rows } }
  const rows = change.removed.rows + (side === 'added' ? file.rows : -file.rows)
  const counted = { ...change, [side]: { ...one, files: one.files + 1 } }
  return { ...counted, removed: { ...counted.removed, rows } }
}

function partitionOf(
  definition: TableDefinition,
  file: LiveFile['file'],
  isOurs: boolean,
): PartitionChange['partition'] {
  const period = file.partition.at(-1)
  if (!isOurs || typeof period !== 'number') return null
  return { generation: definition.partition.generation ? (file.partition[0] ?? null) : null, period }
}

export function byPartition({ partition: a }: PartitionChange, { partition: b }: PartitionChange): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? -1 : 1
  return (a.generation ?? 0) - (b.generation ?? 0) || a.period - b.period
}
