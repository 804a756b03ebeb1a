/**
 * Holds a table against what its newest metadata says of it: every reference, every count, every bound. Reads metadata of
 * all snapshots, and of the newest one the Parquet files too: footers of all, and the rows of as many as `verifiedRowsMax`.
 */
import type { DuckDBInstance } from '@duckdb/node-api'
import { CorruptTableError } from '../../../core/errors.ts'
import type { LakeUpkeep, TableFault } from '../../../core/ports/lake.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import type { TableName } from '../../../core/tables.ts'
import type { ManifestEntry, ManifestFile } from '../../core/iceberg/manifest.ts'
import { currentSnapshot, type SnapshotJson, type TableMetadata } from '../../core/iceberg/metadata.ts'
import { planScan, wholeTable } from '../../core/iceberg/read-scan.ts'
import type { LoadedTable } from '../../core/iceberg/table-reader.ts'
import { withConnection } from '../duckdb/parquet.ts'
import type { LocalTable } from './rewrites.ts'
import { createFileChecks } from './table-files.ts'
import { sumsOf, verifyNamedFiles, verifyReferences, verifySums } from './verify-references.ts'
import { verifyRows } from './verify-rows.ts'

/** Faults that are listed; more of them say nothing new. */
export const faultsMax = 100
/** Rows that are read, file by file until the next one would pass it; of the others footers alone. */
export const verifiedRowsMax = 20_000_000

export interface VerifyOptions {
  readonly objects: ObjectStore
  readonly instance: DuckDBInstance
  readonly table: (name: TableName) => LocalTable
  readonly verifiedRowsMax?: number
}

const fromCopy = 'bring the file back from a copy of the data folder, or roll back to a snapshot without it'
const byRewrite = 'rows are right; compact the table, which writes it anew'
const byUpgrade = 'mend it with the engine that wrote it, or roll back to a snapshot before that'

export function createVerify(options: VerifyOptions): LakeUpkeep['verify'] {
  return async (name) => {
    const faults = new Faults()
    const table = options.table(name)
    try {
      const loaded = await table.reader.load()
      if (loaded === undefined) return []
      faults.add(...verifyReferences(loaded.metadata))
      faults.add(...(await verifyNamedFiles(options.objects, table, loaded)))
      const metadata = new Manifests(options.objects, table, loaded.metadata, faults)
      for (const snapshot of loaded.metadata.snapshots ?? []) await metadata.verify(snapshot)
      await verifyFiles(options, table, { loaded, faults })
    } catch (error) {
      const at = error instanceof CorruptTableError ? error.file : 'metadata'
      faults.add({ at, says: saidBy(error), mend: fromCopy })
    }
    return faults.list
  }
}

class Faults {
  readonly list: TableFault[] = []
  /** What is known to be wrong is not looked at again. */
  readonly places = new Set<string>()

  add(...found: readonly TableFault[]): void {
    for (const fault of found) {
      const isKnown = this.list.some(({ at, says }) => at === fault.at && says === fault.says)
      this.places.add(fault.at)
      if (!isKnown && this.list.length < faultsMax) this.list.push(fault)
    }
  }
}

/** Manifest lists, manifests, and that the files they name are there; each once, however many snapshots name it. */
class Manifests {
  private readonly verified = new Set<string>()
  private readonly sizes = new Map<string, number>()

  constructor(
    private readonly objects: ObjectStore,
    private readonly table: LocalTable,
    private readonly metadata: TableMetadata,
    private readonly faults: Faults,
  ) {}

  async verify(snapshot: SnapshotJson): Promise<void> {
    const manifests = await this.tried(snapshot, this.table.reader.manifestList(this.metadata, snapshot))
    let bytes = 0
    for (const manifest of manifests ?? []) {
      const entries = await this.tried(snapshot, this.table.reader.manifest(this.metadata, manifest))
      for (const { status, file } of entries ?? []) if (status !== 'deleted') bytes += file.bytes
      if (this.verified.has(manifest.uri)) continue
      this.verified.add(manifest.uri)
      if (entries !== undefined) await this.tried(snapshot, this.verifyManifest(manifest, entries))
    }
    if (manifests === undefined || this.faults.places.has(nameOf(snapshot))) return
    this.faults.add(...verifySums(snapshot, sumsOf(manifests, bytes)))
  }

