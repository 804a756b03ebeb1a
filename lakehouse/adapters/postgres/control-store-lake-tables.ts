/**
 * What publications, derivations and rewrites share in PostgreSQL. Whoever begins or finishes one holds the row of its
 * table until the transaction ends, and the lease so that it cannot move meanwhile.
 */
import { PublicationOpenError, StaleLeaseError } from '../../../core/errors.ts'
import type { Publication } from '../../../core/ports/control-store.ts'
import type { StagedFile } from '../../../core/ports/lake.ts'
import type { TableName } from '../../../core/tables.ts'
import type { BegunDerivation } from '../../core/control/derived-ranges.ts'
import type { Sql } from './database.ts'

export interface FileRow extends StagedFile {
  readonly publication: number | null
}

/** @throws StaleLeaseError */
export async function requireLease(sql: Sql, name: string, fence: number): Promise<void> {
  const [row] = await sql.rows<{ fence: number; owner: string | null }>(
    'SELECT fence, owner FROM leases WHERE name = $1 FOR SHARE',
    [name],
  )
  if (row === undefined || row.owner === null || row.fence !== fence) throw new StaleLeaseError(name, fence)
}

/** From here on nobody else begins or finishes anything of the table. */
export async function lockTable(
  sql: Sql,
  table: TableName,
): Promise<{ readonly last: number; readonly snapshot: string | null }> {
  await sql.run('INSERT INTO lake_tables VALUES ($1) ON CONFLICT DO NOTHING', [table])
  const [row] = await sql.rows<{ last: number; snapshot: string | null }>(
    'SELECT last_publication AS last, snapshot FROM lake_tables WHERE name = $1 FOR UPDATE',
    [table],
  )
  return row ?? { last: 0, snapshot: null }
}

/** In commit order. */
export async function filesOf(sql: Sql, table: TableName): Promise<readonly FileRow[]> {
  return sql.rows<FileRow>(
    `SELECT f.name, f.table_name AS table, f.row_count AS rows, f.bytes, f.first_day AS "firstDay",
       f.last_day AS "lastDay", f.publication
     FROM pending_files f JOIN epochs e ON e.epoch = f.epoch WHERE f.table_name = $1 ORDER BY e.commit, f.place`,
    [table],
  )
}

export const waiting = (files: readonly FileRow[]): readonly StagedFile[] =>
  files.filter(({ publication }) => publication === null).map(toFile)

export function toFile({ publication: _, ...file }: FileRow): StagedFile {
  return file
}

export function openPublicationOf(table: TableName, files: readonly FileRow[]): Publication | undefined {
  const taken = files.filter(({ publication }) => publication !== null)
  const id = taken[0]?.publication
  return id === undefined || id === null ? undefined : { table, id, files: taken.map(toFile) }
}

export async function openDerivationOf(sql: Sql, table: TableName): Promise<BegunDerivation | undefined> {
  const [row] = await sql.rows<{ work: string }>('SELECT work FROM derivations WHERE table_name = $1', [table])
  return row && (JSON.parse(row.work) as BegunDerivation)
}

/**
 * Of a table that the transaction has locked; returns its files.
 * @throws PublicationOpenError while a publication or derivation of it is open
 */
export async function requireNoneOpen(sql: Sql, table: TableName): Promise<readonly FileRow[]> {
  const files = await filesOf(sql, table)
  const open = openPublicationOf(table, files) ?? (await openDerivationOf(sql, table))
  if (open !== undefined) throw new PublicationOpenError(table, open.id)
  return files
}
