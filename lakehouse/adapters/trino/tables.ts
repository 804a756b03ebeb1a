/**
 * The lake's tables in a Trino catalog: their statements, made of `schemas/tables.ts`, and making them where they are not.
 * They are Trino's own (it draws their column ids and snapshot ids); all that is ours of them is names and types.
 */
import { TrinoQueryError } from '../../../core/errors.ts'
import { sleep, type Timers } from '../../../core/ports/clock.ts'
import type { Column, ColumnType, TableDefinition, TableName } from '../../../core/tables.ts'
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

export interface EnsureTablesOptions extends TrinoPlace {
  readonly trino: Pick<Trino, 'query'>
  readonly timers: Timers
  /** All where absent. */
  readonly only?: readonly TableName[]
}

/**
 * Makes the schemas, tables and columns that are missing, all tables at once: Trino mostly waits for the object store then.
 * Where none is missing, that is three statements. Any number of processes may do so at the same time.
 */
export async function ensureTables(options: EnsureTablesOptions, signal?: AbortSignal): Promise<void> {
  const { catalog, schema, only } = options
  const run = (statement: string) => runRepeatable(options, statement, signal)
  await all([schema, publicationsSchemaOf(schema)].map((name) => run(createSchema(catalog, name))))
  const wanted = Object.values(tables).filter(({ name }) => only === undefined || only.includes(name))
  for (let look = 1; ; look++) {
    const known = new Map<string, Set<string>>(wanted.map(({ name }) => [name, new Set()]))
    for (const [table, column] of await run(tableColumns(options, wanted))) known.get(`${table}`)?.add(`${column}`)
    const isMissing = ({ name }: TableDefinition) => known.get(name)?.size === 0
    const made = await all(
      wanted.filter(isMissing).map((each) => makeTable(options, createTable(options, each), look, signal)),
    )
    for (const { name: table, columns } of wanted.filter((each) => !isMissing(each))) {
      for (const column of columns.filter(({ name }) => !known.get(table)?.has(name.toLowerCase()))) {
        await run(addColumn(options, table, column))
      }
    }
    // One that another process made meanwhile may be of an older version: it is looked at.
    if (made.every((isOurs) => isOurs)) return
    await sleep(options.timers, statementPauseMs)
  }
}

/** False where another process was faster. One that is there and has no columns at the last look has them never. */
async function makeTable(
  options: EnsureTablesOptions,
  statement: string,
  look: number,
  signal?: AbortSignal,
): Promise<boolean> {
  try {
    await runRepeatable({ ...options, taken: 'fails' }, statement, signal)
    return true
  } catch (error) {
    if (look < statementMaxAttempts && error instanceof TrinoQueryError && isTaken(error)) return false
    throw error
  }
}

/** Waits for every one, also where one fails: nothing of it goes on behind the caller's back. */
async function all<T>(running: readonly Promise<T>[]): Promise<readonly T[]> {
  const results = await Promise.allSettled(running)
  return results.map((result) => {
    if (result.status === 'rejected') throw result.reason
    return result.value
  })
}

/** Names each table: asked for a schema alone, Trino walks the namespaces, and fails where one is dropped meanwhile. */
function tableColumns({ catalog, schema }: TrinoPlace, wanted: readonly TableDefinition[]): string {
  const names = wanted.map(({ name }) => text(name))
  return `SELECT table_name, column_name FROM ${quotedName(catalog)}.information_schema.columns
WHERE table_schema = ${text(schema)} AND table_name IN (${names.join(', ')})`
}

/** For tables made before the column was added; their rows have null there. */
export function addColumn(place: TrinoPlace, table: string, { name, type, doc }: Column): string {
  return `ALTER TABLE ${trinoTable(place, table)} ADD COLUMN IF NOT EXISTS ${quotedName(name)} ${trinoType(type)} COMMENT ${text(doc)}`
}

/**
 * Runs a statement that may run twice until it succeeds. Trino looks first and makes then: of two processes that make the same one
 * fails, and so does one that lists what another is dropping. `taken`: what happens where the name is taken (`is repeated`).
 */
export async function runRepeatable(
  {
    trino,
    timers,
    taken = 'is repeated',
  }: { readonly trino: Pick<Trino, 'query'>; readonly timers: Timers; readonly taken?: 'is repeated' | 'fails' },
  statement: string,
  signal?: AbortSignal,
): Promise<readonly (readonly unknown[])[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      // Repeated at once or by the next start, so its outcome need not be known.
      return await trino.query(statement, { effect: 'reads', ...(signal && { signal }) })
    } catch (error) {
      if (!(error instanceof TrinoQueryError)) throw error
      if (isTaken(error) ? taken === 'fails' : error.errorType === 'USER_ERROR') throw error
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
  return `CREATE TABLE ${trinoTable(place, definition.name)} (
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
