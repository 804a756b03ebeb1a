/** DuckDB of the embedded process: the control store apart from all that may need much memory. */
import { join } from 'node:path'
import type { EmbeddedConfig } from '../../core/config/embedded.ts'
import { openDatabase, openStagingDatabase } from '../../lakehouse/adapters/duckdb/database.ts'
import { dataFolderNames } from './data-folder.ts'

/**
 * For the control store alone: a short transaction must never fail because a long query or a rewrite has taken what there
 * is. Its tables are read by blocks; none of its statements needs more.
 */
export const controlStoreMemoryBytes = 64 * 1024 * 1024

type Database = Awaited<ReturnType<typeof openDatabase>>

export interface Databases {
  /** Over the control store's file, which is the lock on the data folder. */
  readonly control: Database
  /** In memory: staging. */
  readonly staging: Database
  /** In memory: publishing, rewriting and queries. */
  readonly lake: Database
}

/** @throws StartError where the data folder is another process's or damaged */
export async function openDatabases({
  dataDir,
  config,
}: {
  readonly dataDir: string
  readonly config: Pick<EmbeddedConfig, 'duckdbMemoryBytes' | 'duckdbThreads'>
}): Promise<Databases> {
  const scratch = join(dataDir, dataFolderNames.scratch)
  const control = await openDatabase({
    file: join(dataDir, dataFolderNames.controlStore),
    memoryLimitBytes: controlStoreMemoryBytes,
    threads: 1,
    scratch: join(scratch, 'control'),
  })
  const staging = await openStagingDatabase(join(scratch, 'staging'))
  const lake = await openDatabase({
    file: ':memory:',
    memoryLimitBytes: config.duckdbMemoryBytes,
    threads: config.duckdbThreads,
    scratch: join(scratch, 'duckdb'),
  })
  return { control, staging, lake }
}
