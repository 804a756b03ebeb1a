/**
 * Avro object container files (Avro 1.11 specification, "Object Container Files") that anybody may have written: manifests
 * and manifest lists. What the writer makes is in `avro-container.ts`; here every length, count and size has a limit.
 */
import { inflateRawSync } from 'node:zlib'
import { AvroBlock, type AvroReader, compileAvro } from './read-avro.ts'

/** A manifest or manifest list as it lies there; Iceberg's writers aim at 8 MB. */
export const containerMaxBytes = 64 * 1_048_576
/** The same unpacked, all blocks together: a file of zeros unpacks to a thousand times its size. */
export const containerMaxPlainBytes = 512 * 1_048_576
/** Entries of one file's header; Iceberg writes seven. */
export const containerMaxHeaderEntries = 1_000

export interface Container {
  /** The file's own metadata, UTF-8 values. */
  readonly header: ReadonlyMap<string, string>
  /** The schema of the records, parsed. */
  readonly schema: unknown
  readonly records: readonly unknown[]
}

const magic = Buffer.from('Obj\u0001', 'latin1')
const syncBytes = 16

/** @throws RangeError, SyntaxError, TypeError where the bytes are no complete container file of a codec that is read */
export function readContainer(bytes: Buffer, maxPlainBytes = containerMaxPlainBytes): Container {
  const file = new AvroBlock(bytes)
  if (bytes.length < magic.length || !file.take(magic.length).equals(magic)) {
    throw new RangeError('not an Avro object container file')
  }
  const header = readHeader(file)
  const sync = file.take(syncBytes)
  const codec = header.get('avro.codec') ?? 'null'
  if (codec !== 'null' && codec !== 'deflate') throw new RangeError(`codec ${codec.slice(0, 100)} is not supported`)
  const schema: unknown = JSON.parse(header.get('avro.schema') ?? 'null')
  const read = compileAvro(schema)
  const records: unknown[] = []
  let plainBytesLeft = maxPlainBytes
  while (!file.isAtEnd) {
    const count = file.int()
    const packed = file.take(file.int())
    if (!file.take(syncBytes).equals(sync)) throw new RangeError('a block does not end with the sync marker')
    const plain = codec === 'deflate' ? inflated(packed, plainBytesLeft) : packed
    plainBytesLeft -= plain.length
    readRecords(new AvroBlock(plain), read, count, records)
  }
  return { header, schema, records }
}

function readRecords(block: AvroBlock, read: AvroReader, count: number, records: unknown[]): void {
  if (count < 0) throw new RangeError(`a block of ${count} records`)
  for (let n = 0; n < count; n++) {
    block.count()
    records.push(read(block))
  }
  if (!block.isAtEnd) throw new RangeError('a block has bytes behind its last record')
}

function inflated(packed: Buffer, maxBytes: number): Buffer {
  try {
    return inflateRawSync(packed, { maxOutputLength: Math.max(1, maxBytes) })
  } catch (cause) {
    if ((cause as { code?: unknown }).code !== 'ERR_BUFFER_TOO_LARGE') throw cause
    throw new RangeError(`it unpacks to more bytes than allowed`, { cause })
  }
}

function readHeader(file: AvroBlock): Map<string, string> {
  const entries = new Map<string, string>()
  const text = () => file.take(file.int()).toString('utf8')
  for (;;) {
    let count = file.int()
    if (count === 0) return entries
    if (count < 0) {
      // A negative count is followed by the block's length in bytes.
      count = -count
      file.long()
    }
    for (let n = 0; n < count; n++) {
      if (entries.size === containerMaxHeaderEntries) {
        throw new RangeError(`its header has more than ${containerMaxHeaderEntries} entries`)
      }
      const name = text()
      entries.set(name, text())
    }
  }
}
