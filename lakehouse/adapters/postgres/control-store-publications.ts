/**
 * Leases, publications and rewrites of the control store in PostgreSQL. A committed file is a row of `pending_files` until the
 * publication that took it is finished. Leases go by the server's clock: `now` of the caller is ignored.
 */
import type { ControlStore } from '../../../core/ports/control-store.ts'
import type { StagedFile } from '../../../core/ports/lake.ts'
import { checkReplaces, chooseFiles } from '../../core/control/rules.ts'
import type { Chores } from './control-store-chores.ts'
import {
  filesOf,
  lockTable,
  openPublicationOf,
  requireLease,
  requireNoneOpen,
  toFile,
  waiting,
} from './control-store-lake-tables.ts'
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
  | 'finishRewrite'
>

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
      return database.read(async (sql) => openPublicationOf(table, await filesOf(sql, table)))
    },
    async beginPublication(table, lease, fence, names) {
      return database.write(async (sql) => {
        await requireLease(sql, lease, fence)
        const { last } = await lockTable(sql, table)
        const chosen = chooseFiles(waiting(await requireNoneOpen(sql, table)), names)
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
    async finishRewrite(table, lease, fence, { snapshot, replaces, touched }) {
      const raised = await database.write(async (sql) => {
        await requireLease(sql, lease, fence)
        const before = await lockTable(sql, table)
        await requireNoneOpen(sql, table)
        checkReplaces(table, before.snapshot, replaces)
        await sql.run('UPDATE lake_tables SET snapshot = $2 WHERE name = $1', [table, snapshot])
        return versions.rewrite(sql, touched)
      })
      chores.due(raised)
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
