/**
 * Makes records of the log into records of the feed: batches for one partition together in packs, in order of the log.
 * A batch that nobody can decode goes on as it is, to the partition of the merchant '': it is the worker that sets it
 * aside, with its place.
 */

import { partitionOf } from '../../core/partition-of.ts'
import type { FeedRecord } from '../../core/ports/feed.ts'
import type { FeedRecordToWrite } from '../../core/ports/feed-writer.ts'
import { type BatchFacts, peekBatch } from '../../schemas/avro/hit-batch.ts'
import { encodeHitPack } from '../../schemas/avro/hit-pack.ts'

/** A pack is closed before it grows beyond either; a longer batch is a pack of its own. */
export const packMaxBytes = 60 * 1024
export const packMaxBatches = 500
/** Read from the log and sent at once, about; a longer record is sent alone. */
export const chunkMaxBytes = 1024 * 1024

export interface Chunk {
  /** One past the last place in it. */
  readonly through: number
  readonly records: readonly FeedRecordToWrite[]
  /** Where each record of the log goes, in order. */
  readonly places: readonly Placed[]
}

export interface Placed {
  readonly place: number
  readonly partition: number
  /** null where it cannot be decoded. */
  readonly facts: BatchFacts | null
}

interface OpenPack {
  places: number[]
  batches: Buffer[]
  bytes: number
}

/** The chunk of at least one record; its bytes are copies. */
export function makeChunk(log: string, records: readonly FeedRecord[], partitions: number): Chunk {
  const sent: FeedRecordToWrite[] = []
  const places: Placed[] = []
  const open = new Map<number, OpenPack>()
  const close = (partition: number, pack: OpenPack) => {
    sent.push({ partition, key: log, value: encodeHitPack({ log, places: pack.places, batches: pack.batches }) })
  }
  for (const { offset, payload } of records) {
    const facts = readFacts(payload)
    const partition = partitionOf(facts?.merchant ?? '', partitions)
    places.push({ place: offset, partition, facts })
    let pack = open.get(partition)
    if (pack !== undefined && (pack.bytes + payload.length > packMaxBytes || pack.places.length === packMaxBatches)) {
      close(partition, pack)
      pack = undefined
    }
    if (pack === undefined) {
      pack = { places: [], batches: [], bytes: 0 }
      open.set(partition, pack)
    }
    pack.places.push(offset)
    pack.batches.push(payload)
    pack.bytes += payload.length
  }
  for (const [partition, pack] of open) close(partition, pack)
  return { through: (places.at(-1)?.place ?? -1) + 1, records: sent, places }
}

function readFacts(payload: Buffer): BatchFacts | null {
  try {
    return peekBatch(payload)
  } catch {
    return null
  }
}
