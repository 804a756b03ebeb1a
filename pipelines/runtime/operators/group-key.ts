/** Keys of groups as texts that windows are kept by, and back. Equal keys are equal texts, and no others. */
import type { GroupByStep, GroupStep } from '../../plan/node/step.ts'
import type { SetKey } from '../../plan/panes.ts'
import { KnownKeys } from './known-keys.ts'

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
  const encode = (values: readonly unknown[]) => {
    let text = '['
    for (let i = 0; i < values.length; i++) {
      const value = values[i]
      if (i > 0) text += ','
      text += typeof value === 'string' ? quoted(value) : JSON.stringify(encoded(columns[i] as string, value))
    }
    return `${text}]`
  }
  const keyOf = (values: readonly unknown[]) => {
    const key: Record<string, unknown> = {}
    for (let i = 0; i < columns.length; i++) key[columns[i] as string] = values[i] ?? null
    return key
  }
  const decode = (text: string) => keyOf((JSON.parse(text) as readonly unknown[]).map(decoded))
  const keys = new KnownKeys({ columns, encode, keyOf, decode })
  return { name: '', ofValues: false, ...onceARow((row) => keys.textOf(row)), decode: (text) => keys.of(text) }
}

/** As the rollups have it: no value is the empty text. */
function bySet(set: string, partitionKey: string, column: string | null): Grouping {
  const keys = new KnownKeys({
    columns: column === null ? [partitionKey] : [partitionKey, column],
    encode: ([key, value]) => `[${quoted(String(key))},${quoted(String(value ?? ''))}]`,
    keyOf: ([key, value]): SetKey => ({ key: String(key), set, value: String(value ?? '') }),
    decode(text): SetKey {
      const [key, value] = JSON.parse(text) as [string, string]
      return { key, set, value }
    },
  })
  return {
    name: set,
    ofValues: column !== null,
    ...onceARow((row) => keys.textOf(row)),
    decode: (text) => keys.of(text),
  }
}

/** A row that was checked is mostly the next that is asked for its key. */
function onceARow(made: (row: Row) => string): Pick<Grouping, 'check' | 'keyOf'> {
  let lastRow: Row | null = null
  let lastKey = ''
  return {
    check(row) {
      lastKey = made(row)
      lastRow = row
    },
    keyOf: (row) => (row === lastRow ? lastKey : made(row)),
  }
}

/** What JSON writes otherwise than it is: quotes, backslashes, control characters, halves of pairs. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON escapes them
const escaped = /["\\\u0000-\u001f\ud800-\udfff]/

/** The text as JSON has it. */
function quoted(text: string): string {
  return escaped.test(text) ? JSON.stringify(text) : `"${text}"`
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
