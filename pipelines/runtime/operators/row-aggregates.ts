/**
 * The aggregates of a step as one: a state for each, to which rows are added. Laws and packed forms are those of
 * core/aggregates/aggregate.ts.
 */
import type { Aggregate, AggregateKind, PackedState } from '../../../core/aggregates/aggregate.ts'
import { count, countIf } from '../../../core/aggregates/count.ts'
import { countDistinct } from '../../../core/aggregates/count-distinct.ts'
import { first, last } from '../../../core/aggregates/first-last.ts'
import { max, min } from '../../../core/aggregates/min-max.ts'
import { quantiles } from '../../../core/aggregates/quantiles.ts'
import { avg, sum } from '../../../core/aggregates/sum.ts'
import { top } from '../../../core/aggregates/top.ts'
import type { EventTime } from '../../../core/event-time.ts'
import type { Position } from '../../../core/ids.ts'
import { KmvBuilder } from '../../../core/sketch/kmv.ts'
import type { AggregateNode } from '../../core/pane.ts'
import { columnReader, type Row, wrong } from '../../core/partials-columns.ts'
import type { WindowAggregate } from '../../core/window-operator-options.ts'

/** A row on its way into windows, with its place among others. */
export interface PlacedRow {
  readonly row: Row
  readonly time: EventTime
  readonly position: Position
}

export type Values = Readonly<Record<string, unknown>>

export interface RowAggregates extends WindowAggregate<PlacedRow, unknown[], Values, readonly PackedState[]> {
  /** Whether `add` can take the row. @throws TypeError naming the column */
  check(row: Row): void
}

type AnyAggregate = Aggregate<unknown, unknown, unknown>

interface Part {
  readonly name: string
  readonly aggregate: AnyAggregate
  readonly inputOf: (placed: PlacedRow) => unknown
  /** @throws TypeError */
  readonly check: (row: Row) => void
}

/** `ofValues`: whether the groups are of values of a column. */
export function rowAggregates(
  nodes: Readonly<Record<string, AggregateNode>>,
  groups: { readonly ofValues: boolean },
): RowAggregates {
  const parts = Object.entries(nodes).map(([name, node]) => partOf(name, node, groups.ofValues))
  const checks = parts.flatMap(({ check }) => (check === unchecked ? [] : [check]))
  const aggregates = parts.map(({ aggregate }) => aggregate)
  const inputs = parts.map(({ inputOf }) => inputOf)
  const names = parts.map(({ name }) => name)
  const kinds = aggregates.map(({ kind }) => kind)
  const growing = kinds.flatMap((kind, i) => (steady.has(kind) ? [] : [i]))
  const steadyBytes = kinds.reduce((bytes, kind) => bytes + (steady.get(kind) ?? 0), 0)
  return {
    check(row) {
      for (const check of checks) check(row)
    },
    create: () => aggregates.map((aggregate) => aggregate.create()),
    add(states, placed) {
      for (let i = 0; i < aggregates.length; i++) {
        states[i] = (aggregates[i] as AnyAggregate).add(states[i], inputs[i]?.(placed))
      }
      return states
    },
    merge(into, from) {
      for (let i = 0; i < aggregates.length; i++) into[i] = (aggregates[i] as AnyAggregate).merge(into[i], from[i])
      return into
    },
    result(states) {
      const values: Record<string, unknown> = {}
      for (let i = 0; i < names.length; i++) values[names[i] as string] = aggregates[i]?.result(states[i])
      return values
    },
    size(states) {
      let bytes = steadyBytes
      for (let i = 0; i < growing.length; i++) bytes += bytesOf(states[growing[i] as number])
      return bytes
    },
    pack: (states) => aggregates.map((aggregate, i) => aggregate.pack(states[i])),
    unpack: (packed) => aggregates.map((aggregate, i) => aggregate.unpack(packed[i] as PackedState)),
  }
}

const unchecked = () => {}

