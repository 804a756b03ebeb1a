/**
 * Files of a table's folder that nothing names: left over by a commit, a rewrite or an expiry that was cut off. Only files
 * that were last written long ago go, so nothing under way is met; and only in `data/` and `metadata/` of the table.
 */
import { stat } from 'node:fs/promises'
import type { LakeExpiry, OrphanLimits } from '../../../core/ports/lake.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import type { TableName } from '../../../core/tables.ts'
import { referencedFiles } from '../../core/iceberg/reachable.ts'
import { removeFiles } from './expiry.ts'
import type { LocalTable } from './rewrites.ts'

export interface OrphansOptions {
  readonly objects: ObjectStore
  readonly table: (name: TableName) => LocalTable
  /** When the object was last written, ms; undefined where there is none. By its file's time where left out. */
  readonly writtenAt?: (object: string) => Promise<number | undefined>
}

export function createOrphans(options: OrphansOptions): LakeExpiry['removeOrphans'] {
  const { objects } = options
  const writtenAt = options.writtenAt ?? ((object: string) => fileTime(objects, object))

  return async (name, limits, mode) => {
    const table = options.table(name)
    // Listed before the metadata is read: what a commit names in between is then found named.
    const { metadataFolder } = table.layout
    const dataFolder = metadataFolder.replace(/metadata\/$/, 'data/')
    const listed = [...(await objects.list(dataFolder)), ...(await objects.list(metadataFolder))].filter(
      (object) => !isLaterPublication(object, limits),
    )
    const old: string[] = []
    for (const object of listed) if (await isOld(object)) old.push(object)
    const named = old.length === 0 ? undefined : await namedFiles(table)
    if (named === undefined) return { snapshots: [], files: 0, bytes: 0 }
    const removed = { files: 0, bytes: 0 }
    for (const object of old) {
      // Looked at once more: written again meanwhile, it is about to be named.
      if (named(object) || !(await isOld(object))) continue
      const { files, bytes } = await removeFiles(objects, [object], mode)
      removed.files += files
      removed.bytes += bytes
    }
    return { snapshots: [], ...removed }

    async function isOld(object: string): Promise<boolean> {
      const at = await writtenAt(object)
      return at !== undefined && at < limits.before
    }
  }
}

/** `…/p00000000042-<hash>.parquet` of a publication that may not be finished. */
function isLaterPublication(object: string, { through }: OrphanLimits): boolean {
  const match = /\/p(\d+)-[^/]*\.parquet$/.exec(object)
  return match !== null && Number(match[1]) > through
}

/** Whether the newest metadata names an object, or is it; undefined where the table has no metadata. @throws CorruptTableError */
async function namedFiles({ layout, reader }: LocalTable): Promise<((object: string) => boolean) | undefined> {
  const loaded = await reader.load()
  if (loaded === undefined) return undefined
  const { metadata, version } = loaded
  const { manifestLists, manifests, dataFiles, statistics } = await referencedFiles(reader, metadata)
  const logged = (metadata['metadata-log'] ?? []).map((entry) => reader.nameOf(metadata, entry['metadata-file']))
  const named = new Set([...manifestLists, ...manifests, ...dataFiles, ...statistics, ...logged, layout.versionHint])
  // A version above ours is a commit since.
  return (object) => named.has(object) || (layout.versionOf(object) ?? 0) >= version
}

async function fileTime(objects: ObjectStore, object: string): Promise<number | undefined> {
  try {
    return (await stat(await objects.localPath(object))).mtimeMs
  } catch {
    // Gone, or cannot be looked at: it stays.
    return undefined
  }
}
