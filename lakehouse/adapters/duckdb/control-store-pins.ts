/** Pins in DuckDB. The one writer makes a pin and an expiry come one after the other. */
import type { ControlStore } from '../../../core/ports/control-store.ts'
import type { SnapshotPin } from '../../../core/ports/maintenance-store.ts'
import type { TableName } from '../../../core/tables.ts'
import { decidePin, unpinned } from '../../core/control/pins.ts'
import { requireLease, requireNoneOpen } from './control-store-lake-tables.ts'
import type { Session } from './control-store-session.ts'

type Pins = Pick<ControlStore, 'pinSnapshot' | 'unpinSnapshot' | 'pins' | 'condemnSnapshots'>

export function pins(writer: Session, reader: Session): Pins {
  return {
    async pinSnapshot(pin) {
      return writer.write(async () => {
        const { table, snapshot, name, until, by } = pin
        const outcome = decidePin(pin, await pinsOf(writer, table), await condemnedOf(writer, table))
        if (outcome !== 'pinned') return outcome
        await writer.run('DELETE FROM snapshot_pins WHERE table_name = $1 AND name = $2', [table, name])
        await writer.run('INSERT INTO snapshot_pins VALUES ($1, $2, $3, $4, $5)', [table, name, snapshot, until, by])
        return outcome
      })
    },
    async unpinSnapshot(table, name) {
      const gone = await writer.write(() =>
        writer.run('DELETE FROM snapshot_pins WHERE table_name = $1 AND name = $2', [table, name]),
      )
      return gone > 0
    },
    pins: (table) => reader.read(() => pinsOf(reader, table)),
    async condemnSnapshots(table, lease, fence, { snapshots, now }) {
      return writer.write(async () => {
        await requireLease(writer, lease, fence)
        await requireNoneOpen(writer, table)
        await writer.run('DELETE FROM snapshot_pins WHERE table_name = $1 AND until <= $2', [table, now])
        const condemned = unpinned(snapshots, await pinsOf(writer, table))
        await writer.run('DELETE FROM condemned_snapshots WHERE table_name = $1', [table])
        await writer.run('INSERT INTO condemned_snapshots VALUES ($1, $2)', [table, JSON.stringify(condemned)])
        return condemned
      })
    },
  }
}

async function pinsOf(session: Session, table: TableName): Promise<readonly SnapshotPin[]> {
  const rows = await session.rows(
    'SELECT snapshot, name, until, pinned_by FROM snapshot_pins WHERE table_name = $1 ORDER BY name',
    [table],
  )
  return rows.map(([snapshot, name, until, by]) => ({
    table,
    snapshot: snapshot as string,
    name: name as string,
    until: Number(until),
    by: by as string,
  }))
}

async function condemnedOf(session: Session, table: TableName): Promise<readonly string[]> {
  const [row] = await session.rows('SELECT snapshots FROM condemned_snapshots WHERE table_name = $1', [table])
  return row === undefined ? [] : (JSON.parse(row[0] as string) as string[])
}
