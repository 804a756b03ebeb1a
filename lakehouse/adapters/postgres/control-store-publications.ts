/**
 * Leases and publications of the control store in PostgreSQL. A committed file is a row of `pending_files` until the
 * publication that took it is finished. Beginning and finishing hold the row of their table, and the lease so that it
 * cannot move meanwhile. Leases go by the server's clock: `now` of the caller is ignored.
 */
import { PublicationOpenError, StaleLeaseError } from '../../../core/errors.ts'
import type { ControlStore, Publication } from '../../../core/ports/control-store.ts'
import type { StagedFile } from '../../../core/ports/lake.ts'
import type { TableName } from '../../../core/tables.ts'
import { chooseFiles } from '../../core/control/rules.ts'
import type { Chores } from './control-store-chores.ts'
import { advancePublished } from './control-store-progress.ts'
import type { Versions } from './control-store-versions.ts'
import type { Database, Sql } from './database.ts'

type Publications = Pick<
  ControlStore,
  | 'acquireLease'
  | 'releaseLease'
  | 'unpublished'
  | 'openPublication'
  | 'beginPublication'
  | 'finishPublication'
  | 'tableView'
>

interface FileRow extends StagedFile {
  readonly publication: number | null
}

export function publications(database: Database, versions: Versions, chores: Chores): Publications {
  return {
    async acquireLease(name, owner, ttlMs) {
      return database.write(async (sql) => {
        const [lease] = await sql.rows<{ fence: number }>(
          `INSERT INTO leases AS l VALUES ($1, 1, $2, clock_timestamp() + $3 * interval '1 millisecond')
           ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, expires = excluded.expires,
             fence = CASE WHEN l.owner = excluded.owner THEN l.fence ELSE l.fence + 1 END
           WHERE l.owner IS NULL OR l.owner = excluded.owner OR l.expires <= clock_timestamp()
           RETURNING fence`,
          [name, owner, ttlMs],
        )
        return lease
      })
    },
    async releaseLease(name, fence) {
      await database.write((sql) =>
        sql.run('UPDATE leases SET owner = NULL WHERE name = $1 AND fence = $2', [name, fence]),
      )
    },

    async unpublished(table) {
      return database.read(async (sql) => waiting(await filesOf(sql, table)))
    },
    async openPublication(table) {
      return database.read(async (sql) => openOf(table, await filesOf(sql, table)))
    },
    async beginPublication(table, lease, fence, names) {
      return database.write(async (sql) => {
        await requireLease(sql, lease, fence)
        const { last } = await lockTable(sql, table)
        const files = await filesOf(sql, table)
        const begun = openOf(table, files)
        if (begun !== undefined) throw new PublicationOpenError(table, begun.id)
        const chosen = chooseFiles(waiting(files), names)
        await sql.run('UPDATE pending_files SET publication = $1 WHERE name = ANY ($2::text[])', [last + 1, names])
        return { table, id: last + 1, files: chosen }
      })
    },
    async finishPublication(table, lease, fence, id, snapshot) {
      const published = await database.write(async (sql) => {
        await requireLease(sql, lease, fence)
        const { last } = await lockTable(sql, table)
        if (id <= last) return 0 // a repeat: the first call has done it
        const gone = await sql.rows<{ epoch: number; job: string }>(
          `WITH gone AS (DELETE FROM pending_files WHERE table_name = $1 AND publication = $2 RETURNING epoch)
           SELECT DISTINCT gone.epoch, e.job FROM gone JOIN epochs e ON e.epoch = gone.epoch`,
          [table, id],
        )
        if (gone.length === 0) throw new RangeError(`publication ${id} of ${table} was never begun`)
        await sql.run('UPDATE lake_tables SET snapshot = $2, last_publication = $3 WHERE name = $1', [
          table,
          snapshot,
          id,
        ])
        const raised = await versions.publish(
          sql,
          gone.map(({ epoch }) => epoch),
        )
        await advancePublished(sql, [...new Set(gone.map(({ job }) => job))])
        return raised
      })
      chores.due(published)
    },
    async tableView(table) {
      return database.read(async (sql) => {
        const [row] = await sql.rows<{ snapshot: string | null }>('SELECT snapshot FROM lake_tables WHERE name = $1', [
          table,
        ])
        return { table, snapshot: row?.snapshot ?? null, pending: (await filesOf(sql, table)).map(toFile) }
      })
    },
  }
}

/** @throws RangeError where a name is committed already */
export async function recordFiles(sql: Sql, epoch: number, files: readonly StagedFile[]): Promise<void> {
  if (files.length === 0) return
  const names = files.map(({ name }) => name)
  const recorded = await sql.rows<{ name: string }>(
    `INSERT INTO pending_files
     SELECT name, $1::int8, place, table_name, row_count, bytes, first_day, last_day
     FROM unnest($2::text[], $3::text[], $4::int8[], $5::int8[], $6::int8[], $7::int8[])
       WITH ORDINALITY AS u (name, table_name, row_count, bytes, first_day, last_day, place)
     ON CONFLICT (name) DO NOTHING RETURNING name`,
    [
      epoch,
      names,
      files.map(({ table }) => table),
      files.map(({ rows }) => rows),
      files.map(({ bytes }) => bytes),
      files.map(({ firstDay }) => firstDay),
      files.map(({ lastDay }) => lastDay),
    ],
  )
  if (recorded.length === files.length) return
  const fresh = new Set(recorded.map(({ name }) => name))
  throw new RangeError(`the staged file ${names.find((name) => !fresh.has(name))} is committed already`)
}

async function requireLease(sql: Sql, name: string, fence: number): Promise<void> {
  const [row] = await sql.rows<{ fence: number; owner: string | null }>(
    'SELECT fence, owner FROM leases WHERE name = $1 FOR SHARE',
    [name],
  )
  if (row === undefined || row.owner === null || row.fence !== fence) throw new StaleLeaseError(name, fence)
}

/** From here on nobody else begins or finishes a publication of the table. */
async function lockTable(sql: Sql, table: TableName): Promise<{ readonly last: number }> {
  await sql.run('INSERT INTO lake_tables VALUES ($1) ON CONFLICT DO NOTHING', [table])
  const [row] = await sql.rows<{ last: number }>(
    'SELECT last_publication AS last FROM lake_tables WHERE name = $1 FOR UPDATE',
    [table],
  )
  return { last: row?.last ?? 0 }
}

/** In commit order. */
async function filesOf(sql: Sql, table: TableName): Promise<readonly FileRow[]> {
  return sql.rows<FileRow>(
    `SELECT f.name, f.table_name AS table, f.row_count AS rows, f.bytes, f.first_day AS "firstDay",
       f.last_day AS "lastDay", f.publication
     FROM pending_files f JOIN epochs e ON e.epoch = f.epoch WHERE f.table_name = $1 ORDER BY e.commit, f.place`,
    [table],
  )
}

const waiting = (files: readonly FileRow[]) => files.filter(({ publication }) => publication === null).map(toFile)

function openOf(table: TableName, files: readonly FileRow[]): Publication | undefined {
  const taken = files.filter(({ publication }) => publication !== null)
  const id = taken[0]?.publication
  return id === undefined || id === null ? undefined : { table, id, files: taken.map(toFile) }
}

function toFile({ publication: _, ...file }: FileRow): StagedFile {
  return file
}
