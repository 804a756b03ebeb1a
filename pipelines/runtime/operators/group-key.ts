/** Keys of groups as texts that windows are kept by, and back. Equal keys are equal texts, and no others. */
import type { GroupByStep, GroupStep } from '../../plan/node/step.ts'
import type { SetKey } from '../../plan/panes.ts'

type Row = Readonly<Record<string, unknown>>

/** One grouping of a chain: `groupBy` has one, `groupBySets` one for each of its sets. */
export interface Grouping {
  /** As errors and checkpoints name it; empty where the chain has no other. */
  readonly name: string
  /** Whether its groups are of values of a column (sketches are smaller then). */
  readonly ofValues: boolean
  /** Whether the row has a key. @throws TypeError naming a column whose value can be none */
  check(row: Row): void
  keyOf(row: Row): string
  /** What sinks get. */
  decode(key: string): unknown
}

export function groupingsOf(step: GroupStep | GroupByStep, partitionKey: string): readonly Grouping[] {
  if (step.kind === 'groupBy') return [byColumns(step.by)]
  return Object.entries(step.sets).map(([set, columns]) => bySet(set, partitionKey, columns[0] ?? null))
}

function byColumns(columns: readonly string[]): Grouping {
  return {
    name: '',
    ofValues: false,
    check(row) {
      for (const column of columns) encoded(column, row[column])
    },
    keyOf: (row) => JSON.stringify(columns.map((column) => encoded(column, row[column]))),
    decode(key) {
      const values = JSON.parse(key) as readonly unknown[]
      return Object.fromEntries(columns.map((column, place) => [column, decoded(values[place])]))
    },
  }
}

/** As the rollups have it: no value is the empty text. */
function bySet(set: string, partitionKey: string, column: string | null): Grouping {
  const keyOf =
    column === null
      ? (row: Row) => JSON.stringify([String(row[partitionKey]), ''])
      : (row: Row) => JSON.stringify([String(row[partitionKey]), String(row[column] ?? '')])
  return {
    name: set,
    ofValues: column !== null,
    check: () => {},
    keyOf,
    decode(text): SetKey {
      const [key, value] = JSON.parse(text) as [string, string]
      return { key, set, value }
    },
  }
}

/** JSON has no bigint; a list stands for one, for no column of a key is a list. */
function encoded(column: string, value: unknown): unknown {
  switch (typeof value) {
    case 'bigint':
      return [value.toString()]
    case 'string':
    case 'boolean':
      return value
    case 'number':
      if (Number.isFinite(value)) return value
      break
    default:
      if (value === null || value === undefined) return null
  }
  throw new TypeError(`'${column}' holds ${String(value)}, by which nothing can be grouped`)
}

function decoded(value: unknown): unknown {
  return Array.isArray(value) ? BigInt(value[0] as string) : value
}
