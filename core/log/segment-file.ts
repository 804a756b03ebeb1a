/** A segment as the log knows it, and how one comes into being. */
import type { Offset } from '../ids.ts'
import { type Disk, DiskError, type DiskFile } from '../ports/disk.ts'
import { encodeSegmentHeader, headerBytes, type SegmentHeader, segmentName } from './segment-format.ts'

export interface Segment {
  readonly base: Offset
  readonly path: string
  /** Bytes that are on disk for certain. */
  bytes: number
}

/** The segment that is written to, always the last. */
export interface ActiveSegment extends Segment {
  readonly header: SegmentHeader
  readonly file: DiskFile
}

/** Ends the name of a segment that is not ready; found at open, it is a crash's leftover and removed. */
export const unreadySuffix = '.new'

/**
 * A new, empty, durable segment. Its header is written and synced under another name before it gets its own, so a segment
 * that has its name has a whole header, for a reader in another thread and after any crash. Takes the place of a segment
 * of the same base, which must hold nothing.
 */
export async function createSegment(
  { disk, folder }: { readonly disk: Disk; readonly folder: string },
  header: SegmentHeader,
): Promise<ActiveSegment> {
  const path = `${folder}/${segmentName(header.base)}`
  const unready = path + unreadySuffix
  await removeIfThere(disk, unready)
  const file = await disk.open(unready, 'create')
  try {
    await file.write(encodeSegmentHeader(header), 0)
    await file.datasync()
    await disk.rename(unready, path)
    await disk.syncFolder(folder)
  } catch (error) {
    await file.close().catch(() => undefined)
    throw error
  }
  return { base: header.base, path, bytes: headerBytes, header, file }
}

/** Removes a file; nothing happens where there is none. */
export async function removeIfThere(disk: Disk, path: string): Promise<void> {
  try {
    await disk.remove(path)
  } catch (error) {
    if (!(error instanceof DiskError && error.code === 'ENOENT')) throw error
  }
}
