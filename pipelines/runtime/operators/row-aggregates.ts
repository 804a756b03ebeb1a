/**
 * The aggregates of a step as one: a state for each, to which rows are added. Laws and packed forms are those of
 * core/aggregates/aggregate.ts.
 */
import type { Aggregate, PackedState } from '../../../core/aggregates/aggregate.ts'
import { count, countIf } from '../../../core/aggregates/count.ts'
import { countDistinct } from '../../../core/aggregates/count-distinct.ts'
import { first, last } from '../../../core/aggregates/first-last.ts'
import { max, min } from '../../../core/aggregates/min-max.ts'
import { quantiles } from '../../../core/aggregates/quantiles.ts'
import { avg, sum } from '../../../core/aggregates/sum.ts'
import { top } from '../../../core/aggregates/top.ts'
import type { EventTime } from '../../../core/event-time.ts'
import type { Position } from '../../../core/ids.ts'
import { ownCode } from '../../core/own-code.ts'
import type { AggregateNode } from '../../core/pane.ts'
import { columnReader, type Row, wrong } from '../../core/partials-columns.ts'
import type { WindowAggregate } from '../../core/window-operator-options.ts'
import {
  type AddRow,
  type AnyAggregate,
  addCode,
  addOne,
  addPlaced,
  addValue,
  type Check,
  checkCode,
  createCode,
  mergeCode,
  needing,
  placedValue,
  type Read,
  resultCode,
  sizeCode,
  unchecked,
} from './aggregate-code.ts'

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

interface Part {
  readonly name: string
  readonly aggregate: AnyAggregate
  readonly add: AddRow
  /** @throws TypeError */
  readonly check: Check
}

/** `ofValues`: whether the groups are of values of a column. */
export function rowAggregates(
  nodes: Readonly<Record<string, AggregateNode>>,
  groups: { readonly ofValues: boolean },
): RowAggregates {
  const placedValues = new Map<string, (placed: PlacedRow) => unknown>()
  const placedOf = (column: string) => {
    const made = placedValues.get(column) ?? ownCode(placedValue, column)(columnReader(column))
    placedValues.set(column, made)
    return made
  }
  const all = Object.entries(nodes)
    .map(([name, { kind }]) => `${kind} ${name}`)
    .join()
  const parts = Object.entries(nodes).map(([name, node]) => partOf(name, node, groups.ofValues, placedOf))
  const checks = parts.flatMap(({ check }) => (check === unchecked ? [] : [check]))
  const aggregates = parts.map(({ aggregate }) => aggregate)
  const kinds = aggregates.map(({ kind }) => kind)
  const merge = mergeCode(all, aggregates)
  const add = addCode(
    all,
    parts.map((part) => part.add),
  )
  const result = resultCode(all, parts)
  const create = createCode(aggregates)
  return {
    check: checkCode(all, checks),
    create,
    add(states, placed) {
      add(states, placed)
      return states
    },
    merge(into, from) {
      merge(into, from)
      return into
    },
    result(states) {
      const values: Record<string, unknown> = {}
      result(values, states)
      return values
    },
    size: sizeCode(all, kinds),
    pack: (states) => aggregates.map((aggregate, i) => aggregate.pack(states[i])),
    unpack: (packed) => aggregates.map((aggregate, i) => aggregate.unpack(packed[i] as PackedState)),
  }
}

function partOf(
  name: string,
  node: AggregateNode,
  ofValues: boolean,
  placedOf: (column: string) => (placed: PlacedRow) => unknown,
): Part {
  switch (node.kind) {
    case 'count':
      return { name, aggregate: count() as unknown as AnyAggregate, add: ownCode(addOne, name)(), check: unchecked }
    case 'countIf': {
      const { column, is } = node
      const read = columnReader(column)
      const counts: Read = is === undefined ? read : (row) => read(row) === is
      return part(
        name,
        countIf(),
        counts,
        is === undefined ? needs('countIf', 'a boolean', column, isBoolean) : unchecked,
      )
    }
    case 'sum':
    case 'avg': {
      const aggregate = node.kind === 'sum' ? sum() : avg()
      const check = needs(node.kind, 'an integer', node.column, isInteger)
      return part(name, aggregate as unknown as AnyAggregate, columnReader(node.column), check)
    }
    case 'min':
    case 'max': {
      const aggregate = node.kind === 'min' ? min() : max()
      return part(name, aggregate, columnReader(node.column), needs(node.kind, ordered, node.column, isOrdered))
    }
    case 'countDistinct': {
      const aggregate = countDistinct(ofValues ? node.ofValues : node.k)
      return part(
        name,
        aggregate,
        columnReader(node.column),
        needs(node.kind, 'a hash in [0, 2^63)', node.column, isHash),
      )
    }
    case 'quantiles':
      return part(
        ...([name, quantiles(), columnReader(node.column)] as const),
        needs(node.kind, 'the number of a bucket', node.column, isBucket),
      )
    case 'top': {
      const [value, weight] = [columnReader(node.column), columnReader(node.weight)]
      const checkValue = needs(node.kind, 'a text', node.column, (found) => typeof found === 'string')
      const checkWeight = needs(node.kind, 'an integer', node.weight, isInteger)
      const aggregate = top()
      return part(
        name,
        aggregate,
        (row) => ({ value: value(row) ?? null, weight: weight(row) ?? 0 }),
        (row) => {
          checkValue(row)
          checkWeight(row)
        },
      )
    }
    case 'first':
    case 'last': {
      const aggregate = (node.kind === 'first' ? first() : last()) as unknown as AnyAggregate
      const add = ownCode(addPlaced, `${node.kind} ${node.column}`)(aggregate.add, placedOf(node.column))
      return { name, aggregate, add, check: needs(node.kind, ordered, node.column, isOrdered) }
    }
  }
}

function part<S, I, R>(name: string, of: Aggregate<S, I, R>, read: Read, check: Part['check']): Part {
  const aggregate = of as unknown as AnyAggregate
  return { name, aggregate, add: ownCode(addValue, `${of.kind} ${name}`)(aggregate.add, read), check }
}

/** Null passes: every aggregate leaves it out, or has it for a value. */
function needs(kind: string, what: string, column: string, holds: (found: unknown) => boolean): Part['check'] {
  const refuse = (found: unknown) => {
    throw wrong(kind, what, column, found)
  }
  return ownCode(needing, `${kind} ${column}`)(columnReader(column), holds, refuse)
}

const ordered = 'a text or a number'
const hashEnd = 2n ** 63n
const isBoolean = (found: unknown) => typeof found === 'boolean'
const isInteger = (found: unknown) => typeof found === 'bigint' || Number.isSafeInteger(found)
const isBucket = (found: unknown) => Number.isSafeInteger(found)
const isOrdered = (found: unknown) =>
  typeof found === 'string' || typeof found === 'bigint' || (typeof found === 'number' && !Number.isNaN(found))
const isHash = (found: unknown) => typeof found === 'bigint' && found >= 0n && found < hashEnd