  /** Undefined where it failed: then that is a fault, and the snapshot cannot be read as a whole. */
  private async tried<T>(snapshot: SnapshotJson, work: Promise<T>): Promise<T | undefined> {
    try {
      return await work
    } catch (error) {
      const at = error instanceof CorruptTableError ? error.file : nameOf(snapshot)
      this.faults.add({ at, says: saidBy(error), mend: fromCopy })
      this.faults.places.add(nameOf(snapshot))
      return undefined
    }
  }

  private async verifyManifest(manifest: ManifestFile, entries: readonly ManifestEntry[]): Promise<void> {
    const object = this.table.reader.nameOf(this.metadata, manifest.uri)
    const size = await this.objects.size(object)
    if (size !== manifest.bytes) this.fault(object, `it has ${size ?? 'no'} bytes, not ${manifest.bytes}`, fromCopy)
    for (const status of ['added', 'existing', 'deleted'] as const) {
      const own = entries.filter((entry) => entry.status === status)
      const rows = own.reduce((sum, { file }) => sum + file.rows, 0)
      const said = manifest[status]
      if (own.length !== said.files || rows !== said.rows) {
        const found = `${own.length} ${status} files of ${rows} rows`
        this.fault(object, `it holds ${found}, and its list says ${said.files} of ${said.rows}`, byRewrite)
      }
    }
    for (const entry of entries) if (entry.status !== 'deleted') await this.verifyFile(manifest, entry)
  }

  private async verifyFile(manifest: ManifestFile, { file }: ManifestEntry): Promise<void> {
    const object = this.table.reader.nameOf(this.metadata, file.uri)
    if (!this.sizes.has(object)) {
      const size = (await this.objects.size(object)) ?? -1
      this.sizes.set(object, size)
      if (size < 0) this.fault(object, 'it does not exist', fromCopy)
      else if (size !== file.bytes) this.fault(object, `it has ${size} bytes, not ${file.bytes}`, fromCopy)
    }
    for (const [at, value] of file.partition.entries()) {
      const bounds = manifest.partitions[at]
      if (value === null || bounds === undefined) continue
      const below = bounds.lower === null || bounds.lower.length !== 4 || value >= bounds.lower.readInt32LE()
      const above = bounds.upper === null || bounds.upper.length !== 4 || value <= bounds.upper.readInt32LE()
      if (!below || !above) this.fault(object, `partition value ${value} lies outside its manifest's bounds`, byRewrite)
    }
  }

  private fault(at: string, says: string, mend: string): void {
    this.faults.add({ at, says, mend })
  }
}

/** Footers and rows of what is read now. */
async function verifyFiles(
  options: VerifyOptions,
  { definition, reader }: LocalTable,
  { loaded: { metadata }, faults }: { readonly loaded: LoadedTable; readonly faults: Faults },
): Promise<void> {
  const snapshot = currentSnapshot(metadata)
  if (snapshot === undefined || faults.places.has(nameOf(snapshot))) return
  const checks = createFileChecks(options.objects)
  const files = await planScan(reader, metadata, snapshot, { pruner: wholeTable }).catch((error) => {
    faults.add({ at: nameOf(snapshot), says: saidBy(error), mend: byUpgrade })
    return []
  })
  await withConnection(options.instance, async (connection) => {
    let rowsLeft = options.verifiedRowsMax ?? verifiedRowsMax
    for (const one of files) {
      const at = reader.nameOf(metadata, one.file.uri)
      if (faults.places.has(at)) continue
      try {
        const { localPath } = await checks.localFile(reader, metadata, one)
        if (one.file.rows > rowsLeft) continue
        rowsLeft -= one.file.rows
        const found = await verifyRows({ connection, definition, metadata, file: one.file, localPath })
        faults.add(...found.map((fault) => ({ at, ...fault })))
      } catch (error) {
        const place = error instanceof CorruptTableError ? error.file : at
        if (!faults.places.has(place)) faults.add({ at: place, says: saidBy(error), mend: fromCopy })
      }
    }
  })
}

function nameOf(snapshot: SnapshotJson): string {
  return `snapshot ${snapshot['snapshot-id']}`
}

function saidBy(error: unknown): string {
  return error instanceof CorruptTableError ? error.what : (error as Error).message
}
