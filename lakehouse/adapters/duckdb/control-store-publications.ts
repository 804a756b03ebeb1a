/**
 * Leases and publications of the control store in DuckDB. A committed file is a row of `pending_files` until the
 * publication that took it is finished, and then gone: what is published is the lake's to know.
 */
import { PublicationOpenError, StaleLeaseError } from '../../../core/errors.ts'
import type { ControlStore, Publication } from '../../../core/ports/control-store.ts'
import type { StagedFile } from '../../../core/ports/lake.ts'
import type { TableName } from '../../../core/tables.ts'
import { chooseFiles } from '../../core/control/rules.ts'
import type { Session } from './control-store-session.ts'

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

export function publications(writer: Session, reader: Session): Publications {
  /** Inside a write. */
  async function requireLease(name: string, fence: number): Promise<void> {
    const [row] = await writer.rows('SELECT fence FROM leases WHERE name = $1 AND owner IS NOT NULL', [name])
    if (row === undefined || Number(row[0]) !== fence) throw new StaleLeaseError(name, fence)
  }

  async function files(session: Session, table: TableName, which: string): Promise<readonly StagedFile[]> {
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

  async function lakeTable(session: Session, table: TableName): Promise<{ snapshot: string | null; last: number }> {
    const [row] = await session.rows('SELECT snapshot, last_publication FROM lake_tables WHERE name = $1', [table])
    return { snapshot: (row?.[0] as string | null | undefined) ?? null, last: Number(row?.[1] ?? 0) }
  }

  async function open(session: Session, table: TableName): Promise<Publication | undefined> {
    const [row] = await session.rows('SELECT max(publication) FROM pending_files WHERE table_name = $1', [table])
    if (row === undefined || row[0] === null) return undefined
    return { table, id: Number(row[0]), files: await files(session, table, 'publication IS NOT NULL') }
  }

  return {
    async acquireLease(name, owner, ttlMs, now) {
      return writer.write(async () => {
        const [row] = await writer.rows('SELECT fence, owner, expires FROM leases WHERE name = $1', [name])
        if (row === undefined) {
          await writer.run('INSERT INTO leases VALUES ($1, 1, $2, $3)', [name, owner, now + ttlMs])
          return { fence: 1 }
        }
        const [fence, holder, expires] = row
        if (holder !== null && holder !== owner && Number(expires) > now) return undefined
        const next = Number(fence) + (holder === owner ? 0 : 1)
        await writer.run('UPDATE leases SET fence = $2, owner = $3, expires = $4 WHERE name = $1', [
          name,
          next,
          owner,
          now + ttlMs,
        ])
        return { fence: next }
      })
    },
    async releaseLease(name, fence) {
      await writer.write(() =>
        writer.run('UPDATE leases SET owner = NULL WHERE name = $1 AND fence = $2', [name, fence]),
      )
    },

    unpublished: (table) => reader.read(() => files(reader, table, 'publication IS NULL')),
    openPublication: (table) => reader.read(() => open(reader, table)),
    async beginPublication(table, lease, fence, names) {
      return writer.write(async () => {
        await requireLease(lease, fence)
        const begun = await open(writer, table)
        if (begun !== undefined) throw new PublicationOpenError(table, begun.id)
        const chosen = chooseFiles(await files(writer, table, 'publication IS NULL'), names)
        const id = (await lakeTable(writer, table)).last + 1
        await writer.run(
          `UPDATE pending_files SET publication = $2
           WHERE table_name = $1 AND name IN (SELECT unnest(from_json($3, '["VARCHAR"]')))`,
          [table, id, JSON.stringify(names)],
        )
        return { table, id, files: chosen }
      })
    },
    async finishPublication(table, lease, fence, id, snapshot) {
      await writer.write(async () => {
        await requireLease(lease, fence)
        const { last } = await lakeTable(writer, table)
        if (id <= last) return // a repeat: the first call has done it
        const published = await writer.run('DELETE FROM pending_files WHERE table_name = $1 AND publication = $2', [
          table,
          id,
        ])
        if (published === 0) throw new RangeError(`publication ${id} of ${table} was never begun`)
        await writer.run(
          last === 0
            ? 'INSERT INTO lake_tables (snapshot, last_publication, name) VALUES ($1, $2, $3)'
            : 'UPDATE lake_tables SET snapshot = $1, last_publication = $2 WHERE name = $3',
          [snapshot, id, table],
        )
      })
    },
    async tableView(table) {
      return reader.read(async () => {
        const { snapshot } = await lakeTable(reader, table)
        return { table, snapshot, pending: await files(reader, table, 'TRUE') }
      })
    },
  }
}
