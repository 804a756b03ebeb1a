/**
 * Folds that need their values in order: a window's rows are sorted once, and then every set of groups receives its
 * values rising, so that a repeat stands beside its first and a list is made by appending.
 */

import type { Weighted } from '../../core/aggregates/top.ts'
import type { Histogram } from '../../core/sketch/quantiles.ts'
import { compareText } from '../../core/text-order.ts'
import { columnReader, type Row, wrong } from './partials-columns.ts'
import type { Fold } from './partials-fold.ts'

abstract class SortedFold<T> implements Fold {
  /** By group, each its own list: panes keep them. */
  protected readonly lists: (T[] | null)[] = []
  /** The window's rows that bring a value, in order of their values. */
  #order: Int32Array = new Int32Array()
  /** By place in `#order`: equal values have equal numbers. */
  #ranks: Int32Array = new Int32Array()
  readonly #lastRank: number[] = []

  abstract check(row: Row): void
  abstract add(row: Row): void
  abstract value(group: number): readonly bigint[] | Histogram | readonly Weighted[] | null
  abstract clear(): void
  /** Whether the row brings a value. */
  protected abstract brings(row: number): boolean
  protected abstract compare(a: number, b: number): number
  /** The first row of a value in a group. False: the group is full, and takes no later value. */
  protected abstract open(list: T[], row: number, ofValues: boolean): void
  /** A further row of the value that was opened last. */
  protected abstract repeat(list: T[], row: number): void

  begin(rows: Int32Array): void {
    this.#order = rows.filter((row) => this.brings(row))
    if (this.#order.length > 1) this.#order.sort((a, b) => this.compare(a, b))
    if (this.#ranks.length < this.#order.length) this.#ranks = new Int32Array(this.#order.length * 2)
    let rank = 0
    for (let at = 0; at < this.#order.length; at++) {
      if (at > 0 && this.compare(this.#order[at - 1] as number, this.#order[at] as number) !== 0) rank += 1
      this.#ranks[at] = rank
    }
  }

  fold(groupOf: Int32Array, groups: number, ofValues: boolean): void {
    const lastRank = this.#lastRank
    const order = this.#order
    for (let group = 0; group < groups; group++) {
      this.lists[group] = null
      lastRank[group] = -1
    }
    for (let at = 0; at < order.length; at++) {
      const row = order[at] as number
      const group = groupOf[row] as number
      const rank = this.#ranks[at] as number
      let list = this.lists[group] ?? null
      if (list === null) {
        list = []
        this.lists[group] = list
      }
      if (lastRank[group] === rank) this.repeat(list, row)
      else {
        lastRank[group] = rank
        this.open(list, row, ofValues)
      }
    }
  }
}

/** The `k` smallest distinct hashes of a group, rising. */
export class SketchFold extends SortedFold<bigint> {
  readonly #read: (row: Row) => unknown
  readonly #hashes: bigint[] = []
  /** To the 53 bits of a double: two bigints are only compared where these tie. */
  readonly #keys: number[] = []

  constructor(readonly node: { readonly column: string; readonly k: number; readonly ofValues: number }) {
    super()
    this.#read = columnReader(node.column)
  }

  check(row: Row): void {
    const value = this.#read(row)
    if (typeof value !== 'bigint') throw wrong('countDistinct', 'a bigint', this.node.column, value)
  }

  add(row: Row): void {
    const hash = this.#read(row) as bigint
    this.#hashes.push(hash)
    this.#keys.push(Number(hash))
  }

  value(group: number): readonly bigint[] {
    return this.lists[group] ?? []
  }

  clear(): void {
    this.#hashes.length = 0
    this.#keys.length = 0
    this.lists.length = 0
  }

  protected brings(): boolean {
    return true
  }

  protected compare(a: number, b: number): number {
    const order = (this.#keys[a] as number) - (this.#keys[b] as number)
    if (order !== 0) return order
    const left = this.#hashes[a] as bigint
    const right = this.#hashes[b] as bigint
    return left < right ? -1 : left > right ? 1 : 0
  }

  protected open(list: bigint[], row: number, ofValues: boolean): void {
    if (list.length < (ofValues ? this.node.ofValues : this.node.k)) list.push(this.#hashes[row] as bigint)
  }

  protected repeat(): void {}
}

/** How many rows of a group are in each bucket, rising by bucket. */
export class HistogramFold extends SortedFold<{ bucket: number; n: bigint }> {
  readonly #read: (row: Row) => unknown
  readonly #buckets: (number | null)[] = []

  constructor(readonly column: string) {
    super()
    this.#read = columnReader(column)
  }

  check(row: Row): void {
    const value = this.#read(row)
    if (value !== null && !Number.isSafeInteger(value)) throw wrong('quantiles', 'a bucket number', this.column, value)
  }

  add(row: Row): void {
    this.#buckets.push(this.#read(row) as number | null)
  }

  value(group: number): Histogram | null {
    return this.lists[group] ?? null
  }

  clear(): void {
    this.#buckets.length = 0
    this.lists.length = 0
  }

  protected brings(row: number): boolean {
    return this.#buckets[row] !== null
  }

  protected compare(a: number, b: number): number {
    return (this.#buckets[a] as number) - (this.#buckets[b] as number)
  }

  protected open(list: { bucket: number; n: bigint }[], row: number): void {
    list.push({ bucket: this.#buckets[row] as number, n: 1n })
  }

  protected repeat(list: { bucket: number; n: bigint }[]): void {
    const last = list[list.length - 1] as { n: bigint }
    last.n += 1n
  }
}

/** The exact sum of weights of each value of a group, rising by value. */
export class WeightsFold extends SortedFold<{ value: string; weight: bigint }> {
  readonly #value: (row: Row) => unknown
  readonly #weight: (row: Row) => unknown
  readonly #values: (string | null)[] = []
  readonly #weights: bigint[] = []

  constructor(readonly node: { readonly column: string; readonly weight: string }) {
    super()
    this.#value = columnReader(node.column)
    this.#weight = columnReader(node.weight)
  }

  check(row: Row): void {
    const value = this.#value(row)
    if (value !== null && typeof value !== 'string') throw wrong('top', 'a string', this.node.column, value)
    const weight = this.#weight(row)
    if (typeof weight !== 'bigint') throw wrong('top', 'a bigint', this.node.weight, weight)
  }

  add(row: Row): void {
    this.#values.push(this.#value(row) as string | null)
    this.#weights.push(this.#weight(row) as bigint)
  }

  value(group: number): readonly Weighted[] | null {
    return this.lists[group] ?? null
  }

  clear(): void {
    this.#values.length = 0
    this.#weights.length = 0
    this.lists.length = 0
  }

  protected brings(row: number): boolean {
    return this.#values[row] !== null
  }

  protected compare(a: number, b: number): number {
    return compareText(this.#values[a] as string, this.#values[b] as string)
  }

  protected open(list: { value: string; weight: bigint }[], row: number): void {
    list.push({ value: this.#values[row] as string, weight: this.#weights[row] as bigint })
  }

  protected repeat(list: { value: string; weight: bigint }[], row: number): void {
    const last = list[list.length - 1] as { weight: bigint }
    last.weight += this.#weights[row] as bigint
  }
}
