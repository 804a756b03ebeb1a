/**
 * A log's folder with bytes changed, files cut, swapped or gone. Promise: it is opened or refused with an error of ours;
 * every record that is given is one whose checksum is right and which stands at its own offset; and a log that opens takes
 * records again and gives them back.
 */
import { crc32 } from 'node:zlib'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { MemoryDisk } from '../../../core/adapters/memory/memory-disk.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { CorruptLogError, OffsetTrimmedError } from '../../../core/errors.ts'
import type { Offset } from '../../../core/ids.ts'
import { openLogReader } from '../../../core/log/log-reader.ts'
import { frameHeaderBytes, headerBytes, segmentName } from '../../../core/log/segment-format.ts'
import { openSegmentLog } from '../../../core/log/segment-log.ts'
import type { HitLog } from '../../../core/ports/hit-log.ts'
import type { Draw } from '../../sim/random.ts'
import { mutateBytes } from '../mutate-bytes.ts'
import { type FuzzTarget, promised, stateless, type Verdict } from '../target.ts'

const folder = 'log'
const readBytes = 4 * 1024 * 1024
const recordHead = 8

interface LogFile {
  readonly name: string
  readonly bytes: Buffer
}

/** An input is the folder's files, each: length of name 1, name, length 4 (little endian), bytes. */
export function encodeFolder(files: readonly LogFile[]): Buffer {
  return Buffer.concat(
    files.flatMap(({ name, bytes }) => {
      const length = Buffer.alloc(4)
      length.writeUInt32LE(bytes.length)
      return [Buffer.from([name.length]), Buffer.from(name, 'latin1'), length, bytes]
    }),
  )
}

/** Whatever the input is, it is some folder. Of two files of one name the last stays. */
export function decodeFolder(input: Buffer): readonly LogFile[] {
  const files = new Map<string, LogFile>()
  for (let at = 0; at < input.length; ) {
    const nameEnd = at + 1 + (input[at] ?? 0)
    if (nameEnd + 4 > input.length) break
    const given = input.toString('latin1', at + 1, nameEnd)
    const name = /^[\w.-]{1,40}$/.test(given) && !/^\.+$/.test(given) ? given : 'strange'
    const end = Math.min(input.length, nameEnd + 4 + input.readUInt32LE(nameEnd))
    files.set(name, { name, bytes: input.subarray(nameEnd + 4, end) })
    at = end
  }
  return [...files.values()]
}

async function openOn(disk: MemoryDisk): Promise<HitLog> {
  const options = { disk, folder, timers: new ManualClock(), random: seededRandom(7), segmentMaxBytes: 600 }
  return openSegmentLog(options)
}

async function written(groups: readonly (readonly string[])[]): Promise<Buffer> {
  const disk = new MemoryDisk()
  const log = await openOn(disk)
  for (const group of groups) await Promise.all(group.map((text) => log.append(Buffer.from(text))))
  await log.close()
  return encodeFolder(await filesOf(disk))
}

async function filesOf(disk: MemoryDisk): Promise<readonly LogFile[]> {
  const files: LogFile[] = []
  for (const name of await disk.list(folder)) {
    const file = await disk.open(`${folder}/${name}`, 'read')
    files.push({ name, bytes: Buffer.from(await file.read(await file.size(), 0)) })
    await file.close()
  }
  return files
}

export const logSegments: FuzzTarget = {
  name: 'log-segments',
  form: 'bytes',
  share: 2,
  examples: async () => ({
    one: await written([['hit 1'], ['hit 2', 'hit 3']]),
    three: await written(Array.from({ length: 8 }, (_, i) => [`hit ${i} ${'x'.repeat((i * 97) % 300)}`, `and ${i}`])),
    large: await written([['y'.repeat(5_000)], ['a', 'b', 'c'], ['z'.repeat(700)]]),
  }),
  mutate(draw, corpus) {
    if (draw.oneIn(10)) return mutateBytes(draw, draw.of(corpus), draw.of(corpus))
    let files = [...decodeFolder(draw.of(corpus))]
    const lent = decodeFolder(draw.of(corpus))
    for (let left = draw.oneIn(3) ? draw.between(2, 4) : 1; left > 0; left--) files = changedFiles(draw, files, lent)
    return encodeFolder(files)
  },
  open: stateless(judge),
}

function changedFiles(draw: Draw, files: LogFile[], lent: readonly LogFile[]): LogFile[] {
  const file = files[draw.below(files.length)]
  const other = lent[draw.below(lent.length)]
  if (file === undefined || other === undefined) return [...lent]
  const put = (bytes: Buffer, name = file.name) => files.map((each) => (each === file ? { name, bytes } : each))
  switch (draw.below(8)) {
    case 0:
      return files.filter((each) => each !== file)
    case 1:
      return put(file.bytes, draw.of([segmentName(draw.below(20)), other.name, `${segmentName(0)}.tmp`, 'notes.txt']))
    case 2:
      return put(other.bytes)
    case 3:
      return put(rechecked(draw, file.bytes))
    case 4: {
      const [head, ...records] = pieces(file.bytes)
      const which = draw.below(records.length + 1)
      const gone = draw.oneIn(2)
        ? records.toSpliced(which, 1)
        : records.toSpliced(which, 0, ...records.slice(draw.below(records.length + 1)))
      return put(Buffer.concat([head ?? Buffer.alloc(0), ...gone]))
    }
    default:
      return put(mutateBytes(draw, file.bytes, other.bytes))
  }
}

