/**
 * Which files a scan of a snapshot must read, and which rows of them are deleted (Iceberg spec, "Scan Planning" and
 * "Position Delete Files"). A position delete file counts for a data file of the same partition that is not younger than
 * it. Equality deletes, deletion vectors and files that are not Parquet are refused: rows would be read that are gone.
 */
import { CorruptTableError, UnsupportedTableError } from '../../../core/errors.ts'
import type { ReadEntry } from './decode-manifest.ts'
import type { ManifestFile } from './manifest.ts'
import type { SnapshotJson, TableMetadata } from './metadata.ts'
import type { Pruner } from './prune.ts'
import type { TableReader } from './table-reader.ts'

/** Pairs of a data file and a delete file that one scan may have to look at. */
export const deletePairsMax = 100_000

/** Reserved field ids of position delete files (spec, "Reserved Field IDs"). */
export const deletedPathId = 2_147_483_546
export const deletedPositionId = 2_147_483_545

const compact = 'compact it with the engine that wrote it (in Trino: ALTER TABLE … EXECUTE optimize)'

export interface ScanFile {
  readonly file: ReadEntry['file']
  readonly specId: number
  /** Position delete files that may name rows of it. */
  readonly deletes: readonly ReadEntry['file'][]
}

export interface ScanPlan {
  readonly pruner: Pick<Pruner, 'manifest' | 'file'>
  readonly deletePairsMax?: number
}

/** Leaves nothing out. */
export const wholeTable: ScanPlan['pruner'] = { manifest: () => true, file: () => true }

/** @throws CorruptTableError, UnsupportedTableError */
export async function planScan(
  reader: TableReader,
  metadata: TableMetadata,
  snapshot: SnapshotJson,
  { pruner, deletePairsMax: maxPairs = deletePairsMax }: ScanPlan,
): Promise<readonly ScanFile[]> {
  const data: Dated[] = []
  const deletes = new DeletesByPartition(reader.table, maxPairs)
  const seen = new Set<string>()
  for (const manifest of await reader.manifestList(metadata, snapshot)) {
    if (!pruner.manifest(manifest)) continue
    for (const entry of await reader.manifest(metadata, manifest)) {
      if (entry.status === 'deleted') continue
      checkEntry(reader.table, manifest, entry)
      const dated = { file: entry.file, specId: manifest.specId, sequence: entry.sequence ?? manifest.sequence }
      if (manifest.content === 1) deletes.add(dated)
      else if (pruner.file(entry.file, manifest.specId)) {
        if (seen.has(entry.file.uri)) throw new CorruptTableError(reader.table, entry.file.uri, 'it is listed twice')
        seen.add(entry.file.uri)
        data.push(dated)
      }
    }
  }
  return data.map((dated) => ({ file: dated.file, specId: dated.specId, deletes: deletes.of(dated) }))
}

interface Dated {
  readonly file: ReadEntry['file']
  readonly specId: number
  readonly sequence: bigint
}

function checkEntry(table: string, manifest: ManifestFile, { file }: ReadEntry): void {
  const unsupported = (what: string) => {
    throw new UnsupportedTableError(table, file.uri, what, compact)
  }
  if ((file.content === 0) !== (manifest.content === 0)) {
    throw new CorruptTableError(table, manifest.uri, 'data files and delete files are in one manifest')
  }
  if (file.content === 2) unsupported('equality deletes')
  if (file.content === 1 && file.format === 'puffin') unsupported('deletion vectors')
  if (file.format !== 'parquet') unsupported(`the format ${file.format.slice(0, 40)}`)
  if (file.isEncrypted) unsupported('encryption')
}

class DeletesByPartition {
  /** Of one data file alone, by partition and its URI. */
  private readonly ofOne = new Map<string, Dated[]>()
  /** Of several, by partition. */
  private readonly ofMany = new Map<string, Dated[]>()
  private pairs = 0

  constructor(
    private readonly table: string,
    private readonly maxPairs: number,
  ) {}

  add(deletes: Dated): void {
    const one = onlyFile(deletes.file)
    if (one === undefined) append(this.ofMany, partitionOf(deletes), deletes)
    else append(this.ofOne, `${partitionOf(deletes)} ${one}`, deletes)
  }

  of(data: Dated): readonly ReadEntry['file'][] {
    const partition = partitionOf(data)
    const candidates = [
      ...(this.ofOne.get(`${partition} ${data.file.uri}`) ?? []),
      ...(this.ofMany.get(partition) ?? []),
    ]
    this.pairs += candidates.length
    if (this.pairs > this.maxPairs) {
      throw new UnsupportedTableError(
        this.table,
        data.file.uri,
        `more than ${this.maxPairs} pairs of data and delete files`,
        compact,
      )
    }
    const path = Buffer.from(data.file.uri, 'utf8')
    return candidates
      .filter(({ sequence, file }) => sequence >= data.sequence && mayName(file, path))
      .map(({ file }) => file)
  }
}

function mayName(deletes: ReadEntry['file'], path: Buffer): boolean {
  const [lower, upper] = [deletes.lowerBounds.get(deletedPathId), deletes.upperBounds.get(deletedPathId)]
  return (lower === undefined || lower.compare(path) <= 0) && (upper === undefined || upper.compare(path) >= 0)
}

/** URI of the one data file that it names rows of, where it says so. */
function onlyFile(deletes: ReadEntry['file']): string | undefined {
  if (deletes.referencedFile !== null) return deletes.referencedFile
  const [lower, upper] = [deletes.lowerBounds.get(deletedPathId), deletes.upperBounds.get(deletedPathId)]
  // Cut bounds are never equal: the upper one is raised.
  return lower !== undefined && upper?.equals(lower) ? lower.toString('utf8') : undefined
}

function partitionOf({ file, specId }: Dated): string {
  return `${specId} ${file.partitionKey}`
}

function append(map: Map<string, Dated[]>, key: string, value: Dated): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [value])
  else list.push(value)
}
