/**
 * What becomes of the states of a step's aggregates, as makers of closures with code of their own (`ownCode`): a loop over
 * aggregates would make each of its calls one that could go anywhere. Makers name nothing but their arguments.
 */
import type { Aggregate, AggregateKind } from '../../../core/aggregates/aggregate.ts'
import type { KmvBuilder } from '../../../core/sketch/kmv.ts'
import { ownCode } from '../../core/own-code.ts'
import type { Row } from '../../core/partials-columns.ts'
import type { PlacedRow } from './row-aggregates.ts'

export type AnyAggregate = Aggregate<unknown, unknown, unknown>

export const unchecked = (): void => {}

export type Read = (row: Row) => unknown
export type AddRow = (state: unknown, placed: PlacedRow) => unknown

// Makers for `ownCode`: they name nothing but their arguments.

export const addOne = (): AddRow => (state) => (state as number) + 1

export const addValue =
  (add: AnyAggregate['add'], read: Read): AddRow =>
  (state, { row }) =>
    add(state, read(row) ?? null)

export const addPlaced =
  (add: AnyAggregate['add'], inputOf: (placed: PlacedRow) => unknown): AddRow =>
  (state, placed) =>
    add(state, inputOf(placed))

/** A value with its place, made once a row though several aggregates of a column keep it. */
export const placedValue = (read: Read): ((placed: PlacedRow) => unknown) => {
  let last: PlacedRow | null = null
  let value: unknown = null
  return (placed) => {
    if (placed !== last) {
      last = placed
      value = { time: placed.time, position: placed.position, value: read(placed.row) ?? null }
    }
    return value
  }
}

type AddAll = (states: unknown[], placed: PlacedRow) => void

const addTo =
  (place: number, add: AddRow, others: AddAll | null): AddAll =>
  (states, placed) => {
    states[place] = add(states[place], placed)
    if (others !== null) others(states, placed)
  }

/** `name` is of the aggregates as a whole: those of one name share code. */
export function addCode(name: string, adds: readonly AddRow[]): AddAll {
  const last = adds.length - 1
  const made = (place: number): AddAll | null =>
    place > last ? null : ownCode(addTo, `${name}/${place}`)(place, adds[place] as AddRow, made(place + 1))
  return made(0) ?? (() => {})
}

type MergeAll = (into: unknown[], from: readonly unknown[]) => void

const mergeTo =
  (place: number, merge: AnyAggregate['merge'], others: MergeAll | null): MergeAll =>
  (into, from) => {
    into[place] = merge(into[place], from[place])
    if (others !== null) others(into, from)
  }

export function mergeCode(name: string, aggregates: readonly AnyAggregate[]): MergeAll {
  const made = (place: number): MergeAll | null => {
    const found = aggregates[place]
    return found === undefined ? null : ownCode(mergeTo, `${name}/${place}`)(place, found.merge, made(place + 1))
  }
  return made(0) ?? (() => {})
}

type ResultOfAll = (values: Record<string, unknown>, states: readonly unknown[]) => void

const resultOf =
  (place: number, name: string, result: AnyAggregate['result'], others: ResultOfAll | null): ResultOfAll =>
  (values, states) => {
    values[name] = result(states[place])
    if (others !== null) others(values, states)
  }

export function resultCode(
  name: string,
  parts: readonly { readonly name: string; readonly aggregate: AnyAggregate }[],
): ResultOfAll {
  const made = (place: number): ResultOfAll | null => {
    const found = parts[place]
    if (found === undefined) return null
    return ownCode(resultOf, `${name}/${place}`)(place, found.name, found.aggregate.result, made(place + 1))
  }
  return made(0) ?? (() => {})
}

export type Check = (row: Row) => void

const checkThen =
  (check: Check, others: Check): Check =>
  (row) => {
    check(row)
    others(row)
  }

export function checkCode(name: string, checks: readonly Check[]): Check {
  const [first, ...others] = checks
  if (first === undefined) return unchecked
  return others.length === 0 ? first : ownCode(checkThen, `${name}/${others.length}`)(first, checkCode(name, others))
}

/** States of no rows: a copy of what is the same in all, and the others made anew. */
export function createCode(aggregates: readonly AnyAggregate[]): () => unknown[] {
  const empty = aggregates.map((aggregate) => aggregate.create())
  const own = empty.flatMap((state, place) => (typeof state === 'object' && state !== null ? [place] : []))
  return () => {
    const states = empty.slice()
    for (let i = 0; i < own.length; i++) {
      const place = own[i] as number
      states[place] = (aggregates[place] as AnyAggregate).create()
    }
    return states
  }
}

export const needing =
  (read: Read, holds: (found: unknown) => boolean, refuse: (found: unknown) => void): Check =>
  (row) => {
    const found = read(row)
    if (found !== null && found !== undefined && !holds(found)) refuse(found)
  }

/** Of a map of a few numbers or texts an entry; measured on V8, rounded up. */
const entryBytes = 64

/** States whose memory no row changes. */
const steady: ReadonlyMap<AggregateKind, number> = new Map([
  ['count', 16],
  ['countIf', 16],
  ['sum', 16],
  ['avg', entryBytes],
])

type Size = (states: readonly unknown[]) => number

// Memory of one aggregate's state, in the forms that core/aggregates has them; rounded up.

const sketchSize =
  (place: number, entry: number, others: Size): Size =>
  (states) =>
    (states[place] as KmvBuilder).bytes + entry + others(states)

const mapSize =
  (place: number, entry: number, others: Size): Size =>
  (states) =>
    ((states[place] as ReadonlyMap<unknown, unknown>).size + 1) * entry + others(states)

const valueSize =
  (place: number, _: number, others: Size): Size =>
  (states) => {
    const value = states[place]
    return 16 + (typeof value === 'string' ? 2 * value.length : 0) + others(states)
  }

const placedSize =
  (place: number, entry: number, others: Size): Size =>
  (states) => {
    const placed = states[place] as { readonly value: unknown } | null
    if (placed === null) return 16 + others(states)
    const { value } = placed
    return entry + (typeof value === 'string' ? 2 * value.length : 0) + others(states)
  }

/** Of states that rows make larger. */
const growing = {
  ...{ min: valueSize, max: valueSize, countDistinct: sketchSize },
  ...{ quantiles: mapSize, top: mapSize, first: placedSize, last: placedSize },
} as const

export function sizeCode(name: string, kinds: readonly AggregateKind[]): Size {
  const fixed = kinds.reduce((bytes, kind) => bytes + (steady.get(kind) ?? 0), 0)
  return kinds.reduce<Size>(
    (others, kind, place) => {
      const make = kind in growing ? growing[kind as keyof typeof growing] : undefined
      return make === undefined ? others : ownCode(make, `${name}/${place}`)(place, entryBytes, others)
    },
    () => fixed,
  )
}