/** Header, then records, as far as their lengths are believable. */
function pieces(bytes: Buffer): readonly Buffer[] {
  const found = [bytes.subarray(0, headerBytes)]
  for (let at = headerBytes; at < bytes.length; ) {
    const length = bytes.length - at < frameHeaderBytes ? 0 : bytes.readUInt32LE(at + 8)
    const end = Math.min(bytes.length, at + frameHeaderBytes + length)
    found.push(bytes.subarray(at, end))
    at = end
  }
  return found
}

/** A change of header or record under a checksum that is right again: what only a bug, or somebody who knows, could write. */
function rechecked(draw: Draw, bytes: Buffer): Buffer {
  const all = pieces(bytes).map((piece) => Buffer.from(piece))
  const which = draw.oneIn(3) ? 0 : draw.below(all.length)
  const piece = all[which] as Buffer
  if (piece.length < frameHeaderBytes) return bytes
  piece[draw.below(piece.length)] = draw.below(256)
  const salt = bytes.length < 16 ? 0 : bytes.readUInt32LE(12)
  if (which > 0) piece.writeUInt32LE(crc32(piece.subarray(recordHead), salt), 4)
  else if (piece.length >= headerBytes) piece.writeUInt32LE(crc32(piece.subarray(0, 60)), 60)
  return Buffer.concat(all)
}

/** Records of the files whose checksum is right, wherever they lie: `offset/payload`. Found by a search of its own. */
function soundRecords(files: readonly LogFile[]): ReadonlySet<string> {
  const salts = new Set(files.flatMap(({ bytes }) => (bytes.length < headerBytes ? [] : [bytes.readUInt32LE(12)])))
  const found = new Set<string>()
  for (const { bytes } of files) {
    for (let at = bytes.indexOf('fec7b1ff', 0, 'hex'); at >= 0; at = bytes.indexOf('fec7b1ff', at + 1, 'hex')) {
      if (bytes.length - at < frameHeaderBytes) break
      const end = at + frameHeaderBytes + bytes.readUInt32LE(at + 8)
      if (end > bytes.length) continue
      for (const salt of salts) {
        if (crc32(bytes.subarray(at + recordHead, end), salt) !== bytes.readUInt32LE(at + 4)) continue
        const offset = bytes.readBigUInt64LE(at + 16)
        found.add(`${offset}/${bytes.toString('latin1', at + frameHeaderBytes, end)}`)
      }
    }
  }
  return found
}

async function judge(input: Buffer): Promise<Verdict> {
  const files = decodeFolder(input)
  const disk = new MemoryDisk()
  await disk.makeFolder(folder)
  for (const { name, bytes } of files) {
    const file = await disk.open(`${folder}/${name}`, 'create')
    await file.write(Buffer.from(bytes), 0)
    await file.datasync()
    await file.close()
  }
  await disk.syncFolder(folder)
  const sound = soundRecords(files)

  const log = await orCorrupt(() => openOn(disk))
  if (log === undefined) {
    promised(
      encodeFolder(await filesOf(disk)).equals(encodeFolder([...files].sort(byName))),
      () => 'a log was refused, and changed',
    )
    return 'refused'
  }
  try {
    const first = await recordsOf(disk, log, sound)
    if (first === undefined) return 'refused'
    const added = await log.append(Buffer.from('one more'))
    const then = await recordsOf(disk, log, new Set([...sound, `${added}/one more`]))
    const wanted = [...first, `${added}/one more`]
    promised(
      JSON.stringify(then) === JSON.stringify(wanted),
      () => `records ${JSON.stringify(wanted)} became ${JSON.stringify(then)}`,
    )
    await log.close()
    const again = await openOn(disk)
    const after = await recordsOf(disk, again, new Set(then))
    await again.close()
    promised(
      JSON.stringify(after) === JSON.stringify(wanted),
      () => `records ${JSON.stringify(wanted)} are ${JSON.stringify(after)} after a start`,
    )
    return 'accepted'
  } finally {
    await log.close()
  }
}

/** All durable records, each found sound; undefined where the reader met damage. */
async function recordsOf(
  disk: MemoryDisk,
  log: HitLog,
  sound: ReadonlySet<string>,
): Promise<readonly string[] | undefined> {
  return orCorrupt(async () => {
    const reader = await openLogReader({ disk, folder, id: log.id, from: log.oldest, durable: () => log.durable })
    const found: string[] = []
    try {
      let next: Offset = log.oldest
      for (;;) {
        const records = await reader.read(readBytes)
        if (records.length === 0) break
        for (const { offset, payload } of records) {
          promised(offset === next, () => `record ${offset} where ${next} belongs`)
          next = (next + 1) as Offset
          const record = `${offset}/${payload.toString('latin1')}`
          promised(sound.has(record), () => `record ${offset} is given and was never written so`)
          found.push(record)
        }
      }
      promised(next === log.durable, () => `the reader ends at ${next}, the log at ${log.durable}`)
    } finally {
      await reader.close()
    }
    return found
  })
}

async function orCorrupt<T>(attempt: () => Promise<T>): Promise<T | undefined> {
  try {
    return await attempt()
  } catch (error) {
    if (error instanceof CorruptLogError || error instanceof OffsetTrimmedError) return undefined
    throw error
  }
}

function byName(a: LogFile, b: LogFile): number {
  return a.name < b.name ? -1 : 1
}
