/**
 * Holds a table against what its newest metadata says of it: every reference, every count, every bound. Reads metadata and
 * the footers of the Parquet files that are read now, no rows.
 */
import type { LakeUpkeep, TableFault } from '../../../core/ports/lake.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import type { TableName } from '../../../core/tables.ts'
import type { ManifestEntry, ManifestFile } from '../../core/iceberg/manifest.ts'
import { currentSnapshot, type SnapshotJson, snapshotId, type TableMetadata } from '../../core/iceberg/metadata.ts'
import type { TableFiles } from '../../core/table-files.ts'
import type { LocalTable } from './rewrites.ts'

/** Faults that are listed; more of them say nothing new. */
export const faultsMax = 100

export interface VerifyOptions {
  readonly objects: ObjectStore
  readonly table: (name: TableName) => LocalTable
  readonly files: TableFiles
}

const fromCopy = 'bring the file back from a copy of the data folder, or roll back to a snapshot without it'
const byRewrite = 'rows are right; compact the table, which writes it anew'

export function createVerify(options: VerifyOptions): LakeUpkeep['verify'] {
  const { objects } = options

  return async (name) => {
    const { reader } = options.table(name)
    const faults: TableFault[] = []
    const fault = (at: string, says: string, mend: string) => {
      if (faults.length < faultsMax) faults.push({ at, says, mend })
    }
    const loaded = await reader.load()
    if (loaded === undefined) return []
    const { metadata } = loaded
    const checkedManifests = new Set<string>()
    const checkedFiles = new Map<string, number>()

    checkReferences(metadata, fault)
    for (const snapshot of metadata.snapshots ?? []) {
      const id = String(snapshot['snapshot-id'])
      try {
        const manifests = await reader.manifestList(metadata, snapshot)
        for (const manifest of manifests) {
          if (checkedManifests.has(manifest.uri)) continue
          checkedManifests.add(manifest.uri)
          await checkManifest(manifest)
        }
        await checkTotals(snapshot, manifests)
      } catch (error) {
        fault(`snapshot ${id}`, (error as Error).message, fromCopy)
      }
    }
    const current = currentSnapshot(metadata)
    if (current !== undefined && faults.length === 0) {
      const view = { table: name, snapshot: String(current['snapshot-id']), pending: [] }
      await options.files
        .files(view)
        .catch((error: Error) => fault(`snapshot ${view.snapshot}`, error.message, fromCopy))
    }
    return faults

    async function checkManifest(manifest: ManifestFile): Promise<void> {
      const object = reader.nameOf(metadata, manifest.uri)
      const size = await objects.size(object)
      if (size !== manifest.bytes) fault(object, `it has ${size ?? 'no'} bytes, not ${manifest.bytes}`, fromCopy)
      const entries = await reader.manifest(metadata, manifest)
      for (const [status, said] of [
        ['added', manifest.added],
        ['existing', manifest.existing],
        ['deleted', manifest.deleted],
      ] as const) {
        const own = entries.filter((entry) => entry.status === status)
        const rows = own.reduce((sum, { file }) => sum + file.rows, 0)
        if (own.length !== said.files || rows !== said.rows) {
          const found = `${own.length} ${status} files of ${rows} rows`
          fault(object, `it holds ${found}, and its list says ${said.files} of ${said.rows}`, byRewrite)
        }
      }
      for (const entry of entries) if (entry.status !== 'deleted') await checkFile(manifest, entry)
    }

    async function checkFile(manifest: ManifestFile, { file }: ManifestEntry): Promise<void> {
      const object = reader.nameOf(metadata, file.uri)
      if (!checkedFiles.has(object)) {
        const size = (await objects.size(object)) ?? -1
        checkedFiles.set(object, size)
        if (size < 0) fault(object, 'it does not exist', fromCopy)
        else if (size !== file.bytes) fault(object, `it has ${size} bytes, not ${file.bytes}`, fromCopy)
      }
      for (const [at, value] of file.partition.entries()) {
        const bounds = manifest.partitions[at]
        if (value === null || bounds === undefined) continue
        const below = bounds.lower === null || bounds.lower.length !== 4 || value >= bounds.lower.readInt32LE()
        const above = bounds.upper === null || bounds.upper.length !== 4 || value <= bounds.upper.readInt32LE()
        if (!below || !above) fault(object, `partition value ${value} lies outside its manifest's bounds`, byRewrite)
      }
    }

    async function checkTotals(snapshot: SnapshotJson, manifests: readonly ManifestFile[]): Promise<void> {
      const said = snapshot.summary?.['total-records']
      if (said === undefined) return
      const rows = manifests
        .filter(({ content }) => content === 0)
        .reduce((sum, { added, existing }) => sum + added.rows + existing.rows, 0)
      if (rows === Number(said)) return
      const id = String(snapshot['snapshot-id'])
      fault(`snapshot ${id}`, `its files hold ${rows} rows, and its summary says ${said}`, byRewrite)
    }
  }
}

function checkReferences(metadata: TableMetadata, fault: (at: string, says: string, mend: string) => void): void {
  const ids = new Set((metadata.snapshots ?? []).map((snapshot) => String(snapshot['snapshot-id'])))
  const current = snapshotId(metadata['current-snapshot-id'])
  const mend = 'roll back to a snapshot there is'
  if (current !== null && !ids.has(current)) fault('current-snapshot-id', `there is no snapshot ${current}`, mend)
  for (const [name, ref] of Object.entries(metadata.refs ?? {})) {
    const id = String(ref['snapshot-id'])
    if (!ids.has(id)) fault(`ref ${name}`, `there is no snapshot ${id}`, mend)
  }
}
