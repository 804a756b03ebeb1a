/** What a snapshot says of itself (Iceberg spec, Appendix F, "Optional Snapshot Summary Fields"): values are strings. */
import type { SnapshotJson } from './metadata.ts'

interface CountedFile {
  readonly rows: number
  readonly bytes: number
  readonly partition: readonly (number | null)[]
}

export interface SnapshotChange {
  /**
   * `append`: files were added. `replace`: files were exchanged, and who follows what was appended has nothing to read.
   * `overwrite`: the rows say something else than before. `delete`: files left with their rows.
   */
  readonly operation: 'append' | 'replace' | 'overwrite' | 'delete'
  readonly named: Readonly<Record<string, string>>
  readonly added: readonly CountedFile[]
  readonly removed: readonly CountedFile[]
  /** Position delete files. */
  readonly removedDeletes?: readonly CountedFile[]
}

export function summaryOf(change: SnapshotChange, parent: SnapshotJson | undefined): Record<string, string> {
  const { added, removed, removedDeletes = [] } = change
  const before = (key: string) => Number(parent?.summary?.[key] ?? 0)
  const sum = (files: readonly CountedFile[], of: 'rows' | 'bytes') => files.reduce((all, file) => all + file[of], 0)
  const partitions = new Set([...added, ...removed, ...removedDeletes].map((file) => file.partition.join('/')))
  const leaving = {
    'deleted-data-files': String(removed.length),
    'deleted-records': String(sum(removed, 'rows')),
  }
  const leavingDeletes = {
    'removed-delete-files': String(removedDeletes.length),
    'removed-position-delete-files': String(removedDeletes.length),
    'removed-position-deletes': String(sum(removedDeletes, 'rows')),
  }
  const leavingBytes = sum(removed, 'bytes') + sum(removedDeletes, 'bytes')
  return {
    operation: change.operation,
    ...change.named,
    'added-data-files': String(added.length),
    'added-records': String(sum(added, 'rows')),
    'added-files-size': String(sum(added, 'bytes')),
    ...(removed.length > 0 ? leaving : {}),
    ...(removedDeletes.length > 0 ? leavingDeletes : {}),
    ...(leavingBytes > 0 ? { 'removed-files-size': String(leavingBytes) } : {}),
    'changed-partition-count': String(partitions.size),
    'total-records': String(before('total-records') + sum(added, 'rows') - sum(removed, 'rows')),
    'total-files-size': String(before('total-files-size') + sum(added, 'bytes') - leavingBytes),
    'total-data-files': String(before('total-data-files') + added.length - removed.length),
    'total-delete-files': String(before('total-delete-files') - removedDeletes.length),
    'total-position-deletes': String(before('total-position-deletes') - sum(removedDeletes, 'rows')),
    'total-equality-deletes': String(before('total-equality-deletes')),
  }
}
