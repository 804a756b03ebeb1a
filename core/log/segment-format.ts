/**
 * The bytes of a segment file, all numbers little endian. Version 1:
 *
 *     header (64)   magic 8 | version 4 | salt 4 | log id 16 | base offset 8 | previous base 8 | previous bytes 8 | 0 4 | CRC-32 4
 *     record        marker 4 | CRC-32 4 | payload bytes 4 | index in group 4 | offset 8 | payload
 *
 * The header names the segment before (its base offset, and its length when it was sealed), so that a chain of whole files
 * is proved without reading them. A record's CRC covers everything after itself and starts from the log's salt, which is
 * drawn once and shown to nobody: bytes that a client sends inside a payload cannot pose as a record. A *group* is what was
 * written and synced together; the index in it tells where the group began, which decides what damage may be a torn write.
 */
import { crc32 } from 'node:zlib'
import type { Offset } from '../ids.ts'

export const headerBytes = 64
export const frameHeaderBytes = 24
/** Longest payload that the format admits; the limit of appends (`recordMaxBytes`) lies below. */
export const payloadLimitBytes = 64 * 1024 * 1024

/** Ends in CR LF, which any program that treats the file as text would change. */
const magic = Buffer.from('HITLOG\r\n', 'latin1')
const version = 1
/** Its bytes occur in no UTF-8 text. */
const marker = 0xffb1c7fe
/** The marker as it stands in the file: what a search for records behind damage looks for. */
export const markerBytes = Buffer.from([0xfe, 0xc7, 0xb1, 0xff])
const noPrevious = 0xffff_ffff_ffff_ffffn

export interface SegmentHeader {
  /** 32 hex digits. */
  readonly id: string
  /** Where the CRC of each record starts; one for all segments of a log. */
  readonly salt: number
  readonly base: Offset
  /** Null for the first segment of a log. */
  readonly previous: { readonly base: Offset; readonly bytes: number } | null
}

/** File name of the segment whose first record has this offset. */
export function segmentName(base: number): string {
  return `${String(base).padStart(20, '0')}.log`
}

/** The base offset that a file name says, undefined where it is no segment's. */
export function segmentBase(name: string): Offset | undefined {
  const digits = /^(\d{20})\.log$/.exec(name)?.[1]
  const base = Number(digits)
  return digits !== undefined && Number.isSafeInteger(base) ? (base as Offset) : undefined
}

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(headerBytes)
  magic.copy(bytes, 0)
  bytes.writeUInt32LE(version, 8)
  bytes.writeUInt32LE(header.salt, 12)
  bytes.write(header.id, 16, 16, 'hex')
  bytes.writeBigUInt64LE(BigInt(header.base), 32)
  bytes.writeBigUInt64LE(header.previous ? BigInt(header.previous.base) : noPrevious, 40)
  bytes.writeBigUInt64LE(BigInt(header.previous?.bytes ?? 0), 48)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60)
  return bytes
}

/** The header, or what is wrong with it. `bytes` are the first ones of a file, fewer than 64 where it ends sooner. */
export function decodeSegmentHeader(bytes: Buffer): SegmentHeader | { readonly damage: string } {
  if (bytes.length < headerBytes) return { damage: 'the file is shorter than a segment header' }
  if (!bytes.subarray(0, 8).equals(magic)) return { damage: 'the file does not begin as a segment does' }
  if (bytes.readUInt32LE(60) !== crc32(bytes.subarray(0, 60))) return { damage: 'the segment header fails its CRC-32' }
  const found = bytes.readUInt32LE(8)
  if (found !== version) return { damage: `the segment has format version ${found}, this program reads ${version}` }
  const previous = bytes.readBigUInt64LE(40)
  return {
    salt: bytes.readUInt32LE(12),
    id: bytes.toString('hex', 16, 32),
    base: Number(bytes.readBigUInt64LE(32)) as Offset,
    previous:
      previous === noPrevious ? null : { base: Number(previous) as Offset, bytes: Number(bytes.readBigUInt64LE(48)) },
  }
}

const checkedPart = Buffer.alloc(frameHeaderBytes - 8)

/** Writes a record's frame at `at` of `target`, which has room for it. Allocates nothing. */
export function writeFrame(
  target: Buffer,
  at: number,
  record: { readonly salt: number; readonly offset: number; readonly indexInGroup: number },
  payload: Uint8Array,
): void {
  checkedPart.writeUInt32LE(payload.length, 0)
  checkedPart.writeUInt32LE(record.indexInGroup, 4)
  writeSafeInteger(checkedPart, record.offset, 8)
  target.writeUInt32LE(marker, at)
  target.writeUInt32LE(crc32(payload, crc32(checkedPart, record.salt)), at + 4)
  checkedPart.copy(target, at + 8)
  target.set(payload, at + frameHeaderBytes)
}

export type FrameVerdict = 'whole' | 'incomplete' | 'no marker' | 'bad length' | 'bad crc' | 'wrong offset'

/**
 * Judges the bytes at `at` as the record `offset`. `incomplete`: `bytes` end inside the frame, which is
 * `frameBytes(bytes, at)` long.
 */
export function checkFrame(bytes: Buffer, at: number, salt: number, offset: number): FrameVerdict {
  const rest = bytes.length - at
  if (rest < frameHeaderBytes) return 'incomplete'
  if (bytes.readUInt32LE(at) !== marker) return 'no marker'
  const payloadBytes = bytes.readUInt32LE(at + 8)
  if (payloadBytes > payloadLimitBytes) return 'bad length'
  if (rest < frameHeaderBytes + payloadBytes) return 'incomplete'
  const covered = bytes.subarray(at + 8, at + frameHeaderBytes + payloadBytes)
  if (crc32(covered, salt) !== bytes.readUInt32LE(at + 4)) return 'bad crc'
  return readSafeInteger(bytes, at + 16) === offset ? 'whole' : 'wrong offset'
}

/** Bytes of the frame at `at`, as it says itself; the least a frame has where not even its header is there. */
export function frameBytes(bytes: Buffer, at: number): number {
  if (bytes.length - at < frameHeaderBytes) return frameHeaderBytes
  return frameHeaderBytes + bytes.readUInt32LE(at + 8)
}

/** Offset, and offset of the first record of its group, as the frame at `at` says; its header must be there. */
export function framePlace(bytes: Buffer, at: number): { readonly offset: number; readonly groupFirst: number } {
  const offset = readSafeInteger(bytes, at + 16)
  return { offset, groupFirst: offset - bytes.readUInt32LE(at + 12) }
}

// Not BigUInt64: one bigint a record would be the only garbage on the path of an append.
function writeSafeInteger(target: Buffer, value: number, at: number): void {
  target.writeUInt32LE(value % 2 ** 32, at)
  target.writeUInt32LE(Math.floor(value / 2 ** 32), at + 4)
}

function readSafeInteger(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32
}
