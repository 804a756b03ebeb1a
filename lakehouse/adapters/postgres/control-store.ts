/**
 * The control store in PostgreSQL (cluster): any number of processes share it.
 *
 * Durable at return: a commit is flushed to the write-ahead log (and to a synchronous standby, where there is one) before
 * its promise resolves. A call that fails with `ControlStoreUnavailableError` changed nothing and may be made again; with
 * `ControlStoreOutcomeUnknownError` it may have happened. After a restart of the server, calls succeed again by
 * themselves. Leases go by the server's clock.
 */
import pg from 'pg'
import { StartError } from '../../../core/errors.ts'
import type { ClusterStore } from '../../../core/ports/cluster-store.ts'
import type { Visible } from '../../core/control/derived-ranges.ts'
import { booksLedger } from './control-store-books.ts'
import { type ChoreLimits, createChores } from './control-store-chores.ts'
import { derivations } from './control-store-derivations.ts'
import { directory } from './control-store-directory.ts'
import { epochs } from './control-store-epochs.ts'
import { erasures } from './control-store-erasures.ts'
import { imports } from './control-store-imports.ts'
import { pins } from './control-store-pins.ts'
import { progress } from './control-store-progress.ts'
import { publications } from './control-store-publications.ts'
import { rerunRestores } from './control-store-rerun-restores.ts'
import { reruns } from './control-store-reruns.ts'
import { createVersions } from './control-store-versions.ts'
import { type Database, type DatabaseOptions, openDatabase } from './database.ts'
import { migrate } from './migrations.ts'

export interface PostgresControlStoreOptions extends DatabaseOptions {
  /** When versions rise: as an epoch is committed, or as its files are published. */
  readonly visible: Visible
  /** Changes that `versionsSince` can list; readers further behind are told to forget everything. */
  readonly maxVersionRows?: number
  readonly chores?: Partial<ChoreLimits>
}

/**
 * Opens the store and brings its tables to this version.
 * @throws ControlStoreUnavailableError where the server does not answer; StartError where it will never let us in, or a
 * newer version wrote the tables
 */
export async function openPostgresControlStore(options: PostgresControlStoreOptions): Promise<ClusterStore> {
  const database = openDatabase(options)
  try {
    await migrate(database)
  } catch (error) {
    await database.close()
    throw error instanceof pg.DatabaseError && isRefusal(error)
      ? new StartError(`PostgreSQL refuses HITLAKE_POSTGRES_URL: ${error.message}; mend the address`, { cause: error })
      : error
  }
  return controlStoreOn(database, options)
}

function controlStoreOn(database: Database, options: PostgresControlStoreOptions): ClusterStore {
  const chores = createChores(database, options.chores)
  const versions = createVersions(options.visible, options.maxVersionRows)
  return {
    ...directory(database),
    ...epochs(database, versions, chores),
    ...publications(database, versions, chores),
    ...derivations(database, options.visible),
    ...pins(database),
    ...erasures(database, versions, chores),
    ...reruns(database, versions, chores),
    ...rerunRestores(database, versions, chores),
    ...imports(database),
    ...booksLedger(database, chores),
    ...progress(database),
    async close() {
      await chores.close()
      await database.close()
    },
  }
}

/** No such user, password, database, or right. */
function isRefusal({ code = '' }: pg.DatabaseError): boolean {
  return code.startsWith('28') || code === '3D000' || code === '3F000' || code === '42501'
}
