/**
 * A file that history is emitted to. What its mark names is on disk; what a stop left behind the mark is cut off when it is
 * gone on with, so that every hit is in it exactly once.
 */
import { folderOf } from '../../../core/adapters/disk-path.ts'
import { EmitRefusedError } from '../../../core/errors.ts'
import type { Random } from '../../../core/ports/clock.ts'
import { type Disk, DiskError, type DiskFile } from '../../../core/ports/disk.ts'
import type { EmitTarget } from '../../runtime/emit/emit-history.ts'
import type { ProgressFile } from '../../runtime/emit/progress.ts'
import { type EmitFormat, emitFormats, markerBytes } from './formats.ts'

export interface FileTargetOptions {
  readonly disk: Disk
  /** Its folder exists. */
  readonly path: string
  readonly format: EmitFormat
  /** Of the mark; 0: nothing is done. */
  readonly place: number
  readonly random: Random
}

export interface FileTarget extends EmitTarget {
  close(): Promise<void>
}

/** @throws EmitRefusedError where something is there that no emission of ours left */
export async function refuseForeignFile(disk: Disk, path: string): Promise<void> {
  if ((await disk.size(path)) === undefined) return
  throw new EmitRefusedError(path, 'there is such a file, and no emission was begun there; take another name')
}

/** @throws EmitRefusedError where the file is not what the mark says */
export async function openFileTarget(options: FileTargetOptions): Promise<FileTarget> {
  const { disk, path } = options
  const format = emitFormats[options.format]
  const file = options.place === 0 ? await emptied(disk, path) : await opened(options)
  try {
    let place = options.place
    let marker: Buffer
    if (place === 0) {
      marker = Buffer.from(options.random.bytes(markerBytes))
      const header = format.header(marker)
      if (header.length > 0) await file.write(header, 0)
      await file.datasync()
      await disk.syncFolder(folderOf(path))
      place = header.length
    } else {
      const size = await file.size()
      const found = format.markerOf(await file.read(format.headerBytes, 0))
      if (size < place || found === undefined) {
        throw new EmitRefusedError(
          path,
          'the file was changed since: it lacks what was written; remove it and its progress',
        )
      }
      marker = found
      await file.truncate(place)
      await file.datasync()
    }
    return {
      async append(entries) {
        const bytes = format.encode(entries, marker)
        await file.write(bytes, place)
        await file.datasync()
        place += bytes.length
        return place
      },
      close: () => file.close(),
    }
  } catch (error) {
    await file.close()
    throw error
  }
}

/** Progress beside the file. */
export function diskProgress(disk: Disk, path: string): ProgressFile {
  const beside = `${path}.new`
  return {
    async read() {
      const size = await disk.size(path)
      if (size === undefined) return undefined
      const file = await disk.open(path, 'read')
      try {
        return await file.read(size, 0)
      } finally {
        await file.close()
      }
    },
    async replace(bytes) {
      await removed(disk, beside)
      const file = await disk.open(beside, 'create')
      try {
        await file.write(bytes, 0)
        await file.datasync()
      } finally {
        await file.close()
      }
      await disk.rename(beside, path)
      await disk.syncFolder(folderOf(path))
    },
  }
}

async function opened({ disk, path }: FileTargetOptions): Promise<DiskFile> {
  try {
    return await disk.open(path, 'write')
  } catch (error) {
    if (!(error instanceof DiskError) || error.code !== 'ENOENT') throw error
    throw new EmitRefusedError(path, 'the file is gone, and its progress is not; remove that, too, to begin anew')
  }
}

/** Nothing of it counts yet. */
async function emptied(disk: Disk, path: string): Promise<DiskFile> {
  await removed(disk, path)
  return disk.open(path, 'create')
}

async function removed(disk: Disk, path: string): Promise<void> {
  try {
    await disk.remove(path)
  } catch (error) {
    if (!(error instanceof DiskError) || error.code !== 'ENOENT') throw error
  }
}
