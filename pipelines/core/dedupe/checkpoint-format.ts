/**
 * What a dedupe state saves with an epoch, version 1, little-endian: which segments it consists of, and the few newest
 * entries that are in no segment yet, so that a quiet shop's epochs make no objects of their own.
 *
 *     magic, version            4 + 4
 *     seed                      8
 *     newest received           8, double
 *     next object number        8, double
 *     segments                  4, then each: level 4, count 4, bytes 8 (double), CRC-32 of its index 4, length of name 2, name
 *     entries                   4, then each: high word 4, low word 4, received 8 (double)
 *     CRC-32 of all before      4
 */
import { crc32 } from 'node:zlib'
import { CorruptCheckpointError } from '../../../core/errors.ts'

export const checkpointVersion = 1
/** `HLDC` */
const magic = 0x43444c48

export interface SavedSegment {
  /** Below the state's prefix. */
  readonly name: string
  readonly level: number
  readonly count: number
  readonly bytes: number
  readonly indexCrc: number
}

export interface SavedState {
  readonly seed: bigint
  /** -Infinity before the first hit. */
  readonly lastMs: number
  /** Number of the next segment's name: everything below it that is not named here is garbage. */
  readonly nextObject: number
  readonly segments: readonly SavedSegment[]
  readonly entries: readonly { readonly hi: number; readonly lo: number; readonly time: number }[]
}

export function encodeState(state: SavedState): Buffer {
  const names = state.segments.map(({ name }) => Buffer.from(name))
  const namesBytes = names.reduce((sum, { length }) => sum + length, 0)
  const bytes = Buffer.alloc(40 + names.length * 22 + namesBytes + 4 + state.entries.length * 16)
  bytes.writeUInt32LE(magic, 0)
  bytes.writeUInt32LE(checkpointVersion, 4)
  bytes.writeBigUInt64LE(state.seed, 8)
  bytes.writeDoubleLE(state.lastMs, 16)
  bytes.writeDoubleLE(state.nextObject, 24)
  let at = bytes.writeUInt32LE(names.length, 32)
  state.segments.forEach(({ level, count, bytes: size, indexCrc }, i) => {
    const name = names[i] ?? Buffer.alloc(0)
    at = bytes.writeUInt32LE(level, at)
    at = bytes.writeUInt32LE(count, at)
    at = bytes.writeDoubleLE(size, at)
    at = bytes.writeUInt32LE(indexCrc, at)
    at = bytes.writeUInt16LE(name.length, at)
    at += name.copy(bytes, at)
  })
  at = bytes.writeUInt32LE(state.entries.length, at)
  for (const { hi, lo, time } of state.entries) {
    at = bytes.writeUInt32LE(hi, at)
    at = bytes.writeUInt32LE(lo, at)
    at = bytes.writeDoubleLE(time, at)
  }
  bytes.writeUInt32LE(crc32(bytes.subarray(0, at)), at)
  return bytes
}

/**
 * `owner` names the state in errors.
 * @throws CorruptCheckpointError
 */
export function decodeState(owner: string, saved: Uint8Array): SavedState {
  const bytes = Buffer.from(saved.buffer, saved.byteOffset, saved.byteLength)
  const end = bytes.length - 4
  const refuse = (what: string) => new CorruptCheckpointError(owner, what)
  if (end < 40) throw refuse('it is too short for a dedupe state')
  if (bytes.readUInt32LE(0) !== magic) throw refuse('it is not a dedupe state')
  const version = bytes.readUInt32LE(4)
  if (version !== checkpointVersion) throw refuse(`dedupe state version ${version} is not known here`)
  if (crc32(bytes.subarray(0, end)) !== bytes.readUInt32LE(end)) throw refuse('its checksum does not match')
  const { segments, entries, at } = readLists(bytes.subarray(0, end), refuse)
  if (at !== end) throw refuse(`${end - at} bytes follow its entries`)
  return {
    seed: bytes.readBigUInt64LE(8),
    lastMs: bytes.readDoubleLE(16),
    nextObject: bytes.readDoubleLE(24),
    segments,
    entries,
  }
}

/** A right checksum does not make a count true: each is held against the bytes that are left. */
function readLists(
  bytes: Buffer,
  refuse: (what: string) => Error,
): Pick<SavedState, 'segments' | 'entries'> & { readonly at: number } {
  const room = (at: number, count: number) => {
    if (at + count > bytes.length) throw refuse('it ends inside a list')
  }
  const segments: SavedSegment[] = []
  let at = 36
  for (let left = bytes.readUInt32LE(32); left > 0; left--) {
    room(at, 22)
    const nameLength = bytes.readUInt16LE(at + 20)
    room(at, 22 + nameLength)
    segments.push({
      level: bytes.readUInt32LE(at),
      count: bytes.readUInt32LE(at + 4),
      bytes: bytes.readDoubleLE(at + 8),
      indexCrc: bytes.readUInt32LE(at + 16),
      name: bytes.toString('utf8', at + 22, at + 22 + nameLength),
    })
    at += 22 + nameLength
  }
  room(at, 4)
  const count = bytes.readUInt32LE(at)
  at += 4
  room(at, count * 16)
  const entries = Array.from({ length: count }, (_, i) => {
    const place = at + i * 16
    return { hi: bytes.readUInt32LE(place), lo: bytes.readUInt32LE(place + 4), time: bytes.readDoubleLE(place + 8) }
  })
  return { segments, entries, at: at + count * 16 }
}
