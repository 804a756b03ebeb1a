/** What the value of a Kafka record holds, as batches of the feed. */

import { decodeHitPack, isHitPack } from '../../../schemas/avro/hit-pack.ts'
import { PoisonRecordError } from '../../errors.ts'
import type { Offset } from '../../ids.ts'
import type { FeedRecord } from '../../ports/feed.ts'

const nothing = Buffer.alloc(0)

/**
 * A pack gives its batches, each with its place in the collector's log. Whatever else it is gives one, that came past
 * every collector: a bare batch of another producer, or what nobody can read, for the pipeline to set aside.
 */
export function recordsOf(offset: Offset, value: Buffer | null): readonly FeedRecord[] {
  const payload = value ?? nothing
  if (isHitPack(payload)) {
    try {
      const { log, places, batches } = decodeHitPack(payload)
      return batches.map((batch, i) => ({ offset, payload: batch, origin: { log, place: places[i] as number } }))
    } catch (error) {
      if (!(error instanceof PoisonRecordError)) throw error
    }
  }
  return [{ offset, payload, origin: null }]
}
