/**
 * Accepted hits on their way out of the lake, as bytes: a hit with its original position (in files), and batches of them
 * (in a history topic, Avro single-object encoding). A version is for ever; the newest is written, all are read.
 */
import { readFileSync } from 'node:fs'
import { PoisonRecordError } from '../../core/errors.ts'
import type { EventTime, ReceivedTime } from '../../core/event-time.ts'
import type { ClientHints, FeedHit, Hit, KeyKind } from '../../core/hit.ts'
import type { MerchantId, Offset } from '../../core/ids.ts'
import { avroType } from './avro-type.ts'
import { type AvroObject, singleObjectHeader } from './fingerprint.ts'
import { joinSchemas } from './hit-batch.ts'
import { compileSkim } from './skim.ts'

/** A hit, and the hour it is filed under: hours since 1970, UTC. */
export interface HistoryEntry {
  readonly hour: number
  readonly hit: FeedHit
}

/** Hits of one merchant, at least one. */
export interface HistoryBatch {
  readonly emission: string
  readonly merchant: MerchantId
  readonly entries: readonly HistoryEntry[]
}

/** What an emission may be called. */
export const emissionPattern = /^[a-z0-9][a-z0-9-]{0,62}$/

const here = (file: string) => JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8')) as AvroObject

/** Oldest first. */
export const knownHistoryHitSchemas: readonly AvroObject[] = [
  joinSchemas(here('history-hit.v1.avsc'), here('hit.v1.avsc')),
]
export const historyHitSchema = knownHistoryHitSchemas.at(-1) as AvroObject
/** Oldest first. */
export const knownHistoryBatchSchemas: readonly AvroObject[] = [
  joinSchemas(here('history-batch.v1.avsc'), knownHistoryHitSchemas[0] as AvroObject),
]

const hitType = avroType(historyHitSchema)
const batchTypes = knownHistoryBatchSchemas.map((schema) => ({
  header: singleObjectHeader(schema),
  type: avroType(schema),
  check: compileSkim(schema),
}))
const newest = batchTypes.at(-1) as (typeof batchTypes)[number]

interface WireHit {
  readonly source: string
  readonly partition: number
  readonly offset: number
  readonly index: number
  readonly merchant: string
  readonly zone: string
  readonly currency: string
  readonly received: number
  readonly addressPrefix: string | null
  readonly requestUserAgent: string | null
  readonly requestLanguage: string | null
  readonly requestClientHints: ClientHints | null
  readonly keyKind: KeyKind
  readonly hit: Hit
}

interface WireBatch {
  readonly emission: string
  readonly merchant: string
  readonly hours: readonly number[]
  readonly hits: readonly WireHit[]
}

/** The hit as `historyHitSchema` has it, without a header: for a file that holds the schema itself. */
export function encodeHistoryHit(hit: FeedHit): Buffer {
  return hitType.toBuffer(wireHit(hit))
}

/** What `encodeHistoryHit` made. @throws Error of avsc for other bytes */
export function decodeHistoryHit(bytes: Buffer): FeedHit {
  return feedHit(hitType.fromBuffer(bytes) as WireHit)
}

/** The value of a record. @throws TypeError for a batch that is none */
export function encodeHistoryBatch({ emission, merchant, entries }: HistoryBatch): Buffer {
  if (!emissionPattern.test(emission)) throw new TypeError(`${JSON.stringify(emission)} is no name of an emission`)
  if (entries.length === 0) throw new TypeError('a batch of no hits')
  const other = entries.find(({ hit }) => hit.merchant !== merchant)
  if (other !== undefined) throw new TypeError(`a hit of ${other.hit.merchant} in a batch of ${merchant}`)
  const hours = entries.map(({ hour }) => hour)
  const wire: WireBatch = { emission, merchant, hours, hits: entries.map(({ hit }) => wireHit(hit)) }
  return Buffer.concat([newest.header, newest.type.toBuffer(wire)])
}

/** @throws PoisonRecordError whatever the bytes are */
export function decodeHistoryBatch(value: Buffer): HistoryBatch {
  const version = batchTypes.find(({ header }) => header.equals(value.subarray(0, header.length)))
  if (version === undefined) throw new PoisonRecordError('it is no batch of history')
  version.check(value, version.header.length)
  let wire: WireBatch
  try {
    wire = version.type.fromBuffer(value.subarray(version.header.length)) as WireBatch
  } catch (error) {
    throw new PoisonRecordError(error instanceof Error ? error.message : 'unreadable', { cause: error })
  }
  const { emission, merchant, hours, hits } = wire
  if (hits.length === 0 || hits.length !== hours.length) {
    throw new PoisonRecordError(`it has ${hits.length} hits and ${hours.length} hours`)
  }
  if (!emissionPattern.test(emission)) throw new PoisonRecordError('it is of an emission without a name')
  if (hits.some((hit) => hit.merchant !== merchant)) throw new PoisonRecordError('it has hits of several merchants')
  const entries = hits.map((hit, i) => ({ hour: hours[i] as number, hit: feedHit(hit) }))
  return { emission, merchant: merchant as MerchantId, entries }
}

function wireHit(hit: FeedHit): WireHit {
  const { source, position, merchant, zone, currency, received, addressPrefix, requestUserAgent } = hit
  const { requestLanguage, requestClientHints, keyKind } = hit
  const request = { addressPrefix, requestUserAgent, requestLanguage, requestClientHints, keyKind }
  return { source, ...position, merchant, zone, currency, received, ...request, hit }
}

function feedHit(wire: WireHit): FeedHit {
  const { source, partition, offset, index, hit, ...facts } = wire
  return {
    ...hit,
    time: hit.time as EventTime,
    ...facts,
    merchant: facts.merchant as MerchantId,
    received: facts.received as ReceivedTime,
    source,
    position: { partition, offset: offset as Offset, index },
  }
}
