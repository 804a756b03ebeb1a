/**
 * Aggregates of one partition and one epoch, by key, window and set: the partial rows that sinks merge. Nothing outlives
 * the epoch, whose limit of hits bounds them: n hits make at most n panes a set.
 */
import { kSmallest } from './k-smallest.ts'
import type { AggregateNode, AnyPane } from './pane.ts'

export type Row = Readonly<Record<string, unknown>>

export interface Window {
  readonly start: number
  readonly end: number
}

class Group {
  readonly values: (number | bigint | bigint[])[]
  lastOffset: number
  constructor(
    nodes: readonly AggregateNode[],
    readonly key: string,
    readonly window: Window,
    readonly set: string,
    readonly value: string,
    readonly firstOffset: number,
  ) {
    this.values = nodes.map((node) => (node.kind === 'sum' ? 0n : node.kind === 'countDistinct' ? [] : 0))
    this.lastOffset = firstOffset
  }
}

interface GroupSet {
  readonly name: string
  readonly column: string | null
  /** By key, then window start, then value. */
  readonly groups: Map<string, Map<number, Map<string, Group>>>
  last: Group | null
}

const columnTypes = { countIf: 'boolean', sum: 'bigint', countDistinct: 'bigint' } as const

export class Partials {
  readonly #names: readonly string[]
  readonly #nodes: readonly AggregateNode[]
  readonly #sets: readonly GroupSet[]

  constructor(aggregates: Readonly<Record<string, AggregateNode>>, sets: Readonly<Record<string, readonly string[]>>) {
    this.#names = Object.keys(aggregates)
    this.#nodes = Object.values(aggregates)
    this.#sets = Object.entries(sets).map(([name, columns]) => ({
      name,
      column: columns[0] ?? null,
      groups: new Map(),
      last: null,
    }))
  }

  /** Whether `add` can take the row. Called before anything of its hit counts. @throws TypeError naming the column */
  check(row: Row): void {
    for (const node of this.#nodes) {
      if (node.kind === 'count') continue
      const found: string = typeof row[node.column]
      if (found !== columnTypes[node.kind]) {
        throw new TypeError(`${node.kind} needs a ${columnTypes[node.kind]} in '${node.column}', not ${found}`)
      }
    }
  }

  add(key: string, window: Window, row: Row, offset: number): void {
    for (const set of this.#sets) {
      const value = set.column === null ? '' : String(row[set.column] ?? '')
      let group = set.last
      if (group === null || group.window.start !== window.start || group.key !== key || group.value !== value) {
        group = this.#group(set, key, window, value, offset)
        set.last = group
      }
      group.lastOffset = offset
      fold(this.#nodes, group.values, row)
    }
  }

  /** All panes of the epoch, in no stated order: tables are sorted when they are staged. */
  *panes(): Generator<AnyPane> {
    for (const set of this.#sets) {
      for (const windows of set.groups.values()) {
        for (const values of windows.values()) for (const group of values.values()) yield this.#pane(group)
      }
    }
  }

  clear(): void {
    for (const set of this.#sets) {
      set.groups.clear()
      set.last = null
    }
  }

  #pane(group: Group): AnyPane {
    const values: Record<string, number | bigint | readonly bigint[]> = {}
    this.#nodes.forEach((node, index) => {
      const value = group.values[index] ?? 0
      const name = this.#names[index] ?? ''
      values[name] = node.kind === 'countDistinct' ? kSmallest(value as bigint[], node.k) : (value as number | bigint)
    })
    const { key, set, value, firstOffset, lastOffset } = group
    const { start, end } = group.window
    return { key, start, end, set, value, values: values as AnyPane['values'], firstOffset, lastOffset }
  }

  #group(set: GroupSet, key: string, window: Window, value: string, offset: number): Group {
    const windows = getOrMake(set.groups, key)
    const values = getOrMake(windows, window.start)
    let group = values.get(value)
    if (group === undefined) {
      group = new Group(this.#nodes, key, window, set.name, value, offset)
      values.set(value, group)
    }
    return group
  }
}

function fold(nodes: readonly AggregateNode[], values: (number | bigint | bigint[])[], row: Row): void {
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[i] as AggregateNode
    switch (node.kind) {
      case 'count':
        values[i] = (values[i] as number) + 1
        break
      case 'countIf':
        if (row[node.column] === true) values[i] = (values[i] as number) + 1
        break
      case 'sum': {
        const amount = row[node.column] as bigint
        // Most rows add nothing, and every bigint sum is a new object.
        if (amount !== 0n) values[i] = (values[i] as bigint) + amount
        break
      }
      case 'countDistinct':
        ;(values[i] as bigint[]).push(row[node.column] as bigint)
        break
    }
  }
}

function getOrMake<K, L, V>(map: Map<K, Map<L, V>>, key: K): Map<L, V> {
  let inner = map.get(key)
  if (inner === undefined) {
    inner = new Map()
    map.set(key, inner)
  }
  return inner
}
