/**
 * An aggregate's state as bytes: Avro single-object encoding of `aggregate-state.v1.avsc`, one form for all aggregates.
 * The fingerprint is the version; every version ever written stays known.
 */
import { readFileSync } from 'node:fs'
import { aggregateKinds, type Ordered, type PackedState } from '../../core/aggregates/aggregate.ts'
import type { Offset } from '../../core/ids.ts'
import { avroType } from './avro-type.ts'
import { type AvroObject, singleObjectHeader } from './fingerprint.ts'
import { compileCheck } from './skim.ts'

const schema = JSON.parse(readFileSync(new URL('aggregate-state.v1.avsc', import.meta.url), 'utf8')) as AvroObject
const type = avroType(schema)
const header = singleObjectHeader(schema)
const check = compileCheck(schema)

/** What the schema holds. */
interface Written {
  readonly kind: string
  readonly n: Buffer
  readonly sum: Buffer
  readonly k: number
  readonly hashes: readonly bigint[]
  readonly histogram: readonly { readonly bucket: number; readonly n: Buffer }[]
  readonly weights: readonly { readonly value: string; readonly weight: Buffer }[]
  readonly place: {
    readonly time: number
    readonly partition: number
    readonly offset: number
    readonly index: number
  } | null
  readonly value: { readonly text: string | null; readonly real: number | null; readonly whole: Buffer | null }
}

export function encodeAggregateState(state: PackedState): Buffer {
  const { place, value } = state
  const written: Written = {
    ...{ kind: state.kind, n: wholeBytes(state.n), sum: wholeBytes(state.sum), k: state.k, hashes: state.hashes },
    histogram: state.histogram.map(({ bucket, n }) => ({ bucket, n: wholeBytes(n) })),
    weights: state.weights.map((each) => ({ value: each.value, weight: wholeBytes(each.weight) })),
    place: place && { time: place.time, ...place.position },
    value: {
      text: typeof value === 'string' ? value : null,
      real: typeof value === 'number' ? value : null,
      whole: typeof value === 'bigint' ? wholeBytes(value) : null,
    },
  }
  return Buffer.concat([header, type.toBuffer(written)])
}

/** @throws RangeError for bytes of another schema, of no aggregate, or that the schema cannot read */
export function decodeAggregateState(bytes: Uint8Array): PackedState {
  const found = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (!found.subarray(0, header.length).equals(header)) {
    throw new RangeError(`no aggregate's state: it begins with ${found.toString('hex', 0, header.length)}`)
  }
  const written = read(found.subarray(header.length))
  const kind = aggregateKinds.find((each) => each === written.kind)
  if (kind === undefined) throw new RangeError(`no aggregate is called '${written.kind}'`)
  const { place, value } = written
  return {
    ...{ kind, n: wholeOf(written.n), sum: wholeOf(written.sum), k: written.k, hashes: written.hashes },
    histogram: written.histogram.map(({ bucket, n }) => ({ bucket, n: wholeOf(n) })),
    weights: written.weights.map((each) => ({ value: each.value, weight: wholeOf(each.weight) })),
    place: place && {
      time: place.time,
      position: { partition: place.partition, offset: place.offset as Offset, index: place.index },
    },
    value: orderedOf(value),
  }
}

function read(body: Buffer): Written {
  try {
    check(body, 0)
    return type.fromBuffer(body) as Written
  } catch (error) {
    throw new RangeError('the bytes of an aggregate’s state are damaged', { cause: error })
  }
}

function orderedOf({ text, real, whole }: Written['value']): Ordered | null {
  return text ?? real ?? (whole === null ? null : wholeOf(whole))
}

/** Two's complement, big-endian, in as few bytes as hold it; at least one. */
function wholeBytes(value: bigint): Buffer {
  const magnitude = value < 0n ? -value - 1n : value
  const size = Math.floor(magnitude.toString(2).length / 8) + 1
  const digits = BigInt.asUintN(size * 8, value).toString(16)
  return Buffer.from(digits.padStart(size * 2, '0'), 'hex')
}

function wholeOf(bytes: Buffer): bigint {
  return bytes.length === 0 ? 0n : BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`))
}
