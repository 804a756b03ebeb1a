/** Pins of the control store as tags of the embedded lake's tables: PyIceberg, DuckDB and Trino show and keep them. */
import type { Clock, Random } from '../../../core/ports/clock.ts'
import type { LakePins } from '../../../core/ports/lake.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import type { TableName } from '../../../core/tables.ts'
import { setTags } from '../../core/iceberg/refs.ts'
import type { LocalTable } from './rewrites.ts'

/** Tags with it are ours to set and remove; others are left alone. */
export const pinTagPrefix = 'hitlake-pin.'

export interface PinsOptions {
  readonly objects: ObjectStore
  readonly random: Random
  readonly clock: Clock
  readonly table: (name: TableName) => LocalTable
}

export function createPins(options: PinsOptions): LakePins {
  return {
    showPins: (table, pins) =>
      setTags(
        { ...options, ...options.table(table) },
        pinTagPrefix,
        pins.map(({ name, snapshot, until }) => ({ name: `${pinTagPrefix}${name}`, snapshot, until })),
      ),
  }
}
