/**
 * Aggregates of one partition and one epoch, by key, window and set: the partial rows that sinks merge. Nothing outlives
 * the epoch, whose limit of hits bounds them: n hits are n rows of columns, and make at most n panes a set.
 *
 * Rows are kept as columns and folded window by window when the epoch ends: a merchant's hour is then in the processor's
 * cache, its hashes are sorted once for all sets, and groups are found by small numbers instead of texts.
 */
import type { AggregateNode, AnyPane } from './pane.ts'
import { type Row, TextColumn } from './partials-columns.ts'
import { type Fold, foldOf } from './partials-fold.ts'

export type { Row }

export interface Window {
  readonly start: number
  readonly end: number
}

/** The rows of one key and window. */
class WindowRows {
  readonly rows: number[] = []
  constructor(
    readonly key: string,
    readonly window: Window,
  ) {}
}

interface GroupSet {
  readonly name: string
  /** null: the total. */
  readonly column: TextColumn | null
}

export class Partials {
  readonly #names: readonly string[]
  readonly #folds: readonly Fold[]
  readonly #sets: readonly GroupSet[]
  readonly #columns: readonly TextColumn[]
  /** By key, then window start. */
  readonly #windows = new Map<string, Map<number, WindowRows>>()
  #last: WindowRows | null = null
  readonly #offsets: number[] = []
  /** By row: its group in the set that is being folded. */
  #groupOf = new Int32Array()

  constructor(aggregates: Readonly<Record<string, AggregateNode>>, sets: Readonly<Record<string, readonly string[]>>) {
    this.#names = Object.keys(aggregates)
    this.#folds = Object.values(aggregates).map(foldOf)
    this.#sets = Object.entries(sets).map(([name, [column]]) => ({
      name,
      column: column === undefined ? null : new TextColumn(column),
    }))
    this.#columns = this.#sets.flatMap(({ column }) => (column === null ? [] : [column]))
  }

  /** Whether `add` can take the row. Called before anything of its hit counts. @throws TypeError naming the column */
  check(row: Row): void {
    for (const fold of this.#folds) fold.check(row)
  }

  add(key: string, window: Window, row: Row, offset: number): void {
    let open = this.#last
    if (open === null || open.window.start !== window.start || open.key !== key) {
      open = this.#open(key, window)
      this.#last = open
    }
    open.rows.push(this.#offsets.length)
    this.#offsets.push(offset)
    for (const column of this.#columns) column.add(row)
    for (const fold of this.#folds) fold.add(row)
  }

  /** All panes of the epoch, in no stated order: tables are sorted when they are staged. */
  *panes(): Generator<AnyPane> {
    this.#groupOf = new Int32Array(this.#offsets.length)
    for (const windows of this.#windows.values()) {
      for (const open of windows.values()) {
        const rows = Int32Array.from(open.rows)
        for (const fold of this.#folds) fold.begin(rows)
        for (const set of this.#sets) yield* this.#panesOf(open, rows, set)
      }
    }
  }

  clear(): void {
    this.#windows.clear()
    this.#last = null
    this.#offsets.length = 0
    this.#groupOf = new Int32Array()
    for (const column of this.#columns) column.clear()
    for (const fold of this.#folds) fold.clear()
  }

  *#panesOf({ key, window }: WindowRows, rows: Int32Array, { name, column }: GroupSet): Generator<AnyPane> {
    const groups = this.#group(rows, column)
    for (const fold of this.#folds) fold.fold(this.#groupOf, groups.length, column !== null)
    const { start, end } = window
    for (let group = 0; group < groups.length; group++) {
      const { value, firstOffset, lastOffset } = groups[group] as Group
      yield { key, start, end, set: name, value, values: this.#values(group), firstOffset, lastOffset }
    }
  }

  /** Numbers the groups of rows, from 0. */
  #group(rows: Int32Array, column: TextColumn | null): readonly Group[] {
    const groupOf = this.#groupOf
    const groups: Group[] = []
    // By code of the value: a map of the few values of one window.
    const known = new Map<number, number>()
    let lastCode = -1
    let lastGroup = -1
    for (const row of rows) {
      const code = column === null ? 0 : (column.codes[row] as number)
      const offset = this.#offsets[row] as number
      if (code !== lastCode) {
        lastCode = code
        const found = known.get(code)
        lastGroup = found ?? groups.length
        if (found === undefined) {
          known.set(code, lastGroup)
          groups.push({ value: column?.texts[code] ?? '', firstOffset: offset, lastOffset: offset })
        }
      }
      groupOf[row] = lastGroup
      const group = groups[lastGroup] as Group
      if (offset > group.lastOffset) group.lastOffset = offset
      else if (offset < group.firstOffset) group.firstOffset = offset
    }
    return groups
  }

  #values(group: number): AnyPane['values'] {
    const values: Record<string, unknown> = {}
    for (let i = 0; i < this.#names.length; i++) values[this.#names[i] as string] = this.#folds[i]?.value(group)
    return values as AnyPane['values']
  }

  #open(key: string, window: Window): WindowRows {
    let windows = this.#windows.get(key)
    if (windows === undefined) {
      windows = new Map()
      this.#windows.set(key, windows)
    }
    let open = windows.get(window.start)
    if (open === undefined) {
      open = new WindowRows(key, window)
      windows.set(window.start, open)
    }
    return open
  }
}

interface Group {
  readonly value: string
  firstOffset: number
  lastOffset: number
}
