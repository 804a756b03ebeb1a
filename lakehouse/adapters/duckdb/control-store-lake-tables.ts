/** What publications, derivations and rewrites share in DuckDB: leases, the tables' snapshots, what is open, and files. */
import { PublicationOpenError, StaleLeaseError } from '../../../core/errors.ts'
import type { Publication } from '../../../core/ports/control-store.ts'
import type { StagedFile } from '../../../core/ports/lake.ts'
import type { TableName } from '../../../core/tables.ts'
import type { BegunDerivation } from '../../core/control/derived-ranges.ts'
import type { Session } from './control-store-session.ts'

export interface LakeTable {
  /** Null where nothing was recorded of the table. */
  readonly last: number | null
  readonly snapshot: string | null
}

/** Inside a write. @throws StaleLeaseError */
export async function requireLease(writer: Session, name: string, fence: number): Promise<void> {
  const [row] = await writer.rows('SELECT fence FROM leases WHERE name = $1 AND owner IS NOT NULL', [name])
  if (row === undefined || Number(row[0]) !== fence) throw new StaleLeaseError(name, fence)
}

/** `which`: a condition on rows of `pending_files`. In commit order. */
export async function pendingFiles(
  session: Session,
  table: TableName,
  which: 'TRUE' | 'publication IS NULL' | 'publication IS NOT NULL',
): Promise<readonly StagedFile[]> {
  const rows = await session.rows(
    `SELECT name, row_count, bytes, first_day, last_day FROM pending_files
     WHERE table_name = $1 AND ${which} ORDER BY number`,
    [table],
  )
  return rows.map(([name, count, bytes, firstDay, lastDay]) => ({
    name: name as string,
    table,
    rows: Number(count),
    bytes: Number(bytes),
    firstDay: Number(firstDay),
    lastDay: Number(lastDay),
  }))
}

export async function lakeTable(session: Session, table: TableName): Promise<LakeTable> {
  const [row] = await session.rows('SELECT snapshot, last_publication FROM lake_tables WHERE name = $1', [table])
  return row === undefined
    ? { snapshot: null, last: null }
    : { snapshot: row[0] as string | null, last: Number(row[1]) }
}

/** Inside a write. What readers read from here on, and the newest publication or derivation. */
export async function setLakeTable(
  writer: Session,
  table: TableName,
  before: LakeTable,
  after: { readonly snapshot: string | null; readonly last: number },
): Promise<void> {
  await writer.run(
    before.last === null
      ? 'INSERT INTO lake_tables (snapshot, last_publication, name) VALUES ($1, $2, $3)'
      : 'UPDATE lake_tables SET snapshot = $1, last_publication = $2 WHERE name = $3',
    [after.snapshot, after.last, table],
  )
}

export async function openPublicationOf(session: Session, table: TableName): Promise<Publication | undefined> {
  const [row] = await session.rows('SELECT max(publication) FROM pending_files WHERE table_name = $1', [table])
  if (row === undefined || row[0] === null) return undefined
  return { table, id: Number(row[0]), files: await pendingFiles(session, table, 'publication IS NOT NULL') }
}

export async function openDerivationOf(session: Session, table: TableName): Promise<BegunDerivation | undefined> {
  const [row] = await session.rows('SELECT work FROM derivations WHERE table_name = $1', [table])
  return row && (JSON.parse(row[0] as string) as BegunDerivation)
}

/** Inside a write. @throws PublicationOpenError while a publication or derivation of the table is open */
export async function requireNoneOpen(writer: Session, table: TableName): Promise<void> {
  const open = (await openPublicationOf(writer, table)) ?? (await openDerivationOf(writer, table))
  if (open !== undefined) throw new PublicationOpenError(table, open.id)
}

/**
 * Inside a write. Files of a commit, in order; returns the number of the last file recorded.
 * @throws RangeError where one is committed already
 */
export async function recordFiles(
  writer: Session,
  files: readonly StagedFile[],
  lastFile: number,
  version: number,
): Promise<number> {
  if (files.length === 0) return lastFile
  const taken = await writer.rows(
    `SELECT name FROM pending_files WHERE name IN (SELECT unnest(from_json($1, '["VARCHAR"]')))`,
    [JSON.stringify(files.map(({ name }) => name))],
  )
  if (taken[0] !== undefined) throw new RangeError(`the staged file ${taken[0][0]} is committed already`)
  await writer.append('pending_files', [
    { whole: files.map((_, index) => lastFile + 1 + index) },
    { text: files.map((file) => file.table) },
    { text: files.map((file) => file.name) },
    { whole: files.map((file) => file.rows) },
    { whole: files.map((file) => file.bytes) },
    { whole: files.map((file) => file.firstDay) },
    { whole: files.map((file) => file.lastDay) },
    { whole: files.map(() => null) },
    { whole: files.map(() => version) },
  ])
  return lastFile + files.length
}
