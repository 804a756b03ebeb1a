/** How a file holds emitted hits: lines of JSON, or an Avro object container file (specification 1.11) with its schema. */
import { deflateRawSync } from 'node:zlib'
import { encodeHistoryHit, type HistoryEntry, historyHitSchema } from '../../../schemas/avro/history.ts'
import { acceptedJson } from '../../jobs/hit-sinks.ts'

export type EmitFormat = 'ndjson' | 'avro'

export interface EmitFileFormat {
  /** What the file begins with; `marker`: 16 bytes, of its own. */
  header(marker: Buffer): Buffer
  /** The marker of a file with this header; undefined where the header is not one of ours. */
  markerOf(header: Buffer): Buffer | undefined
  readonly headerBytes: number
  /** Hits, at least one: what is added to the file. */
  encode(entries: readonly HistoryEntry[], marker: Buffer): Buffer
}

export const markerBytes = 16

/** One JSON object a line: the original position, then the hit as accepted; micros are decimal strings. */
const ndjson: EmitFileFormat = {
  headerBytes: 0,
  header: () => Buffer.alloc(0),
  markerOf: () => Buffer.alloc(0),
  encode: (entries) => Buffer.from(entries.map(({ hit }) => `${lineOf(hit)}\n`).join('')),
}

function lineOf(hit: HistoryEntry['hit']): string {
  const { source, position } = hit
  const { partition, offset, index } = position
  return `${JSON.stringify({ source, partition, offset, index }).slice(0, -1)},${acceptedJson(hit).slice(1)}`
}

const magic = Buffer.from('Obj\u0001', 'latin1')

function avroBeginning(): Buffer {
  const entries = [
    ['avro.schema', JSON.stringify(historyHitSchema)],
    ['avro.codec', 'deflate'],
  ] as const
  const texts = entries.flatMap(([key, value]) => [withLength(Buffer.from(key)), withLength(Buffer.from(value))])
  return Buffer.concat([magic, long(entries.length), ...texts, long(0)])
}

const beginning = avroBeginning()

/** A block of hits each time, packed. */
const avro: EmitFileFormat = {
  headerBytes: beginning.length + markerBytes,
  header: (marker) => Buffer.concat([beginning, marker]),
  markerOf(header) {
    if (header.length !== beginning.length + markerBytes || !header.subarray(0, beginning.length).equals(beginning)) {
      return undefined
    }
    return Buffer.from(header.subarray(beginning.length))
  },
  encode(entries, marker) {
    const data = deflateRawSync(Buffer.concat(entries.map(({ hit }) => encodeHistoryHit(hit))))
    return Buffer.concat([long(entries.length), withLength(data), marker])
  },
}

export const emitFormats: Readonly<Record<EmitFormat, EmitFileFormat>> = { ndjson, avro }

function withLength(bytes: Buffer): Buffer {
  return Buffer.concat([long(bytes.length), bytes])
}

/** A whole number from 0, below 2^31, as Avro's zigzag varint. */
function long(value: number): Buffer {
  const bytes: number[] = []
  let rest = value * 2
  while (rest > 0x7f) {
    bytes.push((rest % 128) + 128)
    rest = Math.floor(rest / 128)
  }
  return Buffer.from([...bytes, rest])
}
