/**
 * A pack of batches as bytes: what a collector's forwarder puts into one Kafka record, in Avro single-object encoding. It
 * says of each batch where it stood in the collector's log, so a pack that is sent twice can be told from two packs.
 * Written and read by hand, for both are on the way of every hit; a test holds the bytes equal to avsc's.
 */
import { readFileSync } from 'node:fs'
import { PoisonRecordError } from '../../core/errors.ts'
import { type AvroObject, singleObjectHeader } from './fingerprint.ts'
import { longLimit } from './long-limit.ts'

export interface HitPack {
  /** Id of the collector's log. */
  readonly log: string
  /** Offset in that log of each batch, rising. */
  readonly places: readonly number[]
  /** As many as places, at least one. Each is what a record of the log holds, decodable or not. */
  readonly batches: readonly Buffer[]
}

/** Visible ASCII only: it becomes part of names and of text columns. */
const logPattern = /^[\x21-\x7e]{1,64}$/
const headerBytes = 10
/** A varint of ours has at most so many bytes. */
const longMaxBytes = 8

const here = (file: string) => JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8')) as AvroObject

/** Oldest first, each with how it is read. A version is for ever; the last is the one that is written. */
export const knownPackSchemas: readonly AvroObject[] = [here('hit-pack.v1.avsc')]
const readers: readonly ((cursor: Cursor) => HitPack)[] = [readV1]
const headers = knownPackSchemas.map((schema) => singleObjectHeader(schema))
const newestHeader = headers.at(-1) as Buffer

/** The bytes of a Kafka record: the caller's to keep. @throws TypeError for what is not a pack */
export function encodeHitPack({ log, places, batches }: HitPack): Buffer {
  if (!logPattern.test(log)) throw new TypeError(`${JSON.stringify(log)} is not the id of a log`)
  if (places.length === 0 || places.length !== batches.length) {
    throw new TypeError(`a pack of ${places.length} places and ${batches.length} batches`)
  }
  let room = headerBytes + log.length + longMaxBytes * (places.length + 5)
  for (const batch of batches) room += longMaxBytes + batch.length
  const bytes = Buffer.allocUnsafe(room)
  newestHeader.copy(bytes)
  let at = writeLong(log.length, bytes, headerBytes)
  at += bytes.write(log, at, 'latin1')
  at = writeLong(places.length, bytes, at)
  let last = -1
  for (const place of places) {
    if (!(place > last)) throw new TypeError(`place ${place} does not come after ${last}`)
    last = place
    at = writeLong(place, bytes, at)
  }
  bytes[at++] = 0
  at = writeLong(batches.length, bytes, at)
  for (const batch of batches) {
    at = writeLong(batch.length, bytes, at)
    at += batch.copy(bytes, at)
  }
  bytes[at++] = 0
  return bytes.subarray(0, at)
}

/** The pack that a record holds; its batches are views of `value`. @throws PoisonRecordError whatever the bytes are */
export function decodeHitPack(value: Buffer): HitPack {
  const read = readers[versionOf(value)]
  if (read === undefined) throw new PoisonRecordError('it is no pack of hits')
  const cursor = { bytes: value, at: headerBytes }
  const pack = read(cursor)
  if (cursor.at !== value.length) throw new PoisonRecordError(`${value.length - cursor.at} bytes follow the pack`)
  if (!logPattern.test(pack.log))
    throw new PoisonRecordError('the id of its log is not visible ASCII of 1 to 64 characters')
  const { places, batches } = pack
  if (places.length === 0 || places.length !== batches.length) {
    throw new PoisonRecordError(`it has ${places.length} places and ${batches.length} batches`)
  }
  for (let i = 0, last = -1; i < places.length; i++) {
    const place = places[i] as number
    if (place <= last) throw new PoisonRecordError(`its place ${place} comes after ${last}`)
    last = place
  }
  return pack
}

/** Whether a record says of itself that it is a pack of a known version; what does not may be a bare batch. */
export function isHitPack(value: Buffer): boolean {
  return versionOf(value) >= 0
}

function versionOf(value: Buffer): number {
  if (value.length < headerBytes) return -1
  return headers.findIndex((header) => header.compare(value, 0, headerBytes) === 0)
}

interface Cursor {
  readonly bytes: Buffer
  at: number
}

function readV1(cursor: Cursor): HitPack {
  const log = readBytes(cursor).toString('latin1')
  const places = readArray(cursor, readLong)
  const batches = readArray(cursor, readBytes)
  return { log, places, batches }
}

/** Blocks of a count and so many items, ended by a count of 0; a negative count is followed by the block's size. */
function readArray<T>(cursor: Cursor, readItem: (cursor: Cursor) => T): T[] {
  const items: T[] = []
  for (;;) {
    let count = readLong(cursor)
    if (count === 0) return items
    if (count < 0) {
      count = -count
      readLong(cursor)
    }
    // An item takes a byte at least: a count that is a lie is found out before anything is made of it.
    if (count > cursor.bytes.length - cursor.at)
      throw new PoisonRecordError(`no room for ${count} items at byte ${cursor.at}`)
    for (let i = 0; i < count; i++) items.push(readItem(cursor))
  }
}

function readBytes(cursor: Cursor): Buffer {
  const length = readLong(cursor)
  const start = cursor.at
  if (length < 0 || length > cursor.bytes.length - start) throw truncated(cursor)
  cursor.at += length
  return cursor.bytes.subarray(start, cursor.at)
}

/** A zigzag varint that a number holds exactly. */
function readLong(cursor: Cursor): number {
  const { bytes } = cursor
  let value = 0
  for (let scale = 1; scale <= 2 ** 49; scale *= 128) {
    const byte = bytes[cursor.at++]
    if (byte === undefined) throw truncated(cursor)
    value += (byte & 0x7f) * scale
    if (byte >= 0x80) continue
    // Zigzag doubles the number, which is exact up to 2^53.
    if (value >= 2 * longLimit - 1) break
    return value % 2 === 1 ? -(value + 1) / 2 : value / 2
  }
  throw new PoisonRecordError(`a number beyond 2^52 before byte ${cursor.at}`)
}

/** A whole number from 0 as zigzag varint. */
function writeLong(value: number, bytes: Buffer, start: number): number {
  if (!Number.isInteger(value) || value < 0 || value >= longLimit) throw new TypeError(`${value} is no place or length`)
  let at = start
  let rest = value * 2
  while (rest > 0x7f) {
    bytes[at++] = (rest % 128) + 128
    rest = Math.floor(rest / 128)
  }
  bytes[at++] = rest
  return at
}

function truncated(cursor: Cursor): PoisonRecordError {
  return new PoisonRecordError(`it ends in the middle of a value, before byte ${cursor.bytes.length}`)
}
