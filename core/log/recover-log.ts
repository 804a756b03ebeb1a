/**
 * What is on disk becomes a log again. Sealed segments are proved by headers and the chain of lengths (their records are
 * checked when they are read); the last one is read whole, and a torn tail of it is cut.
 */
import { CorruptLogError } from '../errors.ts'
import type { Offset } from '../ids.ts'
import type { Disk, DiskFile } from '../ports/disk.ts'
import { type ActiveSegment, removeIfThere, type Segment, unreadySuffix } from './segment-file.ts'
import { decodeSegmentHeader, headerBytes, type SegmentHeader, segmentBase } from './segment-format.ts'
import { findLaterGroup, scanSegment } from './segment-scan.ts'

/** Of the last segment, written again at once. */
const rewriteBytes = 1024 * 1024

export interface RecoveredLog {
  readonly sealed: readonly Segment[]
  readonly active: ActiveSegment
  readonly next: Offset
  /** The torn tail that was cut, if there was one: its records were never acknowledged. */
  readonly cut: { readonly file: string; readonly byte: number; readonly bytes: number; readonly what: string } | null
}

/**
 * The log in `folder`, undefined where the folder holds none. When it resolves, all that it found is on disk.
 * @throws CorruptLogError where the bytes are such as no crash can leave; nothing is changed then
 */
export async function recoverLog(disk: Disk, folder: string): Promise<RecoveredLog | undefined> {
  const names = await disk.list(folder)
  const found: (Segment & { readonly header: SegmentHeader })[] = []
  for (const name of names) {
    const base = segmentBase(name)
    if (base !== undefined) found.push(await readSegment(disk, `${folder}/${name}`, base))
  }
  for (const [index, segment] of found.entries()) {
    const before = found[index - 1]
    if (before) checkChain(before, segment)
  }
  const last = found.at(-1)
  if (!last) {
    await removeUnready(disk, folder, names)
    return undefined
  }
  const recovered = await recoverLast(disk, last)
  await removeUnready(disk, folder, names)
  // A killed process leaves names and bytes that are seen but not on disk; whoever reads the log builds on them.
  await disk.syncFolder(folder)
  return { ...recovered, sealed: found.slice(0, -1) }
}

async function readSegment(
  disk: Disk,
  path: string,
  base: Offset,
): Promise<Segment & { readonly header: SegmentHeader }> {
  const file = await disk.open(path, 'read')
  try {
    const header = decodeSegmentHeader(await file.read(headerBytes, 0))
    if ('damage' in header) throw new CorruptLogError(path, 0, header.damage)
    if (header.base !== base) {
      throw new CorruptLogError(path, 0, `the header says the segment begins at record ${header.base}`)
    }
    return { base, path, bytes: await file.size(), header }
  } finally {
    await file.close()
  }
}

function checkChain(
  before: Segment & { readonly header: SegmentHeader },
  { path, header }: { readonly path: string; readonly header: SegmentHeader },
): void {
  if (header.id !== before.header.id) {
    throw new CorruptLogError(path, 0, `it belongs to log ${header.id}, the segment before it to ${before.header.id}`)
  }
  if (header.previous?.base !== before.base) {
    const missing = header.previous
      ? `the segment from record ${header.previous.base} on is missing`
      : 'it says it is the first'
    throw new CorruptLogError(path, 0, `${missing}, but the segment before it here begins at record ${before.base}`)
  }
  if (header.previous.bytes !== before.bytes) {
    const byte = Math.min(before.bytes, header.previous.bytes)
    throw new CorruptLogError(
      before.path,
      byte,
      `the file has ${before.bytes} bytes, it was sealed with ${header.previous.bytes}`,
    )
  }
}

async function recoverLast(
  disk: Disk,
  last: Segment & { readonly header: SegmentHeader },
): Promise<Omit<RecoveredLog, 'sealed'>> {
  const { path, header } = last
  const file = await disk.open(path, 'write')
  try {
    const scanned = await scanSegment(file, header)
    let cut: RecoveredLog['cut'] = null
    if (scanned.damage !== null) {
      const proof = await findLaterGroup(file, header, scanned)
      if (proof !== undefined) {
        const what = `${scanned.damage}, yet a record that was written after it was synced is whole at byte ${proof}`
        throw new CorruptLogError(path, scanned.endByte, what)
      }
      const bytes = last.bytes - scanned.endByte
      cut = { file: path, byte: scanned.endByte, bytes, what: scanned.damage }
      await file.truncate(scanned.endByte)
    }
    await writeAgain(file, headerBytes, scanned.endByte)
    await file.datasync()
    const active = { base: last.base, path, bytes: scanned.endByte, header, file }
    return { active, next: scanned.next, cut }
  } catch (error) {
    await file.close().catch(() => undefined)
    throw error
  }
}

/**
 * A sync that failed leaves pages that are read and on no disk, and the next sync says yes to them (see SegmentLog). Had the
 * process before this one died of it, or before it could mend its log, such pages would now pass for durable: so what was
 * found is written once more, the same bytes to the same place.
 */
async function writeAgain(file: DiskFile, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += rewriteBytes)
    await file.write(await file.read(Math.min(rewriteBytes, to - at), at), at)
}

async function removeUnready(disk: Disk, folder: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    if (name.endsWith(unreadySuffix)) await removeIfThere(disk, `${folder}/${name}`)
  }
}