function partOf(name: string, node: AggregateNode, ofValues: boolean): Part {
  switch (node.kind) {
    case 'count':
      return part(name, count(), () => null, unchecked)
    case 'countIf': {
      const { column, is } = node
      const read = columnReader(column)
      if (is !== undefined) return part(name, countIf(), ({ row }) => read(row) === is, unchecked)
      return part(name, countIf(), ({ row }) => read(row), needs('countIf', 'a boolean', column, isBoolean))
    }
    case 'sum':
    case 'avg': {
      const read = columnReader(node.column)
      const inputOf = ({ row }: PlacedRow) => read(row) ?? null
      const check = needs(node.kind, 'an integer', node.column, isInteger)
      return node.kind === 'sum' ? part(name, sum(), inputOf, check) : part(name, avg(), inputOf, check)
    }
    case 'min':
    case 'max': {
      const read = columnReader(node.column)
      const aggregate = node.kind === 'min' ? min() : max()
      return part(name, aggregate, ({ row }) => read(row) ?? null, needs(node.kind, ordered, node.column, isOrdered))
    }
    case 'countDistinct': {
      const read = columnReader(node.column)
      const aggregate = countDistinct(ofValues ? node.ofValues : node.k)
      const check = needs(node.kind, 'a hash in [0, 2^63)', node.column, isHash)
      return part(name, aggregate, ({ row }) => read(row) ?? null, check)
    }
    case 'quantiles': {
      const read = columnReader(node.column)
      const check = needs(node.kind, 'the number of a bucket', node.column, isBucket)
      return part(name, quantiles(), ({ row }) => read(row) ?? null, check)
    }
    case 'top': {
      const [value, weight] = [columnReader(node.column), columnReader(node.weight)]
      const checkValue = needs(node.kind, 'a text', node.column, (found) => typeof found === 'string')
      const checkWeight = needs(node.kind, 'an integer', node.weight, isInteger)
      return part(
        name,
        top(),
        ({ row }) => ({ value: value(row) ?? null, weight: weight(row) ?? 0 }),
        (row) => {
          checkValue(row)
          checkWeight(row)
        },
      )
    }
    case 'first':
    case 'last': {
      const read = columnReader(node.column)
      const aggregate = node.kind === 'first' ? first() : last()
      const inputOf = ({ row, time, position }: PlacedRow) => ({ time, position, value: read(row) ?? null })
      return part(name, aggregate, inputOf, needs(node.kind, ordered, node.column, isOrdered))
    }
  }
}

function part<S, I, R>(
  name: string,
  aggregate: Aggregate<S, I, R>,
  inputOf: Part['inputOf'],
  check: Part['check'],
): Part {
  return { name, aggregate: aggregate as unknown as AnyAggregate, inputOf, check }
}

/** Null passes: every aggregate leaves it out, or has it for a value. */
function needs(kind: string, what: string, column: string, holds: (found: unknown) => boolean): Part['check'] {
  const read = columnReader(column)
  return (row) => {
    const found = read(row)
    if (found !== null && found !== undefined && !holds(found)) throw wrong(kind, what, column, found)
  }
}

const ordered = 'a text or a number'
const hashEnd = 2n ** 63n
const isBoolean = (found: unknown) => typeof found === 'boolean'
const isInteger = (found: unknown) => typeof found === 'bigint' || Number.isSafeInteger(found)
const isBucket = (found: unknown) => Number.isSafeInteger(found)
const isOrdered = (found: unknown) =>
  typeof found === 'string' || typeof found === 'bigint' || (typeof found === 'number' && !Number.isNaN(found))
const isHash = (found: unknown) => typeof found === 'bigint' && found >= 0n && found < hashEnd

/** Of a map of a few numbers or texts an entry; measured on V8, rounded up. */
const entryBytes = 64

/** States whose memory no row changes. */
const steady: ReadonlyMap<AggregateKind, number> = new Map([
  ['count', 16],
  ['countIf', 16],
  ['sum', 16],
  ['avg', entryBytes],
])

/** Memory of one aggregate's state, in the forms that core/aggregates has them; rounded up. */
function bytesOf(state: unknown): number {
  if (state instanceof KmvBuilder) return state.bytes + entryBytes
  if (state instanceof Map) return (state.size + 1) * entryBytes
  if (typeof state === 'string') return 2 * state.length + 16
  if (typeof state === 'object' && state !== null) {
    const { value } = state as { readonly value?: unknown }
    return entryBytes + (typeof value === 'string' ? 2 * value.length : 0)
  }
  return 16
}
