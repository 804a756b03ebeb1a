/**
 * Rewrites manifests: the live entries of many small ones go into few of a target size, ordered by partition, so that a plan
 * reads few files and skips most of them. No data file is touched and no row changes (operation `replace`); every entry
 * becomes EXISTING and keeps its sequence numbers and snapshot (Iceberg spec, "Sequence Number Inheritance").
 */
import { type CommitOptions, commitUpdates, type StagedUpdates } from './commit.ts'
import type { ManifestContext } from './encode-manifest.ts'
import type { ManifestEntry, ManifestFile } from './manifest.ts'
import { currentSchema, currentSnapshot, type SnapshotJson, specFor, type TableMetadata } from './metadata.ts'
import { canCarry, carriedEntries, writeManifest } from './next-manifests.ts'
import { drawSnapshotId, nextSequence, stageSnapshot } from './stage-snapshot.ts'
import { summaryOf } from './summary.ts'

/** Bytes that a rewritten manifest aims at: `commit.manifest.target-size-bytes` as Iceberg has it by default. */
export const manifestTargetBytes = 8_388_608
/** Manifests from this part of the target on are left as they are. */
const largeShare = 0.75

export interface ManifestRewrite {
  /** `manifestTargetBytes` where absent. */
  readonly targetBytes?: number
  /** Entries of the snapshot's summary: `hitlake.…`. */
  readonly named?: Readonly<Record<string, string>>
}

/**
 * The snapshot's id; null where no fewer manifests would be left.
 * @throws CorruptTableError
 * @throws CommitConflictError
 */
export function rewriteManifests(options: CommitOptions, rewrite: ManifestRewrite = {}): Promise<string | null> {
  return commitUpdates<string | null>(options, async (base) => {
    const parent = base && currentSnapshot(base.metadata)
    if (base === undefined || parent === undefined) return { done: null }
    const before = await options.reader.manifestList(base.metadata, parent)
    const { metadata } = base
    const targetBytes = rewrite.targetBytes ?? manifestTargetBytes
    const small = await wanted(options, metadata, { before, targetBytes })
    if (small.length === 0) return { done: null }
    return staged(options, { targetBytes, named: rewrite.named ?? {}, metadata, parent, before, small })
  })
}

/** Of our spec alone, and of files that we can describe; delete files stay where they are. */
async function wanted(
  options: CommitOptions,
  metadata: TableMetadata,
  { before, targetBytes }: { readonly before: readonly ManifestFile[]; readonly targetBytes: number },
): Promise<readonly ManifestFile[]> {
  const specId = specFor(metadata, options.definition)?.['spec-id']
  const small: ManifestFile[] = []
  for (const manifest of before) {
    const isSmall = manifest.content === 0 && manifest.specId === specId && manifest.bytes < targetBytes * largeShare
    if (isSmall && (await canCarry(options, { metadata }, manifest))) small.push(manifest)
  }
  return small.length > countFor(small, targetBytes) ? small : []
}

function countFor(manifests: readonly ManifestFile[], targetBytes: number): number {
  return Math.ceil(manifests.reduce((sum, { bytes }) => sum + bytes, 0) / targetBytes)
}

interface Rewriting extends Required<ManifestRewrite> {
  readonly metadata: TableMetadata
  readonly parent: SnapshotJson
  readonly before: readonly ManifestFile[]
  readonly small: readonly ManifestFile[]
}

async function staged(
  options: CommitOptions,
  { metadata, parent, before, small, targetBytes, named }: Rewriting,
): Promise<StagedUpdates<string>> {
  const { random, clock } = options
  const now = Math.max(clock.now(), metadata['last-updated-ms'])
  const id = drawSnapshotId(random)
  const sequence = nextSequence(metadata)
  const spec = specFor(metadata, options.definition)
  if (spec === undefined) throw new RangeError('manifests of a spec that the table has not')
  const entries: ManifestEntry[] = []
  for (const manifest of small) entries.push(...(await carriedEntries(options, { metadata, id }, manifest)))
  entries.sort((a, b) => comparePartitions(a.file.partition, b.file.partition))
  const perManifest = Math.ceil(entries.length / countFor(small, targetBytes))
  const made: ManifestFile[] = []
  for (let at = 0; at < entries.length; at += perManifest) {
    const context: ManifestContext = {
      schema: currentSchema(metadata),
      spec,
      sortOrderId: metadata['default-sort-order-id'],
      sync: random.bytes(16),
    }
    made.push(await writeManifest(options, { metadata, context, id, sequence }, entries.slice(at, at + perManifest)))
  }
  const gone = new Set(small)
  const manifests = [...made, ...before.filter((manifest) => !gone.has(manifest))]
  const summary = summaryOf({ operation: 'replace', named, added: [], removed: [] }, parent)
  return stageSnapshot(options, metadata, {
    id,
    manifests,
    // Spec, Appendix F, "Optional Snapshot Summary Fields".
    summary: {
      ...summary,
      'manifests-created': String(made.length),
      'manifests-kept': String(manifests.length - made.length),
      'manifests-replaced': String(small.length),
      'entries-processed': String(entries.length),
    },
    now,
  })
}

function comparePartitions(a: ManifestEntry['file']['partition'], b: ManifestEntry['file']['partition']): number {
  for (const [at, value] of a.entries()) {
    const other = b[at] ?? null
    if (value !== other) return value === null ? -1 : other === null ? 1 : value - other
  }
  return 0
}
