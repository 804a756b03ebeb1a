/**
 * Pins in PostgreSQL. A pin and an expiry of a table come one after the other: both lock the table's row of
 * `condemned_snapshots` before they look at what the other wrote.
 */
import type { ControlStore } from '../../../core/ports/control-store.ts'
import type { SnapshotPin } from '../../../core/ports/maintenance-store.ts'
import type { TableName } from '../../../core/tables.ts'
import { decidePin, unpinned } from '../../core/control/pins.ts'
import { lockTable, requireLease, requireNoneOpen } from './control-store-lake-tables.ts'
import type { Database, Sql } from './database.ts'

type Pins = Pick<ControlStore, 'pinSnapshot' | 'unpinSnapshot' | 'pins' | 'condemnSnapshots'>

const pinsQuery = `SELECT table_name AS table, snapshot, name, until, pinned_by AS by
  FROM snapshot_pins WHERE table_name = $1 ORDER BY name`

export function pins(database: Database): Pins {
  return {
    async pinSnapshot(pin) {
      const { table, snapshot, name, until, by } = pin
      return database.write(async (sql) => {
        const condemned = await lockCondemned(sql, table)
        const outcome = decidePin(pin, await sql.rows<SnapshotPin>(pinsQuery, [table]), condemned)
        if (outcome !== 'pinned') return outcome
        await sql.run(
          `INSERT INTO snapshot_pins (table_name, name, snapshot, until, pinned_by) VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (table_name, name) DO UPDATE SET until = excluded.until, pinned_by = excluded.pinned_by`,
          [table, name, snapshot, until, by],
        )
        return outcome
      })
    },
    async unpinSnapshot(table, name) {
      return database.write(async (sql) => {
        const gone = await sql.rows('DELETE FROM snapshot_pins WHERE table_name = $1 AND name = $2 RETURNING name', [
          table,
          name,
        ])
        return gone.length > 0
      })
    },
    pins: (table) => database.ask<SnapshotPin>(pinsQuery, [table]),
    async condemnSnapshots(table, lease, fence, { snapshots, now }) {
      return database.write(async (sql) => {
        await requireLease(sql, lease, fence)
        await lockTable(sql, table)
        await requireNoneOpen(sql, table)
        await lockCondemned(sql, table)
        await sql.run('DELETE FROM snapshot_pins WHERE table_name = $1 AND until <= $2', [table, now])
        const condemned = unpinned(snapshots, await sql.rows<SnapshotPin>(pinsQuery, [table]))
        await sql.run('UPDATE condemned_snapshots SET snapshots = $2 WHERE table_name = $1', [table, condemned])
        return condemned
      })
    },
  }
}

/** What the last expiry took; the row is ours until the transaction ends. */
async function lockCondemned(sql: Sql, table: TableName): Promise<readonly string[]> {
  const [row] = await sql.rows<{ snapshots: string[] }>(
    `INSERT INTO condemned_snapshots AS c VALUES ($1, '{}')
     ON CONFLICT (table_name) DO UPDATE SET snapshots = c.snapshots RETURNING snapshots`,
    [table],
  )
  return row?.snapshots ?? []
}
