/**
 * Reading a whole segment at open: how far its records are right, and, behind the first one that is not, whether anything
 * proves that the damage lies in bytes that were once synced.
 */
import type { Offset } from '../ids.ts'
import type { DiskFile } from '../ports/disk.ts'
import {
  checkFrame,
  type FrameVerdict,
  frameBytes,
  frameHeaderBytes,
  framePlace,
  headerBytes,
  markerBytes,
  payloadLimitBytes,
  type SegmentHeader,
} from './segment-format.ts'

/** Read at once while scanning. */
const scanChunkBytes = 1024 * 1024

export interface ScannedSegment {
  /** Where the right records end. */
  readonly endByte: number
  /** One past the last right record. */
  readonly next: Offset
  /** What is wrong with the bytes at `endByte`; null where the file ends there. */
  readonly damage: string | null
}

/** Checks the records from the first one on, up to the end of the file or the first that is not right. */
export async function scanSegment(file: DiskFile, header: SegmentHeader): Promise<ScannedSegment> {
  let at = headerBytes
  let offset: number = header.base
  let chunkBytes = scanChunkBytes
  for (;;) {
    const chunk = await file.read(chunkBytes, at)
    if (chunk.length === 0) return { endByte: at, next: offset as Offset, damage: null }
    let used = 0
    let verdict: FrameVerdict = checkFrame(chunk, 0, header.salt, offset)
    while (verdict === 'whole') {
      used += frameBytes(chunk, used)
      offset++
      verdict = checkFrame(chunk, used, header.salt, offset)
    }
    at += used
    const fileEndsHere = chunk.length < chunkBytes
    if (verdict !== 'incomplete' || (fileEndsHere && used < chunk.length)) {
      return { endByte: at, next: offset as Offset, damage: damageText(verdict) }
    }
    // A record longer than the chunk is read whole the next time; after one that fitted, chunks are small again.
    chunkBytes = used === 0 ? Math.max(scanChunkBytes, frameBytes(chunk, 0)) : scanChunkBytes
  }
}

/** In words, for an error or a log line. */
export function damageText(verdict: FrameVerdict): string {
  switch (verdict) {
    case 'incomplete':
      return 'the file ends inside a record'
    case 'no marker':
      return 'no record begins here'
    case 'bad length':
      return 'a record longer than the format admits'
    case 'bad crc':
      return 'the record fails its CRC-32'
    case 'wrong offset':
      return 'the record has another offset than its place'
    case 'whole':
      return 'the record is right'
  }
}

/**
 * Where, behind the damage at `scanned.endByte`, a right record begins whose group began behind the damage: groups are
 * synced one by one, so the damaged bytes were synced before that group was written. A right record of the damaged
 * group itself proves nothing, for pages of one write reach the disk in any order. Undefined where there is none.
 */
export async function findLaterGroup(
  file: DiskFile,
  header: SegmentHeader,
  scanned: ScannedSegment,
): Promise<number | undefined> {
  const fileBytes = await file.size()
  let at = scanned.endByte + 1
  while (at + frameHeaderBytes <= fileBytes) {
    const chunk = await file.read(scanChunkBytes, at)
    const found = chunk.indexOf(markerBytes)
    if (found < 0) {
      if (chunk.length < scanChunkBytes) return undefined
      // A marker may begin in the last three bytes.
      at += chunk.length - markerBytes.length + 1
      continue
    }
    const candidate = at + found
    const record = await readRecord(file, header, { at: candidate, fileBytes, scanned })
    if (record && record.groupFirst > scanned.next) return candidate
    at = candidate + (record?.bytes ?? 1)
  }
  return undefined
}

async function readRecord(
  file: DiskFile,
  header: SegmentHeader,
  place: { readonly at: number; readonly fileBytes: number; readonly scanned: ScannedSegment },
): Promise<{ readonly groupFirst: number; readonly bytes: number } | undefined> {
  const { at, fileBytes, scanned } = place
  const start = await file.read(frameHeaderBytes, at)
  if (start.length < frameHeaderBytes) return undefined
  const bytes = frameBytes(start, 0)
  const { offset, groupFirst } = framePlace(start, 0)
  // Cheap refusals first, so that bytes which only look like a marker cost no CRC over megabytes.
  const mostRecordsBetween = Math.ceil((at - scanned.endByte) / frameHeaderBytes)
  const possible =
    bytes <= frameHeaderBytes + payloadLimitBytes &&
    at + bytes <= fileBytes &&
    offset >= scanned.next &&
    offset <= scanned.next + mostRecordsBetween &&
    groupFirst >= header.base
  if (!possible) return undefined
  const frame = await file.read(bytes, at)
  return checkFrame(frame, 0, header.salt, offset) === 'whole' ? { groupFirst, bytes } : undefined
}
