/**
 * Leases, publications and rewrites of the control store in DuckDB. A committed file is a row of `pending_files` until the
 * publication that took it is finished, and then gone: what is published is the lake's to know.
 */
import type { ControlStore } from '../../../core/ports/control-store.ts'
import { distinctTouched } from '../../core/control/epoch-rows.ts'
import { checkReplaces, chooseFiles } from '../../core/control/rules.ts'
import {
  lakeTable,
  openPublicationOf,
  pendingFiles,
  requireLease,
  requireNoneOpen,
  setLakeTable,
} from './control-store-lake-tables.ts'
import type { Session } from './control-store-session.ts'
import type { Versions } from './control-store-versions.ts'

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

export function publications(writer: Session, reader: Session, versions: Versions): Publications {
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

    unpublished: (table) => reader.read(() => pendingFiles(reader, table, 'publication IS NULL')),
    openPublication: (table) => reader.read(() => openPublicationOf(reader, table)),
    async beginPublication(table, lease, fence, names) {
      return writer.write(async () => {
        await requireLease(writer, lease, fence)
        await requireNoneOpen(writer, table)
        const chosen = chooseFiles(await pendingFiles(writer, table, 'publication IS NULL'), names)
        const id = ((await lakeTable(writer, table)).last ?? 0) + 1
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
        await requireLease(writer, lease, fence)
        const before = await lakeTable(writer, table)
        if (id <= (before.last ?? 0)) return // a repeat: the first call has done it
        const published = await writer.run('DELETE FROM pending_files WHERE table_name = $1 AND publication = $2', [
          table,
          id,
        ])
        if (published === 0) throw new RangeError(`publication ${id} of ${table} was never begun`)
        await setLakeTable(writer, table, before, { snapshot, last: id })
      })
    },
    async tableView(table) {
      return reader.read(async () => {
        const { snapshot } = await lakeTable(reader, table)
        return { table, snapshot, pending: await pendingFiles(reader, table, 'TRUE') }
      })
    },

    async finishRewrite(table, lease, fence, { snapshot, replaces, touched }) {
      await writer.write(async () => {
        await requireLease(writer, lease, fence)
        await requireNoneOpen(writer, table)
        const before = await lakeTable(writer, table)
        checkReplaces(table, before.snapshot, replaces)
        await setLakeTable(writer, table, before, { snapshot, last: before.last ?? 0 })
        if (touched.length === 0) return
        const [counters] = await writer.rows('SELECT last_commit, versions_floor FROM counters')
        const version = Number(counters?.[0]) + 1
        const floor = await versions.record(version, distinctTouched(touched), Number(counters?.[1]))
        await writer.run('UPDATE counters SET last_commit = $1, versions_floor = $2', [version, floor])
      })
    },
  }
}
