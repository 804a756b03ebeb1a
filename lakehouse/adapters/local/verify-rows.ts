/**
 * Holds a data file's rows against what its manifest entry says of them: how many values and nulls each column has, that all
 * lie within its bounds, and that they are in the order the entry claims. One reading of the file, by DuckDB.
 */
import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api'
import { DuckDBDecimalValue, DuckDBTimestampTZValue } from '@duckdb/node-api'
import type { TableFault } from '../../../core/ports/lake.ts'
import type { Column, TableDefinition } from '../../../core/tables.ts'
import type { JsonValue } from '../../core/iceberg/json.ts'
import type { DataFile } from '../../core/iceberg/manifest.ts'
import type { TableMetadata } from '../../core/iceberg/metadata.ts'
import { quoteName, readParquet } from '../duckdb/parquet-sql.ts'

export interface FileToVerify {
  readonly connection: DuckDBConnection
  readonly definition: TableDefinition
  readonly metadata: TableMetadata
  readonly file: DataFile
  readonly localPath: string
}

type RowFault = Pick<TableFault, 'says' | 'mend'>

const hidden = 'questions may miss rows of it; write its partition anew (compact), which states what its rows have'
const unordered = 'its rows are right, questions are slow; write its partition anew (compact)'

/** What is wrong with it; several sentences where several things are. */
export async function verifyRows(given: FileToVerify): Promise<readonly RowFault[]> {
  return [...(await verifyColumns(given)), ...(await verifyOrder(given))]
}

async function verifyColumns({ connection, definition, file, localPath }: FileToVerify): Promise<RowFault[]> {
  // Counts and bounds of nested columns are of what is in them; none are stated by us.
  const columns = definition.columns.filter(({ id, type }) => typeof type === 'string' && isStated(file, id))
  if (columns.length === 0) return []
  const facts = columns.flatMap(({ name, type }) => {
    const value = quoteName(name)
    // Spec, "Manifests": bounds leave NaN out.
    const bounded = type === 'double' ? ` FILTER (NOT isnan(${value}))` : ''
    return [`count(${value})`, `min(${value})${bounded}`, `max(${value})${bounded}`]
  })
  const sql = `SELECT count(*), ${facts.join(', ')} FROM ${readParquet(columns, [localPath])}`
  const [row = []] = (await connection.runAndReadAll(sql)).getRows()
  const rows = Number(row[0])
  return columns.flatMap((column, at) => {
    const [count = 0, min = null, max = null] = row.slice(1 + 3 * at, 4 + 3 * at)
    return columnFaults(file, column, { rows, count: Number(count), min, max }).map((says) => ({ says, mend: hidden }))
  })
}

function isStated(file: DataFile, id: number): boolean {
  return [file.valueCounts, file.nullCounts, file.lowerBounds, file.upperBounds].some((map) => map.has(id))
}

interface ColumnFacts {
  readonly rows: number
  /** Values that are not null. */
  readonly count: number
  readonly min: DuckDBValue
  readonly max: DuckDBValue
}

function columnFaults(file: DataFile, { id, name, type }: Column, { rows, count, min, max }: ColumnFacts): string[] {
  const faults: string[] = []
  const [values, nulls] = [file.valueCounts.get(id), file.nullCounts.get(id)]
  if (values !== undefined && values !== rows) {
    faults.push(`column ${name} has ${rows} values, its manifest says ${values}`)
  }
  if (nulls !== undefined && nulls !== rows - count) {
    faults.push(`column ${name} has ${rows - count} nulls, its manifest says ${nulls}`)
  }
  const [lower, upper] = [file.lowerBounds.get(id), file.upperBounds.get(id)]
  const outside = (side: string) => faults.push(`column ${name} has values ${side} bound of its manifest`)
  if (lower !== undefined && min !== null && !isOrdered(type, [lower, min])) outside('below the lower')
  if (upper !== undefined && max !== null && !isOrdered(type, [max, upper])) outside('above the upper')
  return faults
}

/** Whether the two do not fall; bytes that are no value of the type are no bound at all. */
function isOrdered(type: Column['type'], pair: readonly [Buffer | DuckDBValue, Buffer | DuckDBValue]): boolean {
  const [first, second] = pair.map((value) => (Buffer.isBuffer(value) ? fromBound(type, value) : plain(value)))
  if (first === undefined || second === undefined) return false
  if (Buffer.isBuffer(first) && Buffer.isBuffer(second)) return first.compare(second) <= 0
  return first <= second
}

type Comparable = Buffer | bigint | number

/** Spec, Appendix D, "Single-value serialization". */
function fromBound(type: Column['type'], bytes: Buffer): Comparable | undefined {
  if (type === 'string') return bytes
  if (type === 'boolean') return bytes.length === 1 ? (bytes[0] ?? 0) : undefined
  if (type === 'int') return bytes.length === 4 ? bytes.readInt32LE() : undefined
  if (type === 'double') return bytes.length === 8 ? bytes.readDoubleLE() : undefined
  if (type === 'long' || type === 'timestamptz') return bytes.length === 8 ? bytes.readBigInt64LE() : undefined
  if (bytes.length === 0 || bytes.length > 16) return undefined
  return BigInt.asIntN(8 * bytes.length, BigInt(`0x${bytes.toString('hex')}`))
}

function plain(value: Buffer | DuckDBValue): Comparable | undefined {
  if (typeof value === 'string') return Buffer.from(value, 'utf8')
  if (typeof value === 'boolean') return value ? 1 : 0
  if (typeof value === 'bigint' || typeof value === 'number') return value
  if (value instanceof DuckDBTimestampTZValue) return value.micros
  return value instanceof DuckDBDecimalValue ? value.value : undefined
}

async function verifyOrder({ connection, definition, metadata, file, localPath }: FileToVerify): Promise<RowFault[]> {
  const columns = claimedOrder(definition, metadata, file.sortOrderId ?? 0)
  if (columns.length === 0) return []
  // Whether a value is there comes before the value: nulls first, which is not how DuckDB compares them.
  const parts = columns.map(({ name }, at) => `n${at}: ${quoteName(name)} IS NOT NULL, v${at}: ${quoteName(name)}`)
  // Windows without an order follow the file's, row by row.
  const rows = `SELECT k, lag(k) OVER () AS before FROM (SELECT {${parts.join(', ')}} AS k FROM ${readParquet(columns, [localPath])})`
  const [[falling = 0] = []] = (
    await connection.runAndReadAll(`SELECT count(*) FROM (${rows}) WHERE before IS NOT NULL AND k < before`)
  ).getRows()
  if (Number(falling) === 0) return []
  return [{ says: `${falling} rows are not in the order it is said to have`, mend: unordered }]
}

/** Columns of an order like ours; of another kind of order nothing is verified. */
function claimedOrder(definition: TableDefinition, metadata: TableMetadata, orderId: number): readonly Column[] {
  const order = (metadata['sort-orders'] as readonly SortOrder[]).find((one) => one['order-id'] === orderId)
  const columns = (order?.fields ?? []).map((field) => {
    const isOurs = field.transform === 'identity' && field.direction === 'asc' && field['null-order'] === 'nulls-first'
    return isOurs ? definition.columns.find(({ id }) => id === field['source-id']) : undefined
  })
  return columns.every((column) => column !== undefined) ? columns : []
}

interface SortOrder {
  readonly 'order-id'?: JsonValue
  readonly fields?: readonly { readonly [name: string]: JsonValue | undefined }[]
}
