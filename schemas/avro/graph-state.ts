/**
 * What a plan's windows keep, as bytes: Avro single-object encoding of `graph-state.v1.avsc`. Part of a partition's
 * checkpoint, which has the checksum. The fingerprint is the version; every version ever written stays known.
 */
import { readFileSync } from 'node:fs'
import type { PackedState } from '../../core/aggregates/aggregate.ts'
import { decodeAggregateState, encodeAggregateState } from './aggregate-state.ts'
import { avroType } from './avro-type.ts'
import { type AvroObject, singleObjectHeader } from './fingerprint.ts'
import { compileCheck } from './skim.ts'

/** `P` is the state of a window: one packed state an aggregate. */
export interface GraphState<P> {
  readonly watermark: number | null
  /** By window step, then by grouping. */
  readonly windows: Readonly<Record<string, Readonly<Record<string, WindowState<P>>>>>
}

/** What a window operator keeps, as plain data. */
export interface WindowState<P> {
  /** null before the first; 2^53 − 1 for the end of time. */
  readonly watermark: number | null
  readonly processingTime: number | null
  /** Rising by code point. */
  readonly keys: readonly StoredKey<P>[]
}

export interface StoredKey<P> {
  readonly key: string
  /** Rising by start, then end. */
  readonly windows: readonly StoredWindow<P>[]
  readonly vanished: readonly EmittedWindow[]
}

/** Meanings as in pipelines/core/kept-window.ts. */
export interface StoredWindow<P> {
  readonly start: number
  readonly end: number
  readonly reach: number
  readonly rows: number
  readonly unemitted: number
  readonly changed: boolean
  readonly nextPane: number
  readonly closed: boolean
  readonly emitted: EmittedWindow | null
  readonly earlyAt: number | null
  /** null where the rows are kept by time. */
  readonly state: P | null
  /** null where they are not. */
  readonly rowsByTime: readonly StoredRows<P>[] | null
}

/** The upsert that sinks hold of a window: bounds it may have outgrown. */
export interface EmittedWindow {
  readonly start: number
  readonly end: number
  readonly number: number
}

export interface StoredRows<P> {
  readonly time: number
  readonly reach: number
  readonly count: number
  readonly state: P
}

type Packed = readonly PackedState[]
type Written = readonly Buffer[]

const schema = JSON.parse(readFileSync(new URL('graph-state.v1.avsc', import.meta.url), 'utf8')) as AvroObject
const type = avroType(schema)
const header = singleObjectHeader(schema)
const check = compileCheck(schema)

export function encodeGraphState(state: GraphState<Packed>): Buffer {
  const packed = mapStates(state, (states): Written => states.map(encodeAggregateState))
  return Buffer.concat([header, type.toBuffer(packed)])
}

/** @throws RangeError for bytes of another schema, or that the schema cannot read */
export function decodeGraphState(bytes: Uint8Array): GraphState<Packed> {
  const found = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (!found.subarray(0, header.length).equals(header)) {
    throw new RangeError(`no state of windows: it begins with ${found.toString('hex', 0, header.length)}`)
  }
  return mapStates(read(found.subarray(header.length)), (states): Packed => states.map(decodeAggregateState))
}

function read(body: Buffer): GraphState<Written> {
  try {
    check(body, 0)
    return type.fromBuffer(body) as GraphState<Written>
  } catch (error) {
    throw new RangeError('the bytes of the state of windows are damaged', { cause: error })
  }
}

function mapStates<A, B>(graph: GraphState<A>, of: (state: A) => B): GraphState<B> {
  const window = (each: StoredWindow<A>): StoredWindow<B> => ({
    ...each,
    state: each.state === null ? null : of(each.state),
    rowsByTime: each.rowsByTime?.map((rows) => ({ ...rows, state: of(rows.state) })) ?? null,
  })
  const kept = (state: WindowState<A>): WindowState<B> => ({
    ...state,
    keys: state.keys.map((key) => ({ ...key, windows: key.windows.map(window) })),
  })
  return {
    watermark: graph.watermark,
    windows: mapValues(graph.windows, (groupings) => mapValues(groupings, kept)),
  }
}

function mapValues<A, B>(of: Readonly<Record<string, A>>, map: (value: A) => B): Readonly<Record<string, B>> {
  return Object.fromEntries(Object.entries(of).map(([name, value]) => [name, map(value)]))
}
