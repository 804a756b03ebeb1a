/** Rows of JavaScript values into DuckDB data chunks, and back: column by column, the fast way of the binding. */
import {
  BIGINT,
  BOOLEAN,
  DECIMAL,
  DOUBLE,
  type DuckDBAppender,
  DuckDBDataChunk,
  DuckDBDecimalValue,
  DuckDBListValue,
  DuckDBStructValue,
  DuckDBTimestampTZValue,
  type DuckDBType,
  type DuckDBValue,
  INTEGER,
  LIST,
  STRUCT,
  TIMESTAMPTZ,
  VARCHAR,
} from '@duckdb/node-api'
import type { Column, ColumnType, LakeRow, LakeValue } from '../../../core/tables.ts'

/** DuckDB's vector size: the most rows of one chunk. */
export const chunkMaxRows = 2_048

export function duckType(type: ColumnType): DuckDBType {
  if (typeof type !== 'string') {
    if ('list' in type) return LIST(duckType(type.list.element))
    return STRUCT(Object.fromEntries(type.struct.map((part) => [part.name, duckType(part.type)])))
  }
  return {
    string: VARCHAR,
    boolean: BOOLEAN,
    int: INTEGER,
    long: BIGINT,
    double: DOUBLE,
    timestamptz: TIMESTAMPTZ,
    decimal38: DECIMAL(38, 0),
  }[type]
}

/**
 * Appends all rows; `breathe` is awaited between chunks, so that a long batch leaves the thread to others.
 * @throws TypeError, RangeError, naming the column, where a value is not of its column's type
 */
export async function appendRows(
  appender: DuckDBAppender,
  columns: readonly Column[],
  rows: readonly LakeRow[],
  breathe: () => Promise<void>,
): Promise<void> {
  const chunk = DuckDBDataChunk.create(columns.map((column) => duckType(column.type)))
  const writers = columns.map((column) => ({ name: column.name, convert: toDuck(column.type) }))
  for (let from = 0; from < rows.length; from += chunkMaxRows) {
    if (from > 0) {
      await breathe()
      chunk.reset()
    }
    const count = Math.min(chunkMaxRows, rows.length - from)
    chunk.rowCount = count
    for (const [at, { name, convert }] of writers.entries()) {
      const vector = chunk.getColumnVector(at)
      try {
        for (let n = 0; n < count; n++) {
          const value = rows[from + n]?.[name]
          vector.setItem(n, value === undefined || value === null ? null : convert(value))
        }
        vector.flush()
      } catch (cause) {
        throw new TypeError(`column ${name}: ${(cause as Error).message}`, { cause })
      }
    }
    appender.appendDataChunk(chunk)
  }
  appender.flushSync()
}

type ToDuck = (value: LakeValue) => DuckDBValue

function toDuck(type: ColumnType): ToDuck {
  if (typeof type !== 'string') {
    if ('list' in type) {
      const convert = orNull(toDuck(type.list.element))
      return (value) => new DuckDBListValue((value as readonly LakeValue[]).map(convert))
    }
    const parts = type.struct.map((part) => ({ name: part.name, convert: orNull(toDuck(part.type)) }))
    return (value) => {
      const fields = value as { readonly [name: string]: LakeValue }
      return new DuckDBStructValue(Object.fromEntries(parts.map(({ name, convert }) => [name, convert(fields[name])])))
    }
  }
  return scalars[type]
}

const scalars: Record<Extract<ColumnType, string>, ToDuck> = {
  string: typed('string'),
  boolean: typed('boolean'),
  int: (value) => {
    const number = Number(value)
    if (!Number.isInteger(number) || number !== (number | 0)) throw new RangeError(`${String(value)} is no int`)
    return number
  },
  long: (value) => (typeof value === 'bigint' ? value : BigInt(value as number)),
  double: typed('number'),
  timestamptz: (value) => new DuckDBTimestampTZValue(BigInt(value as number) * 1_000n),
  decimal38: (value) => new DuckDBDecimalValue(BigInt(value as bigint), 38, 0),
}

function typed(wanted: 'string' | 'boolean' | 'number'): ToDuck {
  return (value) => {
    if (typeof value !== wanted) throw new TypeError(`${typeof value} where a ${wanted} is wanted`)
    return value as DuckDBValue
  }
}

function orNull(convert: ToDuck): (value: LakeValue | undefined) => DuckDBValue {
  return (value) => (value === undefined || value === null ? null : convert(value))
}

/** Rows of a result chunk, as `LakeRow` says they read back; nulls are kept as null. */
export function chunkRows(chunk: DuckDBDataChunk, columns: readonly Column[]): LakeRow[] {
  const rows: Record<string, LakeValue>[] = Array.from({ length: chunk.rowCount }, () => ({}))
  for (const [at, column] of columns.entries()) {
    const vector = chunk.getColumnVector(at)
    const convert = fromDuck(column.type, 'column')
    for (const [n, row] of rows.entries()) {
      const value = vector.getItem(n)
      row[column.name] = value === null ? null : convert(value)
    }
  }
  return rows
}

type FromDuck = (value: DuckDBValue) => LakeValue

// A long inside a list stays bigint: lists hold hashes of 63 bits, and one type for all is easier to work with.
function fromDuck(type: ColumnType, place: 'column' | 'list'): FromDuck {
  if (typeof type !== 'string') {
    if ('list' in type) {
      const convert = fromDuck(type.list.element, 'list')
      return (value) => (value as DuckDBListValue).items.map((item) => (item === null ? null : convert(item)))
    }
    const parts = type.struct.map((part) => ({ name: part.name, convert: fromDuck(part.type, place) }))
    return (value) => {
      const { entries } = value as DuckDBStructValue
      return Object.fromEntries(
        parts.map(({ name, convert }) => {
          const part = entries[name]
          return [name, part === null || part === undefined ? null : convert(part)]
        }),
      )
    }
  }
  switch (type) {
    case 'long':
      return place === 'list' ? (value) => value as bigint : (value) => safeNumber(value as bigint)
    case 'timestamptz':
      return (value) => Number((value as DuckDBTimestampTZValue).micros / 1_000n)
    case 'decimal38':
      return (value) => (value as DuckDBDecimalValue).value
    default:
      return (value) => value as LakeValue
  }
}

function safeNumber(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
