/**
 * Exchanges data files of a table for others, or deletes them, as one snapshot. What publications appended meanwhile stays;
 * where one of the files that leave is no longer live, another writer was faster and nothing is done.
 */
import { CommitConflictError } from '../../../core/errors.ts'
import { type AppendFile, type CommitOptions, commitChange, idText, type TableChange } from './commit.ts'
import type { DataFile } from './manifest.ts'
import { currentSnapshot, rewriteKey } from './metadata.ts'
import type { LoadedTable, TableReader } from './table-reader.ts'

export interface Exchange {
  /** Live when they were read; at least one. */
  readonly removed: readonly DataFile[]
  /** Entries of the snapshot's summary: `hitlake.…`. */
  readonly named: Readonly<Record<string, string>>
}

export interface Replacement {
  /** Live when they were read; at least one. */
  readonly removed: readonly DataFile[]
  readonly added: readonly AppendFile[]
  readonly operation: 'replace' | 'overwrite'
  /** What was rewritten, for the summary: `_gen=1/bucket_day=2026-03-01`. */
  readonly partition: string
}

/**
 * The same rows in other files (`replace`), or other rows (`overwrite`).
 * @throws CommitConflictError where a file to remove is gone, or after `commitMaxAttempts`; then nothing of it is visible
 */
export function replaceFiles(options: CommitOptions, replacement: Replacement): Promise<string> {
  const { operation, added, removed, partition } = replacement
  return exchange(options, { operation, named: { [rewriteKey]: partition }, added, removed })
}

/**
 * Takes files out and puts others, whose rows say something else, in their place: operation `overwrite`.
 * @throws CommitConflictError as `replaceFiles`
 */
export function overwriteFiles(
  options: CommitOptions,
  { removed, named, added }: Exchange & { readonly added: readonly AppendFile[] },
): Promise<string> {
  return exchange(options, { operation: 'overwrite', named, added, removed })
}

/**
 * Takes files out with their rows: operation `delete`. Their bytes stay until no snapshot names them.
 * @throws CommitConflictError as `replaceFiles`
 */
export function deleteFiles(options: CommitOptions, { removed, named }: Exchange): Promise<string> {
  return exchange(options, { operation: 'delete', named, added: [], removed })
}

function exchange(options: CommitOptions, change: TableChange): Promise<string> {
  let first: LoadedTable | undefined
  return commitChange(options, async (base) => {
    first ??= base
    const live = base === undefined ? new Set<string>() : await liveUris(options.reader, base)
    if (!change.removed.every(({ uri }) => live.has(uri))) {
      throw new CommitConflictError(options.definition.name, idText(first), idText(base))
    }
    return change
  })
}

async function liveUris(reader: TableReader, { metadata }: LoadedTable): Promise<ReadonlySet<string>> {
  const snapshot = currentSnapshot(metadata)
  const uris = new Set<string>()
  if (snapshot === undefined) return uris
  for await (const { file } of reader.liveFiles(metadata, snapshot, () => true)) uris.add(file.uri)
  return uris
}
