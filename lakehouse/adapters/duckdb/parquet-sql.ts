/** The SQL texts of Parquet files: types, field ids, reading by field id, the table's order. Names are from definitions only. */
import { type Column, type ColumnType, publicationColumns, type TableDefinition } from '../../../core/tables.ts'
import { partitionTime } from '../../core/partition.ts'
import { tableOrderColumns } from '../../core/row-order.ts'

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A string literal; paths only. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** A string literal of any text; a NUL ends an SQL text, so it is put in by its number. */
export function textLiteral(text: string): string {
  return `(${text.split('\0').map(quoteText).join(' || chr(0) || ')})`
}

export function sqlType(type: ColumnType): string {
  if (typeof type !== 'string') {
    if ('list' in type) return `${sqlType(type.list.element)}[]`
    return `STRUCT(${type.struct.map((part) => `${quoteName(part.name)} ${sqlType(part.type)}`).join(', ')})`
  }
  return {
    string: 'VARCHAR',
    boolean: 'BOOLEAN',
    int: 'INTEGER',
    long: 'BIGINT',
    double: 'DOUBLE',
    timestamptz: 'TIMESTAMP WITH TIME ZONE',
    decimal38: 'DECIMAL(38,0)',
  }[type]
}

/** Value of COPY's FIELD_IDS: Iceberg's ids, written into the Parquet schema. */
export function fieldIds(columns: readonly Column[]): string {
  return `{${columns.map((column) => `${quoteName(column.name)}: ${idOf(column.id, column.type)}`).join(', ')}}`
}

function idOf(id: number, type: ColumnType): string {
  if (typeof type === 'string') return String(id)
  if ('list' in type) return `{__duckdb_field_id: ${id}, element: ${idOf(type.list.elementId, type.list.element)}}`
  return `{__duckdb_field_id: ${id}, ${fieldIds(type.struct).slice(1)}`
}

/**
 * A relation over Parquet files, columns found by field id: a column that a file is older than reads as null, one renamed
 * keeps its values (Iceberg spec, "Column Projection").
 */
export function readParquet(columns: readonly Column[], paths: readonly string[]): string {
  const map = columns.map(
    (column) =>
      `${column.id}: {name: ${quoteText(column.name)}, type: ${quoteText(sqlType(column.type))}, default_value: NULL}`,
  )
  return `read_parquet([${paths.map(quoteText).join(', ')}], schema = MAP {${map.join(', ')}}, hive_partitioning = false)`
}

/** Columns of staged rows: all but those that publication sets. */
export function stagedColumns(definition: TableDefinition): readonly Column[] {
  return definition.columns.filter((column) => !(publicationColumns as readonly string[]).includes(column.name))
}

/**
 * The table's order as ORDER BY: its sort columns, then every system column left, so that rows differing anywhere in
 * their position have one order. Strings by UTF-8 bytes, which is by code point; nulls first.
 */
export function tableOrder(definition: TableDefinition): string {
  return tableOrderColumns(definition)
    .map((name) => `${quoteName(name)} ASC NULLS FIRST`)
    .join(', ')
}

/** UTC day of the partition column, days since 1970, as an expression. */
export function partitionDay(definition: TableDefinition): string {
  return daysOrMonths('day', definition)
}

/** Period of the table's partition, days or months since 1970, as an expression. */
export function partitionPeriod(definition: TableDefinition): string {
  return daysOrMonths(partitionTime(definition).transform, definition)
}

function daysOrMonths(unit: 'day' | 'month', definition: TableDefinition): string {
  return `date_diff('${unit}', DATE '1970-01-01', CAST(${quoteName(partitionTime(definition).column)} AS DATE))`
}

/**
 * How much a row weighs when it is sorted, in rows of the usual width: 1, and more for long lists (a sketch of 4,096 hashes
 * is as large as 50 hits).
 */
export function rowWeight(definition: TableDefinition): string {
  const lists = definition.columns.filter((column) => typeof column.type !== 'string' && 'list' in column.type)
  return ['1', ...lists.map((column) => `coalesce(len(${quoteName(column.name)}), 0) // 80`)].join(' + ')
}
