/**
 * What is saved inside a checkpoint: states of windows, of aggregates and of dedupe, and batches of a history topic. Promise:
 * as for avro-records.ts, each with the error its decoder names.
 */
import { readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { packed } from '../../../core/aggregates/aggregate.ts'
import { CorruptCheckpointError, PoisonRecordError } from '../../../core/errors.ts'
import type { FeedHit } from '../../../core/hit.ts'
import type { MerchantId, Offset } from '../../../core/ids.ts'
import { decodeState, encodeState, type SavedState } from '../../../pipelines/core/dedupe/checkpoint-format.ts'
import { decodeAggregateState, encodeAggregateState } from '../../../schemas/avro/aggregate-state.ts'
import { decodeCheckpoint } from '../../../schemas/avro/checkpoint.ts'
import { decodeGraphState, encodeGraphState } from '../../../schemas/avro/graph-state.ts'
import { decodeHistoryBatch, encodeHistoryBatch, knownHistoryBatchSchemas } from '../../../schemas/avro/history.ts'
import { arbitraryBatch } from '../../../schemas/avro/hit-batch-under-test.ts'
import { mutateBytes } from '../mutate-bytes.ts'
import { type FuzzTarget, promised, stateless, unlessRefused } from '../target.ts'
import { mutateSingleObject, withChecksum } from './avro-records.ts'

const schemas = new URL('../../../schemas/avro/', import.meta.url)
const textIn = (file: string) => readFileSync(new URL(file, schemas), 'utf8')
const graphSchema: unknown = JSON.parse(textIn('graph-state.v1.avsc'))
const aggregateSchema: unknown = JSON.parse(textIn('aggregate-state.v1.avsc'))
const dedupe = { checksumBytes: 4, countAt: 32 }

export const graphState: FuzzTarget = {
  name: 'graph-state',
  form: 'bytes',
  examples: async () => {
    const plans = ['fixed-count', 'hopping-distinct', 'visits']
    const states = plans.map((name) => {
      const { steps } = decodeCheckpoint(name, Buffer.from(textIn(`golden/${name}.v1.base64`), 'base64'))
      return [name, Buffer.from(steps['#windows'] ?? [])] as const
    })
    return Object.fromEntries(states)
  },
  mutate: (draw, corpus) => mutateSingleObject(draw, graphSchema, corpus),
  open: stateless((input) => {
    const found = unlessRefused(() => decodeGraphState(input), [RangeError])
    if (found === undefined) return 'refused'
    const again = decodeGraphState(encodeGraphState(found.value))
    promised(isDeepStrictEqual(again, found.value), () => 'a state of windows is another after it was encoded')
    return 'accepted'
  }),
}

export const aggregateState: FuzzTarget = {
  name: 'aggregate-state',
  form: 'bytes',
  examples: async () => {
    const place = { time: 5, position: { partition: 1, offset: 2 as Offset, index: 3 } }
    const states = {
      sum: packed('sum', { sum: -(2n ** 90n), n: 3n }),
      distinct: packed('countDistinct', { k: 16, hashes: [1n, 2n ** 62n, 2n ** 63n - 1n] }),
      quantiles: packed('quantiles', { histogram: [-3, 0, 700].map((bucket) => ({ bucket, n: 2n ** 40n })) }),
      top: packed('top', { weights: ['/a', '', '😀'].map((value, i) => ({ value, weight: BigInt(i) })) }),
      first: packed('first', { place, value: '/a' }),
      max: packed('max', { value: 1.5 }),
      min: packed('min', { value: 2n ** 70n }),
    }
    return Object.fromEntries(Object.entries(states).map(([name, state]) => [name, encodeAggregateState(state)]))
  },
  mutate: (draw, corpus) => mutateSingleObject(draw, aggregateSchema, corpus),
  open: stateless((input) => {
    const found = unlessRefused(() => decodeAggregateState(input), [RangeError])
    if (found === undefined) return 'refused'
    const again = decodeAggregateState(encodeAggregateState(found.value))
    promised(isDeepStrictEqual(again, found.value), () => "an aggregate's state is another after it was encoded")
    return 'accepted'
  }),
}

export const historyBatch: FuzzTarget = {
  name: 'history-batch',
  form: 'bytes',
  examples: async () => {
    const merchant = 'shop' as MerchantId
    const drawn = fc.sample(arbitraryBatch, { numRuns: 12, seed: 4 }).filter(({ hits }) => hits.length > 0)
    const batches = drawn.map(({ hits, ...facts }) => {
      const position = { partition: 0, offset: 7 as Offset, index: 1 }
      const feedHits = hits.map((hit): FeedHit => ({ ...hit, ...facts, merchant, source: 'log', position }))
      const entries = feedHits.map((hit, i) => ({ hour: 490_000 + i, hit }))
      return encodeHistoryBatch({ emission: 'march', merchant, entries })
    })
    return Object.fromEntries(batches.map((batch, i) => [`batch-${i}`, batch]))
  },
  mutate: (draw, corpus) => mutateSingleObject(draw, knownHistoryBatchSchemas[0], corpus),
  open: stateless((input) => {
    const found = unlessRefused(() => decodeHistoryBatch(input), [PoisonRecordError])
    if (found === undefined) return 'refused'
    const again = decodeHistoryBatch(encodeHistoryBatch(found.value))
    promised(isDeepStrictEqual(again, found.value), () => 'a batch of history is another after it was encoded')
    return 'accepted'
  }),
}

export const dedupeState: FuzzTarget = {
  name: 'dedupe-state',
  form: 'bytes',
  examples: async () => {
    const empty: SavedState = { seed: 7n, lastMs: Number.NEGATIVE_INFINITY, nextObject: 0, segments: [], entries: [] }
    const segments = ['000000000000-9e79b1f2c3d4', 'x'].map((name, level) => ({
      name,
      level,
      count: 600,
      bytes: 7_300,
      indexCrc: 5,
    }))
    const entries = Array.from({ length: 5 }, (_, i) => ({ hi: i, lo: 2 ** 32 - 1 - i, time: 1_772_000_000_000 + i }))
    return {
      empty: encodeState(empty),
      full: encodeState({ ...empty, lastMs: 1_772_000_000_004, nextObject: 2, segments, entries }),
    }
  },
  mutate(draw, corpus) {
    const input = draw.of(corpus)
    if (draw.oneIn(3)) return mutateBytes(draw, input, draw.of(corpus))
    let body = Buffer.from(input.subarray(0, -dedupe.checksumBytes))
    if (draw.oneIn(2)) body = Buffer.from(mutateBytes(draw, body, draw.of(corpus)))
    else
      body.writeUInt32LE(
        draw.of([0, 1, 2, 3, 1_000, 2 ** 31, 2 ** 32 - 1]),
        draw.oneIn(2) ? dedupe.countAt : draw.below(body.length - 3),
      )
    return withChecksum(body)
  },
  open: stateless((input) => {
    const found = unlessRefused(() => decodeState('state', input), [CorruptCheckpointError])
    if (found === undefined) return 'refused'
    promised(
      input.equals(withChecksum(input.subarray(0, -dedupe.checksumBytes))),
      () => 'a state is read whose checksum is wrong',
    )
    const again = decodeState('state', encodeState(found.value))
    promised(isDeepStrictEqual(again, found.value), () => 'a state of dedupe is another after it was encoded')
    return 'accepted'
  }),
}
