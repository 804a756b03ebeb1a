/**
 * Exchanges data files of a table for others, or deletes them, as one snapshot. What publications appended meanwhile stays;
 * where one of the files that leave is no longer live, or rows of it were deleted since it was read, another writer was
 * faster and nothing is done. Position delete files that then speak of no live file leave too.
 */
import { CommitConflictError } from '../../../core/errors.ts'
import { type AppendFile, type CommitOptions, commitChange, idText, type TableChange } from './commit.ts'
import type { DataFile } from './manifest.ts'
import { currentSnapshot, rewriteKey } from './metadata.ts'
import { planScan, type ScanFile, wholeTable } from './read-scan.ts'
import type { LoadedTable, TableReader } from './table-reader.ts'

export interface Exchange {
  /** Live when they were read. */
  readonly removed: readonly DataFile[]
  /** URIs of the position delete files whose rows were left out when `removed` and `settled` were read; none where absent. */
  readonly applied?: readonly string[]
  /** Live files that stay, of which none of the delete files names a row any more. */
  readonly settled?: readonly DataFile[]
  /** Entries of the snapshot's summary: `hitlake.…`. */
  readonly named: Readonly<Record<string, string>>
}

export interface Replacement extends Omit<Exchange, 'named'> {
  readonly added: readonly AppendFile[]
  readonly operation: 'replace' | 'overwrite' | 'delete'
  /** What was rewritten, for the summary: `_gen=1/bucket_day=2026-03-01`. */
  readonly partition: string
}

/**
 * The same rows in other files (`replace`), other rows (`overwrite`), or files gone with all their rows (`delete`).
 * @throws CommitConflictError where a file to remove is gone, or rows of it that are not among `applied` are deleted, or
 * after `commitMaxAttempts`; then nothing of it is visible
 */
export function replaceFiles(options: CommitOptions, { partition, ...replacement }: Replacement): Promise<string> {
  return exchange(options, { ...replacement, named: { [rewriteKey]: partition } })
}

/**
 * Takes files out and puts others, whose rows say something else, in their place: operation `overwrite`.
 * @throws CommitConflictError as `replaceFiles`
 */
export function overwriteFiles(
  options: CommitOptions,
  change: Exchange & { readonly added: readonly AppendFile[] },
): Promise<string> {
  return exchange(options, { ...change, operation: 'overwrite' })
}

/**
 * Takes files out with their rows, deleted ones too: operation `delete`. Their bytes stay until no snapshot names them.
 * @throws CommitConflictError where a file to remove is gone, or after `commitMaxAttempts`
 */
export function deleteFiles(
  options: CommitOptions,
  { removed, named }: Pick<Exchange, 'removed' | 'named'>,
): Promise<string> {
  return exchange(options, { operation: 'delete', named, added: [], removed })
}

type Change = Exchange & Pick<TableChange, 'operation' | 'added'>

function exchange(options: CommitOptions, change: Change): Promise<string> {
  const { operation, named, added, removed, settled = [] } = change
  const handled = [...removed, ...settled].map(({ uri }) => uri)
  const applied = new Set(change.applied)
  let first: LoadedTable | undefined
  return commitChange(options, async (base) => {
    first ??= base
    const live = base === undefined ? [] : await liveFiles(options.reader, base)
    const byUri = new Map(live.map((one) => [one.file.uri, one]))
    const isUnchanged = (uri: string) => {
      const found = byUri.get(uri)
      return found !== undefined && (operation === 'delete' || found.deletes.every((one) => applied.has(one.uri)))
    }
    if (!handled.every(isUnchanged)) {
      throw new CommitConflictError(options.definition.name, idText(first), idText(base))
    }
    return { operation, named, added, removed, removedDeletes: leavingDeletes(live, new Set(handled)) }
  })
}

/** Delete files of the handled ones that may not name rows of any other. */
function leavingDeletes(live: readonly ScanFile[], handled: ReadonlySet<string>): readonly DataFile[] {
  const leaving = new Map<string, DataFile>()
  for (const { file, deletes } of live) {
    if (handled.has(file.uri)) for (const one of deletes) leaving.set(one.uri, one)
  }
  for (const { file, deletes } of live) {
    if (!handled.has(file.uri)) for (const one of deletes) leaving.delete(one.uri)
  }
  return [...leaving.values()]
}

async function liveFiles(reader: TableReader, { metadata }: LoadedTable): Promise<readonly ScanFile[]> {
  const snapshot = currentSnapshot(metadata)
  return snapshot === undefined ? [] : planScan(reader, metadata, snapshot, { pruner: wholeTable })
}
