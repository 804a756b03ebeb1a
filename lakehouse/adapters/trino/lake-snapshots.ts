/** Snapshots of a Trino table: ids as decimal text, for they exceed 2^53. */
import { CorruptTableError, TrinoQueryError } from '../../../core/errors.ts'
import type { SnapshotInfo } from '../../../core/ports/lake.ts'
import type { TableDefinition } from '../../../core/tables.ts'
import type { Trino } from './client.ts'
import { type TrinoPlace, trinoTable } from './tables.ts'

type Options = TrinoPlace & { readonly trino: Pick<Trino, 'query'> }

/** What the table holds now. A table made by `ensureTables` has a snapshot from the beginning. */
export async function currentSnapshot(options: Options, definition: TableDefinition): Promise<string> {
  const [row] = await options.trino.query(currentStatement(options, definition))
  return idOf(row, definition)
}

/** The same, or null where the table is not made yet. */
export async function currentSnapshotIfAny(options: Options, definition: TableDefinition): Promise<string | null> {
  const rows = await rowsOrNone(options.trino, currentStatement(options, definition))
  return rows === undefined ? null : idOf(rows[0], definition)
}

const currentStatement = (options: Options, { name }: TableDefinition) =>
  `SELECT CAST(snapshot_id AS varchar) FROM ${trinoTable(options, `${name}$refs`)} WHERE name = 'main'`

function idOf(row: readonly unknown[] | undefined, { name }: TableDefinition): string {
  const id = row?.[0]
  if (typeof id !== 'string') throw new CorruptTableError(name, 'its references', 'no branch main')
  return id
}

/**
 * The one that the table is at, then the others, newest first; none where the table is not made yet. Which publication made one is
 * not known: Trino lets nobody write into a snapshot's summary.
 */
export async function allSnapshots(options: Options, definition: TableDefinition): Promise<readonly SnapshotInfo[]> {
  const rows = await rowsOrNone(
    options.trino,
    `SELECT CAST(snapshot_id AS varchar), CAST(parent_id AS varchar), CAST(to_unixtime(committed_at) * 1000 AS bigint),
  operation, element_at(summary, 'added-records'), element_at(summary, 'total-records')
FROM ${trinoTable(options, `${definition.name}$snapshots`)}
ORDER BY snapshot_id = (SELECT snapshot_id FROM ${trinoTable(options, `${definition.name}$refs`)} WHERE name = 'main') DESC,
  committed_at DESC, CAST(coalesce(element_at(summary, 'total-records'), '0') AS bigint) DESC`,
  )
  return (rows ?? []).map(([id, parent, at, operation, addedRows, totalRows]) => ({
    id: String(id),
    parent: parent === null ? null : String(parent),
    at: Number(at),
    operation: String(operation),
    publish: null,
    addedRows: Number(addedRows ?? 0),
    totalRows: Number(totalRows ?? 0),
  }))
}

/** Undefined where the table is not made yet. */
async function rowsOrNone(trino: Pick<Trino, 'query'>, sql: string) {
  try {
    return await trino.query(sql)
  } catch (error) {
    if (error instanceof TrinoQueryError && notMade.has(error.errorName)) return undefined
    throw error
  }
}
const notMade: ReadonlySet<string> = new Set(['TABLE_NOT_FOUND', 'SCHEMA_NOT_FOUND'])
