/**
 * Records of log, feed and checkpoints, as bytes. Promise: whatever the bytes are, a decoder gives a value that is written
 * and read again as the same, or refuses with the error it names; in time and memory bounded by the bytes.
 */
import { readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { CorruptCheckpointError, PoisonRecordError } from '../../../core/errors.ts'
import type { HitBatch } from '../../../core/hit.ts'
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from '../../../schemas/avro/checkpoint.ts'
import { decodeHitBatch, encodeHitBatch, knownSchemas, peekBatch } from '../../../schemas/avro/hit-batch.ts'
import { arbitraryBatch } from '../../../schemas/avro/hit-batch-under-test.ts'
import { decodeHitPack, encodeHitPack, type HitPack, knownPackSchemas } from '../../../schemas/avro/hit-pack.ts'
import type { Draw } from '../../sim/random.ts'
import { mutateAvro } from '../mutate-avro.ts'
import { mutateBytes } from '../mutate-bytes.ts'
import { type FuzzTarget, promised, stateless, unlessRefused } from '../target.ts'

/** Of Avro single-object encoding. */
export const singleObjectHeaderBytes = 10

/** One of the corpus, changed by its schema; its header stays, most of the time. */
export function mutateSingleObject(draw: Draw, schema: unknown, corpus: readonly Buffer[]): Buffer {
  const input = draw.of(corpus)
  if (draw.oneIn(10)) return mutateBytes(draw, input, draw.of(corpus))
  if (draw.oneIn(20)) {
    const header = mutateBytes(draw, input.subarray(0, singleObjectHeaderBytes), draw.of(corpus))
    return Buffer.concat([header, input.subarray(singleObjectHeaderBytes)])
  }
  const others = bodiesOf(corpus)
  let body = others[corpus.indexOf(input)] as Buffer
  for (let left = draw.oneIn(4) ? draw.between(2, 5) : 1; left > 0; left--)
    body = mutateAvro(draw, schema, body, others)
  return Buffer.concat([input.subarray(0, singleObjectHeaderBytes), body])
}

const bodies = new WeakMap<readonly Buffer[], readonly Buffer[]>()

/** The same buffers each time, so that what is known of them is found again. */
function bodiesOf(corpus: readonly Buffer[]): readonly Buffer[] {
  const known = bodies.get(corpus) ?? corpus.map((each) => each.subarray(singleObjectHeaderBytes))
  bodies.set(corpus, known)
  return known
}

/** What decoders under test are; planted.test.ts puts wrong ones in their place. */
export interface BatchDecoder {
  readonly decode: (bytes: Buffer) => HitBatch
  readonly peek: (bytes: Buffer) => { readonly merchant: string; readonly received: number; readonly hits: number }
}

export function hitBatchTarget({ decode, peek }: BatchDecoder): FuzzTarget {
  return {
    name: 'hit-batch',
    form: 'bytes',
    examples: async () => {
      const batches = fc.sample(arbitraryBatch, { numRuns: 12, seed: 1 }).map(encodeHitBatch)
      return Object.fromEntries(batches.map((batch, i) => [`batch-${i}`, batch]))
    },
    mutate: (draw, corpus) => mutateSingleObject(draw, knownSchemas[draw.oneIn(5) ? 0 : 1], corpus),
    open: stateless((input) => {
      const peeked = unlessRefused(() => peek(input), [PoisonRecordError])
      const found = unlessRefused(() => decode(input), [PoisonRecordError])
      if (found === undefined) return 'refused'
      const batch = found.value
      promised(peeked !== undefined, () => 'a batch is decoded that a peek refuses')
      const facts = { merchant: batch.merchant, received: batch.received, hits: batch.hits.length }
      promised(
        isDeepStrictEqual({ ...peeked?.value }, facts),
        () => `peeked ${JSON.stringify(peeked?.value)}, decoded ${JSON.stringify(facts)}`,
      )
      const again = decode(encodeHitBatch(batch))
      promised(isDeepStrictEqual(again, batch), () => 'a batch that was decoded is another after it was encoded')
      return 'accepted'
    }),
  }
}

export const hitBatch = hitBatchTarget({ decode: decodeHitBatch, peek: peekBatch })

export const hitPack: FuzzTarget = {
  name: 'hit-pack',
  form: 'bytes',
  examples: async () => {
    const batches = fc.sample(arbitraryBatch, { numRuns: 6, seed: 2 }).map(encodeHitBatch)
    const pack = (places: readonly number[], of: readonly Buffer[]): HitPack => ({
      log: '0f'.repeat(16),
      places,
      batches: of,
    })
    return {
      one: encodeHitPack(pack([0], batches.slice(0, 1))),
      several: encodeHitPack(pack([3, 4, 900, 2 ** 51, 2 ** 51 + 1], batches.slice(1, 6))),
      small: encodeHitPack(pack([1, 2], [Buffer.alloc(0), Buffer.from('no batch')])),
    }
  },
  mutate: (draw, corpus) => mutateSingleObject(draw, knownPackSchemas[0], corpus),
  open: stateless((input) => {
    const found = unlessRefused(() => decodeHitPack(input), [PoisonRecordError])
    if (found === undefined) return 'refused'
    const again = decodeHitPack(encodeHitPack(found.value))
    promised(isDeepStrictEqual(again, found.value), () => 'a pack that was decoded is another after it was encoded')
    return 'accepted'
  }),
}

const checkpointSchema: unknown = JSON.parse(
  readFileSync(new URL('../../../schemas/avro/checkpoint.v1.avsc', import.meta.url), 'utf8'),
)
const checksumBytes = 4

export function checkpointTarget(decode: (object: string, bytes: Buffer) => Checkpoint): FuzzTarget {
  return {
    name: 'checkpoint',
    form: 'bytes',
    examples: async () => {
      const one: Checkpoint = { plan: 'p', job: 'hits', source: 'log', partition: 0, next: 17, steps: {} }
      return {
        empty: encodeCheckpoint(one),
        steps: encodeCheckpoint({
          ...one,
          next: 2 ** 40,
          steps: { 'drop-repeats': Buffer.alloc(40, 7), '#plan': Buffer.from('{}') },
        }),
      }
    },
    mutate(draw, corpus) {
      if (draw.oneIn(3)) return mutateBytes(draw, draw.of(corpus), draw.of(corpus))
      const bodies = corpus.map((each) => each.subarray(0, -checksumBytes))
      return withChecksum(mutateSingleObject(draw, checkpointSchema, bodies))
    },
    open: stateless((input) => {
      const found = unlessRefused(() => decode('object', input), [CorruptCheckpointError])
      if (found === undefined) return 'refused'
      promised(
        input.equals(withChecksum(input.subarray(0, -checksumBytes))),
        () => 'a checkpoint is read whose checksum is wrong',
      )
      const again = decode('object', encodeCheckpoint(found.value))
      promised(
        isDeepStrictEqual(plain(again), plain(found.value)),
        () => 'a checkpoint is another after it was encoded',
      )
      return 'accepted'
    }),
  }
}

export const checkpoint = checkpointTarget(decodeCheckpoint)

/** With the CRC-32 that belongs to it. */
export function withChecksum(body: Buffer): Buffer {
  const checksum = Buffer.alloc(checksumBytes)
  checksum.writeUInt32LE(crc32(body))
  return Buffer.concat([body, checksum])
}

function plain(found: Checkpoint): unknown {
  return { ...found, steps: { ...found.steps } }
}
