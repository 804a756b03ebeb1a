/** Appends data files to a table as one snapshot, once per publication: where the history names it, nothing is written. */
import { type AppendFile, type CommitOptions, commitChange, commitMaxAttempts } from './commit.ts'
import { history, publishKey, type TableMetadata } from './metadata.ts'
import { smallManifestMaxBytes, smallManifestsMax } from './next-manifests.ts'
import type { TableReader } from './table-reader.ts'

export { type AppendFile, commitMaxAttempts, smallManifestMaxBytes, smallManifestsMax }
export type AppendOptions = CommitOptions

/** The snapshot of the table's history that publication `id` made, if it landed. */
export async function publishedSnapshot(reader: TableReader, id: number): Promise<string | undefined> {
  const table = await reader.load()
  return table && landed(table.metadata, id)
}

/** @throws CommitConflictError after `commitMaxAttempts`; then nothing of it is visible */
export function appendFiles(options: AppendOptions, id: number, files: readonly AppendFile[]): Promise<string> {
  return commitChange(options, async (base) => {
    const done = base && landed(base.metadata, id)
    if (done !== undefined) return { done }
    return { operation: 'append', named: { [publishKey]: String(id) }, added: files, removed: [] }
  })
}

function landed(metadata: TableMetadata, id: number): string | undefined {
  for (const snapshot of history(metadata)) {
    if (snapshot.summary?.[publishKey] === String(id)) return String(snapshot['snapshot-id'])
  }
  return undefined
}
