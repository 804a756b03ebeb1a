/**
 * Exchanges data files of a table for others, as one snapshot. What publications appended meanwhile stays; where one of the
 * files to exchange is no longer live, another rewrite was faster and nothing is done.
 */
import { CommitConflictError } from '../../../core/errors.ts'
import { type AppendFile, type CommitOptions, commitChange, idText } from './commit.ts'
import type { DataFile } from './manifest.ts'
import { currentSnapshot, rewriteKey } from './metadata.ts'
import type { LoadedTable, TableReader } from './table-reader.ts'

export interface Replacement {
  /** Live when they were read; at least one. */
  readonly removed: readonly DataFile[]
  readonly added: readonly AppendFile[]
  readonly operation: 'replace' | 'overwrite'
  /** What was rewritten, for the summary: `_gen=1/bucket_day=2026-03-01`. */
  readonly partition: string
}

/** @throws CommitConflictError where a file to remove is gone, or after `commitMaxAttempts`; then nothing of it is visible */
export function replaceFiles(options: CommitOptions, replacement: Replacement): Promise<string> {
  const { operation, added, removed, partition } = replacement
  let first: LoadedTable | undefined
  return commitChange(options, async (base) => {
    first ??= base
    const live = base === undefined ? new Set<string>() : await liveUris(options.reader, base)
    if (!removed.every(({ uri }) => live.has(uri))) {
      throw new CommitConflictError(options.definition.name, idText(first), idText(base))
    }
    return { operation, named: { [rewriteKey]: partition }, added, removed }
  })
}

async function liveUris(reader: TableReader, { metadata }: LoadedTable): Promise<ReadonlySet<string>> {
  const snapshot = currentSnapshot(metadata)
  const uris = new Set<string>()
  if (snapshot === undefined) return uris
  for await (const { file } of reader.liveFiles(metadata, snapshot, () => true)) uris.add(file.uri)
  return uris
}
