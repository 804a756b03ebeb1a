/**
 * A partition's checkpoint as bytes: Avro single-object encoding, then the CRC-32 of it (little endian), because Avro
 * alone decodes damaged bytes into a wrong state. The fingerprint is the version; every version ever written stays known.
 */
import { readFileSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { CorruptCheckpointError } from '../../core/errors.ts'
import { avroType } from './avro-type.ts'
import { type AvroObject, singleObjectHeader } from './fingerprint.ts'
import { compileCheck } from './skim.ts'

export interface Checkpoint {
  /** Hash of the plan that made it. Another plan may go on from it: state belongs to a step's name. */
  readonly plan: string
  readonly job: string
  readonly source: string
  readonly partition: number
  /** The first offset that is not in it. */
  readonly next: number
  /** State by step; `#windows`: that of all windows (graph-state.ts), `#plan`: canonical JSON of the plan that kept it. */
  readonly steps: Readonly<Record<string, Uint8Array>>
}

const schema = JSON.parse(readFileSync(new URL('checkpoint.v1.avsc', import.meta.url), 'utf8')) as AvroObject
const type = avroType(schema)
const header = singleObjectHeader(schema)
const check = compileCheck(schema)
const checksumBytes = 4

/** The bytes of a checkpoint's object. */
export function encodeCheckpoint(checkpoint: Checkpoint): Buffer {
  const steps = Object.fromEntries(Object.entries(checkpoint.steps).map(([name, saved]) => [name, Buffer.from(saved)]))
  const body = Buffer.concat([header, type.toBuffer({ ...checkpoint, steps })])
  const checksum = Buffer.alloc(checksumBytes)
  checksum.writeUInt32LE(crc32(body))
  return Buffer.concat([body, checksum])
}

/** @throws CorruptCheckpointError naming the object, whatever the bytes are */
export function decodeCheckpoint(object: string, bytes: Buffer): Checkpoint {
  const end = bytes.length - checksumBytes
  if (end < header.length) throw new CorruptCheckpointError(object, `it has only ${bytes.length} bytes`)
  const body = bytes.subarray(0, end)
  if (crc32(body) !== bytes.readUInt32LE(end)) throw new CorruptCheckpointError(object, 'its checksum does not agree')
  if (!body.subarray(0, header.length).equals(header)) {
    throw new CorruptCheckpointError(object, `its schema ${body.toString('hex', 2, header.length)} is not known`)
  }
  try {
    // A right checksum does not make a count true: avsc would loop over it.
    check(body, header.length)
    return type.fromBuffer(body.subarray(header.length)) as Checkpoint
  } catch (cause) {
    throw new CorruptCheckpointError(object, cause instanceof Error ? cause.message : 'unreadable', { cause })
  }
}
