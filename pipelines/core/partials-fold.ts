/**
 * How the rows of one epoch are folded, aggregate by aggregate: a fold keeps what it needs of each row, in row order, and
 * gives the numbers of one window's groups when it is asked. It looks at a window once (`begin`) and then folds it set by
 * set, so that what is dear, such as sorting hashes, is done once for all sets.
 */
import type { Aggregate } from '../../core/aggregates/aggregate.ts'
import { max, min } from '../../core/aggregates/min-max.ts'
import { avg } from '../../core/aggregates/sum.ts'
import { InvalidPlanError } from '../../core/errors.ts'
import type { AggregateNode, AggregateValue } from './pane.ts'
import { columnReader, type Row, wrong } from './partials-columns.ts'
import { HistogramFold, SketchFold, WeightsFold } from './partials-sorted.ts'

export type FoldValue = AggregateValue<AggregateNode>

export interface Fold {
  /** Whether `add` can take the row. @throws TypeError naming the column */
  check(row: Row): void
  /** The next row of the epoch. Rows have passed `check`. */
  add(row: Row): void
  /** From here the rows of one window, by their numbers in the epoch. */
  begin(rows: Int32Array): void
  /** Folds the window's rows; row `r` is in group `groupOf[r]`, 0 to `groups` − 1. `ofValues`: groups are of values. */
  fold(groupOf: Int32Array, groups: number, ofValues: boolean): void
  /** What the last `fold` made of a group. */
  value(group: number): FoldValue
  clear(): void
}

/** @throws InvalidPlanError for an aggregate whose parts no table merges */
export function foldOf(node: AggregateNode): Fold {
  switch (node.kind) {
    case 'count':
      return new CountFold(null)
    case 'countIf':
      return new CountFold(node)
    case 'sum':
      return new SumFold(node.column)
    case 'countDistinct':
      return new SketchFold(node)
    case 'quantiles':
      return new HistogramFold(node.column)
    case 'top':
      return new WeightsFold(node)
    case 'min':
      return new StateFold(node.column, min() as AnyAggregate, ordered)
    case 'max':
      return new StateFold(node.column, max() as AnyAggregate, ordered)
    case 'avg':
      return new StateFold(node.column, avg() as AnyAggregate, integer)
    default:
      throw new InvalidPlanError(`'${node.kind}' needs all rows of a group at once; an epoch has a part of them`)
  }
}

/** Numbers by group, all 0. */
function zeros(numbers: number[], groups: number): void {
  for (let group = 0; group < groups; group++) numbers[group] = 0
}

class CountFold implements Fold {
  readonly #counts: number[] = []
  readonly #column: string | null
  readonly #is: unknown
  readonly #read: (row: Row) => unknown
  readonly #holds: boolean[] = []
  #rows: Int32Array = new Int32Array()

  /** null: every row counts. */
  constructor(of: { readonly column: string; readonly is?: unknown } | null) {
    this.#column = of?.column ?? null
    this.#is = of?.is
    this.#read = of === null ? () => true : columnReader(of.column)
  }

  check(row: Row): void {
    if (this.#column === null || this.#is !== undefined) return
    const value = this.#read(row)
    if (typeof value !== 'boolean') throw wrong('countIf', 'a boolean', this.#column, value)
  }

  add(row: Row): void {
    if (this.#column === null) return
    const value = this.#read(row)
    this.#holds.push(this.#is === undefined ? (value as boolean) : value === this.#is)
  }

  begin(rows: Int32Array): void {
    this.#rows = rows
  }

  fold(groupOf: Int32Array, groups: number): void {
    const counts = this.#counts
    const holds = this.#holds
    zeros(counts, groups)
    if (this.#column === null) for (const row of this.#rows) (counts[groupOf[row] as number] as number) += 1
    else for (const row of this.#rows) if (holds[row] === true) (counts[groupOf[row] as number] as number) += 1
  }

  value(group: number): number {
    return this.#counts[group] as number
  }

  clear(): void {
    this.#holds.length = 0
  }
}

class SumFold implements Fold {
  readonly #sums: bigint[] = []
  readonly #read: (row: Row) => unknown
  readonly #amounts: (bigint | number | null)[] = []
  #rows: Int32Array = new Int32Array()

  constructor(readonly column: string) {
    this.#read = columnReader(column)
  }

  check(row: Row): void {
    const value = this.#read(row)
    if (!integer.takes(value)) throw wrong('sum', integer.name, this.column, value)
  }

  add(row: Row): void {
    this.#amounts.push(this.#read(row) as bigint | number | null)
  }

  begin(rows: Int32Array): void {
    this.#rows = rows
  }

  fold(groupOf: Int32Array, groups: number): void {
    const sums = this.#sums
    for (let group = 0; group < groups; group++) sums[group] = 0n
    for (const row of this.#rows) {
      const amount = this.#amounts[row] as bigint | number | null
      // Most rows add nothing, and every bigint sum is a new object.
      if (amount === 0n || amount === null || amount === 0) continue
      const group = groupOf[row] as number
      sums[group] = (sums[group] as bigint) + BigInt(amount)
    }
  }

  value(group: number): bigint {
    return this.#sums[group] as bigint
  }

  clear(): void {
    this.#amounts.length = 0
  }
}

type AnyAggregate = Aggregate<unknown, unknown, FoldValue>

/** Any aggregate as it is, state by state: for those that our own pipelines do not need by the million. */
class StateFold implements Fold {
  readonly #read: (row: Row) => unknown
  readonly #inputs: unknown[] = []
  readonly #states: unknown[] = []
  #rows: Int32Array = new Int32Array()

  constructor(
    readonly column: string,
    readonly aggregate: AnyAggregate,
    readonly input: Input,
  ) {
    this.#read = columnReader(column)
  }

  check(row: Row): void {
    const value = this.#read(row)
    if (!this.input.takes(value)) throw wrong(this.aggregate.kind, this.input.name, this.column, value)
  }

  add(row: Row): void {
    this.#inputs.push(this.#read(row))
  }

  begin(rows: Int32Array): void {
    this.#rows = rows
  }

  fold(groupOf: Int32Array, groups: number): void {
    const { aggregate } = this
    for (let group = 0; group < groups; group++) this.#states[group] = aggregate.create()
    for (const row of this.#rows) {
      const group = groupOf[row] as number
      this.#states[group] = aggregate.add(this.#states[group], this.#inputs[row])
    }
  }

  value(group: number): FoldValue {
    return this.aggregate.result(this.#states[group])
  }

  clear(): void {
    this.#inputs.length = 0
    this.#states.length = 0
  }
}

/** What a column must hold. */
interface Input {
  readonly name: string
  takes(value: unknown): boolean
}
const integer: Input = {
  name: 'an integer',
  takes: (value) => typeof value === 'bigint' || value === null || Number.isSafeInteger(value),
}
const ordered: Input = {
  name: 'a string or number',
  takes: (value) => value === null || typeof value === 'string' || typeof value === 'bigint' || Number.isFinite(value),
}
