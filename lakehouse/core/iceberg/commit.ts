/**
 * Stage, then commit. Whoever changes a table stages files nobody names yet and says what is to be done as updates with
 * requirements (`updates.ts`). The commit is the exclusive creation of the next metadata file: of two writers on one version
 * one succeeds. The other reads the table again; where its requirements still hold, the same updates are applied to what it
 * found, else it decides anew. Anything written before that moment is a file nobody names.
 */
import { CommitConflictError } from '../../../core/errors.ts'
import type { Clock, Random } from '../../../core/ports/clock.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import type { TableDefinition } from '../../../core/tables.ts'
import type { TableLayout } from './layout.ts'
import { metadataLogMaxEntries, newMetadata, printMetadata, snapshotId, type TableMetadata } from './metadata.ts'
import { stageChange, type TableChange } from './stage-snapshot.ts'
import type { LoadedTable, TableReader } from './table-reader.ts'
import { applyUpdates, checkRequirements, type TableRequirement, type TableUpdate } from './updates.ts'

export type { AppendFile, TableChange } from './stage-snapshot.ts'

/** Tries before a writer gives up; each means that another writer got through. */
export const commitMaxAttempts = 8

export interface CommitOptions {
  readonly objects: ObjectStore
  readonly definition: TableDefinition
  readonly layout: TableLayout
  readonly reader: TableReader
  readonly random: Random
  readonly clock: Clock
  readonly smallManifestsMax?: number
  readonly smallManifestMaxBytes?: number
}

/** What is to be done with the metadata, and `result`: what whoever asked is told once it is. */
export interface StagedUpdates<T> {
  readonly requirements: readonly TableRequirement[]
  readonly updates: readonly TableUpdate[]
  readonly result: T
}

/** There is nothing to do. */
export interface Needless<T> {
  readonly done: T
}

/**
 * `decide` is asked for a change to commit, or for the snapshot that makes it needless; anew where another writer moved the
 * table in between.
 * @throws CommitConflictError after `commitMaxAttempts`; then nothing of it is visible
 */
export function commitChange(
  options: CommitOptions,
  decide: (base: LoadedTable | undefined) => Promise<TableChange | Needless<string>>,
): Promise<string> {
  return commitUpdates(options, async (base, metadata) => {
    const change = await decide(base)
    return 'done' in change ? change : stageChange(options, metadata, change)
  })
}

/**
 * Commits what `decide` stages on top of `metadata`: the newest version's, or where there is none (`base` undefined) that of
 * a table without snapshots, which the commit then makes.
 * @throws CommitConflictError after `commitMaxAttempts`; then nothing of it is visible
 */
export async function commitUpdates<T>(
  options: CommitOptions,
  decide: (base: LoadedTable | undefined, metadata: TableMetadata) => Promise<StagedUpdates<T> | Needless<T>>,
): Promise<T> {
  let base: LoadedTable | undefined
  let fresh: TableMetadata | undefined
  let staged: StagedUpdates<T> | undefined
  for (let attempt = 0; attempt < commitMaxAttempts; attempt++) {
    base = await options.reader.load()
    fresh ??= base === undefined ? emptyTable(options) : undefined
    const metadata = base?.metadata ?? (fresh as TableMetadata)
    if (staged === undefined || checkRequirements(metadata, staged.requirements).length > 0) {
      const decided = await decide(base, metadata)
      if ('done' in decided) return decided.done
      staged = decided
    }
    if (await tryCommit(options, base, metadata, staged.updates)) return staged.result
  }
  const rival = await options.reader.load()
  throw new CommitConflictError(options.definition.name, idText(base), idText(rival))
}

export function idText(table: LoadedTable | undefined): string {
  return (table && snapshotId(table.metadata['current-snapshot-id'])) ?? 'no snapshot'
}

async function tryCommit(
  options: CommitOptions,
  base: LoadedTable | undefined,
  metadata: TableMetadata,
  updates: readonly TableUpdate[],
): Promise<boolean> {
  const { objects, layout, reader, clock } = options
  const version = (base?.version ?? 0) + 1
  const updated = applyUpdates(metadata, updates, clock.now())
  const next =
    base === undefined
      ? updated
      : withLogEntry(updated, base.metadata, layout.uriOf(layout.metadataFile(base.version), updated.location))
  if (!(await objects.putIfAbsent(layout.metadataFile(version), printMetadata(next)))) return false
  if (await isLate(options, base, version)) {
    await objects.remove(layout.metadataFile(version))
    return false
  }
  reader.loaded({ version, metadata: next })
  await afterCommit(options, version)
  return true
}

// Old metadata files are removed (below), so a writer that slept through many commits may find its next name free again.
// The file it builds on then is gone, or the hint far past it: such a commit is on no reader's way and must not count. A few
// versions past it is only a rival that was quick, and built on ours.
async function isLate(
  { objects, layout, reader }: CommitOptions,
  base: LoadedTable | undefined,
  version: number,
): Promise<boolean> {
  if ((await reader.hintedVersion()) > version + metadataLogMaxEntries / 2) return true
  return base !== undefined && (await objects.size(layout.metadataFile(base.version))) === undefined
}

// Spec, "Table Metadata Fields", metadata-log: the file this version follows, with the time it was made.
function withLogEntry(next: TableMetadata, previous: TableMetadata, file: string): TableMetadata {
  const entry = { 'timestamp-ms': previous['last-updated-ms'], 'metadata-file': file }
  return { ...next, 'metadata-log': [...(next['metadata-log'] ?? []), entry].slice(-metadataLogMaxEntries) }
}

// The commit stands whatever happens here: a hint that trails costs a few probes, a file kept too long some space.
async function afterCommit({ objects, layout }: CommitOptions, version: number): Promise<void> {
  try {
    await objects.put(layout.versionHint, Buffer.from(String(version)))
    const dropped = version - metadataLogMaxEntries - 1
    if (dropped > 0) await objects.remove(layout.metadataFile(dropped))
  } catch {
    // Next commit's hint and the removal of orphans make up for it.
  }
}

function emptyTable({ definition, random, layout, clock }: CommitOptions): TableMetadata {
  return newMetadata({ definition, uuid: uuid(random), location: layout.location, now: clock.now() })
}

// RFC 9562, version 4.
function uuid(random: Random): string {
  const bytes = Buffer.from(random.bytes(16))
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
