/**
 * A batch of hits as bytes: Avro single-object encoding, what a record of the log and of the feed holds. Every version
 * ever written stays in `knownSchemas` and is decoded into the newest, so old logs open in new code.
 */
import { readFileSync } from 'node:fs'
import { PoisonRecordError } from '../../core/errors.ts'
import type { HitBatch } from '../../core/hit.ts'
import { avroType } from './avro-type.ts'
import { createWriter, type HitBatchWriter } from './batch-writer.ts'
import { type AvroObject, type AvroSchema, singleObjectHeader } from './fingerprint.ts'
import { type BatchFacts, compileSkim } from './skim.ts'

export type { BatchHeader, HitBatchWriter } from './batch-writer.ts'
export type { BatchFacts } from './skim.ts'

export interface HitBatchCodec {
  /** The bytes of a record: a copy, the caller's to keep. */
  encode(batch: HitBatch): Buffer
  /** The batch in the newest version's form. @throws PoisonRecordError with the reason, whatever the bytes are */
  decode(payload: Uint8Array): HitBatch
  /** Checks the whole record and reads what a ledger needs, without making hits of it. @throws PoisonRecordError */
  peek(payload: Uint8Array): BatchFacts
  writer(): HitBatchWriter
}

const headerBytes = 10
const here = (file: string) => JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8')) as AvroObject

/** Oldest first. A version is for ever: a change of fields is a new entry, and a new field has a default. */
export const knownSchemas: readonly AvroObject[] = ['hit-batch.v1.avsc', 'hit-batch.v2.avsc'].map((file) =>
  joinSchemas(here(file), here('hit.v1.avsc')),
)

const codec = createHitBatchCodec(knownSchemas)

/** The bytes of a record: a copy, the caller's to keep. Hot paths use `hitBatchWriter`. */
export const encodeHitBatch = (batch: HitBatch): Buffer => codec.encode(batch)
/** The batch that a record holds. @throws PoisonRecordError with the reason, whatever the bytes are */
export const decodeHitBatch = (payload: Uint8Array): HitBatch => codec.decode(payload)
/** Merchant, time received and number of hits of a record, all of it checked. @throws PoisonRecordError */
export const peekBatch = (payload: Uint8Array): BatchFacts => codec.peek(payload)
/** A writer with a buffer of its own. */
export const hitBatchWriter = (): HitBatchWriter => codec.writer()

/** The batch schema with the hit schema in the place of its name: one document, as the fingerprint asks. */
export function joinSchemas(batch: AvroObject, hit: AvroObject): AvroObject {
  const name = `${hit.namespace}.${hit.name}`
  const join = (schema: AvroSchema): AvroSchema => {
    if (schema === name) return hit
    if (typeof schema === 'string' || Array.isArray(schema)) return schema
    const node = schema as AvroObject
    return node.items === undefined ? node : { ...node, items: join(node.items) }
  }
  return { ...batch, fields: (batch.fields ?? []).map((field) => ({ ...field, type: join(field.type) })) }
}

/** A codec that writes the last of `schemas` and reads all of them. */
export function createHitBatchCodec(schemas: readonly AvroObject[]): HitBatchCodec {
  const newestSchema = schemas.at(-1)
  if (newestSchema === undefined) throw new TypeError('a codec needs at least one schema')
  const newest = avroType(newestSchema)
  const versions = schemas.map((schema) => {
    const header = singleObjectHeader(schema)
    return {
      low: header.readUInt32LE(2),
      high: header.readUInt32LE(6),
      skim: compileSkim(schema),
      resolver: schema === newestSchema ? undefined : newest.createResolver(avroType(schema)),
    }
  })
  const versionOf = (payload: Buffer) => {
    if (payload.length < headerBytes)
      throw new PoisonRecordError(`it has ${payload.length} bytes, too few for a header`)
    if (payload[0] !== 0xc3 || payload[1] !== 0x01) throw new PoisonRecordError('it does not begin with C3 01')
    const low = payload.readUInt32LE(2)
    const high = payload.readUInt32LE(6)
    for (const version of versions) if (version.low === low && version.high === high) return version
    throw new PoisonRecordError(`its schema ${payload.toString('hex', 2, headerBytes)} is not one of those known`)
  }
  const shared = createWriter(newestSchema)
  return {
    encode(batch) {
      shared.begin()
      for (const hit of batch.hits) shared.add(hit)
      return Buffer.from(shared.finish(batch))
    },
    decode(payload) {
      const buffer = asBuffer(payload)
      const version = versionOf(buffer)
      version.skim(buffer, headerBytes)
      try {
        return newest.decode(buffer, headerBytes, version.resolver).value as HitBatch
      } catch (error) {
        throw new PoisonRecordError(error instanceof Error ? error.message : 'unreadable', { cause: error })
      }
    },
    peek(payload) {
      const buffer = asBuffer(payload)
      return versionOf(buffer).skim(buffer, headerBytes)
    },
    writer: () => createWriter(newestSchema),
  }
}

function asBuffer(payload: Uint8Array): Buffer {
  return Buffer.isBuffer(payload) ? payload : Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
}
