/**
 * A segment as an object, version 1. Sorted fingerprints that never change, little-endian:
 *
 *     entries   count × 12 bytes: high word, low word, time received − base in ms; rising by fingerprint, each once
 *     fences    a block of 256 entries each: high and low word of its first entry, CRC-32 of its bytes
 *     filter    8 words a block (block-filter.ts)
 *     footer    64 bytes: magic, version, count, words of filter, CRC-32 of fences and filter, base, last, CRC-32 of the footer
 *
 * Fences and filter are what stays in memory, 1.3 bytes an entry; a block is checked against its CRC whenever it is read.
 */
import { crc32 } from 'node:zlib'
import { CorruptCheckpointError } from '../../../core/errors.ts'

export const entryWords = 3
export const entryBytes = entryWords * 4
export const blockEntries = 256
export const fenceWords = 3
export const footerBytes = 64
export const segmentVersion = 1
/** `HLDS` */
const magic = 0x53444c48

export interface SegmentFooter {
  readonly count: number
  readonly filterWords: number
  readonly indexCrc: number
  /** Times are kept as ms since this one. */
  readonly baseMs: number
  /** The newest time in the segment. */
  readonly lastMs: number
}

export function encodeFooter(footer: SegmentFooter): Buffer {
  const bytes = Buffer.alloc(footerBytes)
  bytes.writeUInt32LE(magic, 0)
  bytes.writeUInt32LE(segmentVersion, 4)
  bytes.writeUInt32LE(footer.count, 8)
  bytes.writeUInt32LE(footer.filterWords, 12)
  bytes.writeUInt32LE(footer.indexCrc, 16)
  bytes.writeDoubleLE(footer.baseMs, 24)
  bytes.writeDoubleLE(footer.lastMs, 32)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60)
  return bytes
}

/** @throws CorruptCheckpointError */
export function decodeFooter(object: string, bytes: Buffer): SegmentFooter {
  if (bytes.length !== footerBytes) throw new CorruptCheckpointError(object, 'it is too short for a segment')
  if (bytes.readUInt32LE(0) !== magic) throw new CorruptCheckpointError(object, 'it does not end as a segment does')
  if (bytes.readUInt32LE(60) !== crc32(bytes.subarray(0, 60))) {
    throw new CorruptCheckpointError(object, 'the checksum of its footer does not match')
  }
  const version = bytes.readUInt32LE(4)
  if (version !== segmentVersion)
    throw new CorruptCheckpointError(object, `segment version ${version} is not known here`)
  return {
    count: bytes.readUInt32LE(8),
    filterWords: bytes.readUInt32LE(12),
    indexCrc: bytes.readUInt32LE(16),
    baseMs: bytes.readDoubleLE(24),
    lastMs: bytes.readDoubleLE(32),
  }
}

export function blocksOf(count: number): number {
  return Math.ceil(count / blockEntries)
}

/** The bytes of words, without a copy. */
export function bytesOf(words: Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength)
}

/** The words of bytes; a copy, because a buffer from a pool need not begin at a word. */
export function wordsOf(bytes: Uint8Array): Uint32Array {
  const words = new Uint32Array(bytes.byteLength / 4)
  bytesOf(words).set(bytes)
  return words
}
