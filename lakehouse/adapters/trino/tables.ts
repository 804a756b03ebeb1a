/**
 * The lake's tables in a Trino catalog: their statements, made of `schemas/tables.ts`, and making them where they are not.
 * They are Trino's own (it draws their column ids and snapshot ids); all that is ours of them is names and types.
 */
import { TrinoQueryError } from '../../../core/errors.ts'
import { sleep, type Timers } from '../../../core/ports/clock.ts'
import type { Column, ColumnType, TableDefinition } from '../../../core/tables.ts'
import { tables } from '../../../schemas/tables.ts'
import { partitionTime } from '../../core/partition.ts'
import { quotedName } from '../../core/sql/printer.ts'
import { trinoLiteral } from '../../core/sql/trino-printer.ts'
import type { Trino } from './client.ts'

/** Holds the tables themselves; only Hitlake writes here. */
export const defaultTablesSchema = 'hitlake_tables'
/** Holds publications under way, each a table for as long as it takes. */
export const publicationsSchemaOf = (schema: string) => `${schema}_publications`
/** Tries of one statement; each failure means that another process was making or dropping something too. */
export const statementMaxAttempts = 8
const statementPauseMs = 250

export interface TrinoPlace {
  readonly catalog: string
  /** Of the base tables. */
  readonly schema: string
}

/** Full, quoted name. */
export function trinoTable({ catalog, schema }: TrinoPlace, table: string): string {
  return [catalog, schema, table].map(quotedName).join('.')
}

/**
 * Makes the schemas, tables and columns that are missing, all tables at once: Trino mostly waits for the object store then.
 * Any number of processes may do so at the same time.
 */
export async function ensureTables(
  { trino, timers, ...place }: TrinoPlace & { readonly trino: Pick<Trino, 'query'>; readonly timers: Timers },
  signal?: AbortSignal,
): Promise<void> {
  const run = (statement: string) => runRepeatable({ trino, timers }, statement, signal)
  await all([place.schema, publicationsSchemaOf(place.schema)].map((name) => run(createSchema(place.catalog, name))))
  await all(Object.values(tables).map((definition) => run(createTable(place, definition))))
  const found = await run(tableColumns(place))
  const known = new Set(found.map(([table, column]) => `${table} ${column}`))
  for (const { name: table, columns } of Object.values(tables)) {
    for (const column of columns.filter(({ name }) => !known.has(`${table} ${name.toLowerCase()}`))) {
      await run(addColumn(place, table, column))
    }
  }
}

/** Waits for every one, also where one fails: nothing of it goes on behind the caller's back. */
async function all(running: readonly Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(running)) if (result.status === 'rejected') throw result.reason
}

/** Names each table: asked for a schema alone, Trino walks the namespaces, and fails where one is dropped meanwhile. */
function tableColumns({ catalog, schema }: TrinoPlace): string {
  const names = Object.values(tables).map(({ name }) => text(name))
  return `SELECT table_name, column_name FROM ${quotedName(catalog)}.information_schema.columns
WHERE table_schema = ${text(schema)} AND table_name IN (${names.join(', ')})`
}

/** For tables made before the column was added; their rows have null there. */
export function addColumn(place: TrinoPlace, table: string, { name, type, doc }: Column): string {
  return `ALTER TABLE ${trinoTable(place, table)} ADD COLUMN IF NOT EXISTS ${quotedName(name)} ${trinoType(type)} COMMENT ${text(doc)}`
}

/**
 * Runs a statement that may run twice until it succeeds. Trino looks first and makes then: of two processes that make the same one
 * fails, and so does one that lists what another is dropping.
 */
export async function runRepeatable(
  { trino, timers }: { readonly trino: Pick<Trino, 'query'>; readonly timers: Timers },
  statement: string,
  signal?: AbortSignal,
): Promise<readonly (readonly unknown[])[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      // Repeated at once or by the next start, so its outcome need not be known.
      return await trino.query(statement, { effect: 'reads', ...(signal && { signal }) })
    } catch (error) {
      if (!(error instanceof TrinoQueryError) || (error.errorType === 'USER_ERROR' && !isTaken(error))) throw error
      if (attempt === statementMaxAttempts) throw error
      await sleep(timers, statementPauseMs)
    }
  }
}

function isTaken(error: TrinoQueryError): boolean {
  return /ALREADY_EXISTS$/.test(error.errorName)
}

export function createSchema(catalog: string, schema: string): string {
  return `CREATE SCHEMA IF NOT EXISTS ${quotedName(catalog)}.${quotedName(schema)}`
}

export function createTable(place: TrinoPlace, definition: TableDefinition): string {
  const { partition } = definition
  const columns = definition.columns.map(
    (column) => `  ${quotedName(column.name)} ${trinoType(column.type)} COMMENT ${text(column.doc)}`,
  )
  const { column: time, transform } = partitionTime(definition)
  const partitioning = [...(partition.generation ? ['"_gen"'] : []), `${transform}(${quotedName(time)})`]
  return `CREATE TABLE IF NOT EXISTS ${trinoTable(place, definition.name)} (
${columns.join(',\n')}
)
COMMENT ${text(definition.doc)}
WITH (
  format = 'PARQUET',
  format_version = 2,
  object_store_layout_enabled = false,
  partitioning = ARRAY[${partitioning.map(text).join(', ')}],
  sorted_by = ARRAY[${definition.sort.map((name) => text(`${quotedName(name)} ASC NULLS FIRST`)).join(', ')}]
)`
}

export function trinoType(type: ColumnType): string {
  if (typeof type !== 'string') {
    if ('list' in type) return `array(${trinoType(type.list.element)})`
    return `row(${type.struct.map((part) => `${quotedName(part.name)} ${trinoType(part.type)}`).join(', ')})`
  }
  return {
    string: 'varchar',
    boolean: 'boolean',
    int: 'integer',
    long: 'bigint',
    double: 'double',
    timestamptz: 'timestamp(6) with time zone',
    decimal38: 'decimal(38,0)',
  }[type]
}

function text(value: string): string {
  return trinoLiteral({ type: 'text', value })
}
