/**
 * Cuts the rows of a partition into ranges of their keys, in the table's order, none heavier than asked where the keys
 * allow it: by merchant, and a merchant that is too heavy alone by the sort columns up to the time column. Rows equal in
 * all of those stay together.
 */
import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api'
import type { TableDefinition } from '../../../core/tables.ts'
import { quoteName, rowWeight, textLiteral } from './parquet-sql.ts'

interface WeighedKey {
  /** SQL literals of the key's columns. */
  readonly key: readonly string[]
  readonly weight: number
}

/** Predicates that are disjoint and together hold every row. `from`: what follows FROM, with its WHERE. */
export async function keyRanges(
  connection: DuckDBConnection,
  definition: TableDefinition,
  from: string,
  maxRows: number,
): Promise<readonly string[]> {
  const [first = 'merchant'] = definition.sort
  const merchants = await weighedKeys(connection, definition, from, [first])
  const ranges: string[] = []
  for (const { firstKey, lastKey, weight } of packed(merchants, maxRows)) {
    const [low = '', high = ''] = [firstKey[0], lastKey[0]]
    const within = `${quoteName(first)} >= ${low} AND ${quoteName(first)} <= ${high}`
    if (low !== high || weight <= maxRows) ranges.push(`(${within})`)
    else ranges.push(...(await rangesOfMerchant(connection, definition, { from, within, maxRows })))
  }
  return ranges
}

async function rangesOfMerchant(
  connection: DuckDBConnection,
  definition: TableDefinition,
  { from, within, maxRows }: { readonly from: string; readonly within: string; readonly maxRows: number },
): Promise<string[]> {
  const columns = definition.sort.slice(1, definition.sort.indexOf(definition.partition.day) + 1)
  const keys = await weighedKeys(connection, definition, `${from} AND ${within}`, columns)
  const expressions = columns.map((name) => keyExpression(definition, name))
  return packed(keys, maxRows).map(({ firstKey, lastKey }) => {
    const [from, through] = [lexicographic(expressions, '>', firstKey), lexicographic(expressions, '<', lastKey)]
    return `(${within} AND ${from} AND ${through})`
  })
}

// Spelled out, as DuckDB 1.5 has no BETWEEN of rows and makes one of `row >= … AND row <= …`.
function lexicographic(expressions: readonly string[], order: '<' | '>', key: readonly string[]): string {
  const [expression, ...others] = expressions
  const [value, ...values] = key
  if (expression === undefined || value === undefined) return 'true'
  const rest = lexicographic(others, order, values)
  return `(${expression} ${order} ${value} OR (${expression} = ${value} AND ${rest}))`
}

/** The keys there are, in order, each with the weight of its rows. */
async function weighedKeys(
  connection: DuckDBConnection,
  definition: TableDefinition,
  from: string,
  columns: readonly string[],
): Promise<WeighedKey[]> {
  const places = columns.map((_name, at) => at + 1).join(', ')
  const result = await connection.runAndReadAll(
    `SELECT ${columns.map((name) => keyExpression(definition, name)).join(', ')}, sum(${rowWeight(definition)}) ` +
      `FROM ${from} GROUP BY ${places} ORDER BY ${places}`,
  )
  return result.getRows().map((row) => ({ key: row.slice(0, -1).map(literal), weight: Number(row.at(-1)) }))
}

// Comparisons with null hold no row: null strings go with empty ones, behind which they are sorted within the range.
function keyExpression(definition: TableDefinition, name: string): string {
  const type = definition.columns.find((column) => column.name === name)?.type
  if (type === 'timestamptz') return `epoch_us(${quoteName(name)})`
  return name === definition.sort[0] ? quoteName(name) : `coalesce(${quoteName(name)}, '')`
}

function literal(value: DuckDBValue): string {
  return typeof value === 'bigint' ? String(value) : textLiteral(String(value))
}

/** Neighbours together, as many as fit; one alone where it is too heavy itself. */
function packed(
  keys: readonly WeighedKey[],
  maxRows: number,
): { readonly firstKey: readonly string[]; readonly lastKey: readonly string[]; readonly weight: number }[] {
  const packs: { firstKey: readonly string[]; lastKey: readonly string[]; weight: number }[] = []
  for (const { key, weight } of keys) {
    const pack = packs.at(-1)
    if (pack === undefined || pack.weight + weight > maxRows) packs.push({ firstKey: key, lastKey: key, weight })
    else {
      pack.lastKey = key
      pack.weight += weight
    }
  }
  return packs
}
