/**
 * Writes batches of hits as Avro single-object encoding, hit by hit, into one buffer that is reused: the collector's hot
 * path. A hit's size is known as soon as it is written, so one that is too large is taken back at no cost.
 */
import type { Hit, HitBatch } from '../../core/hit.ts'
import { compileEncode } from './compile-encode.ts'
import { type AvroObject, singleObjectHeader } from './fingerprint.ts'

/** What a batch holds beside its hits. */
export type BatchHeader = Omit<HitBatch, 'hits'>

/** Writes one batch after the other, hit by hit, into one buffer that is reused: for the hot path. */
export interface HitBatchWriter {
  /** Begins a batch; what was written before is void. */
  begin(): void
  /** Appends a hit and returns its size in bytes. */
  add(hit: Hit): number
  /** Takes the last hit added back, once. */
  dropLast(): void
  /** The bytes of the record: a view, valid until the next `begin`. */
  finish(header: BatchHeader): Buffer
}

/** The writer's buffer at first; it doubles when a batch needs more, and is given back when a batch needed far more. */
const writerBytes = 64 * 1024
const writerKeptBytes = 1024 * 1024

/**
 * Hits are written first and the header right before them once it is known how many there are; so a hit can be measured
 * and taken back, and nothing is copied.
 */
export function createWriter(schema: AvroObject): HitBatchWriter {
  const fields = schema.fields ?? []
  const hitSchema = (fields.at(-1)?.type as AvroObject | undefined)?.items
  if (fields.at(-1)?.name !== 'hits' || hitSchema === undefined) {
    throw new TypeError('hits must be the last field of a batch')
  }
  const encodeHit = compileEncode<Hit>({ ...(hitSchema as AvroObject), namespace: schema.namespace ?? '' })
  // The batch without its hits is a record of its own, whose bytes are those of the fields before `hits`.
  const encodeHeader = compileEncode<BatchHeader>({ ...schema, fields: fields.slice(0, -1) })
  const prefix = singleObjectHeader(schema)

  let header = Buffer.allocUnsafe(1024)
  // Room for the header; grows with the longest header met.
  let start = header.length
  let hits = Buffer.allocUnsafe(start + writerBytes)
  let at = start
  let last = start
  let count = 0

  const grow = (needed: number) => {
    const larger = Buffer.allocUnsafe(Math.max(hits.length * 2, needed + hits.length))
    hits.copy(larger, 0, 0, at)
    hits = larger
  }
  return {
    begin() {
      if (hits.length > writerKeptBytes) hits = Buffer.allocUnsafe(start + writerBytes)
      at = last = start
      count = 0
    },
    add(hit) {
      for (;;) {
        const end = encodeHit(hit, hits, at)
        if (end <= hits.length) {
          last = at
          at = end
          count++
          return at - last
        }
        grow(end - hits.length)
      }
    },
    dropLast() {
      if (last === at) throw new TypeError('there is no hit to take back')
      at = last
      count--
    },
    finish(facts) {
      let length: number
      for (;;) {
        length = encodeHeader(facts, header, prefix.length)
        // Five bytes more: the number of hits.
        if (length + 5 <= header.length) break
        header = Buffer.allocUnsafe(header.length * 2)
      }
      prefix.copy(header)
      if (count > 0) length = writeCount(header, length, count)
      if (length > start) {
        const wider = Buffer.allocUnsafe(hits.length + header.length)
        hits.copy(wider, header.length, start, at)
        at += header.length - start
        start = header.length
        hits = wider
      }
      if (at === hits.length) grow(1)
      header.copy(hits, start - length, 0, length)
      // The empty block that ends an array.
      hits[at] = 0
      return hits.subarray(start - length, at + 1)
    },
  }
}

/** A positive count as zigzag varint. */
function writeCount(buffer: Buffer, at: number, count: number): number {
  let rest = count * 2
  let position = at
  while (rest > 0x7f) {
    buffer[position++] = (rest & 0x7f) | 0x80
    rest = Math.floor(rest / 128)
  }
  buffer[position++] = rest
  return position
}
