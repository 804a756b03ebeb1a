/**
 * `hitlake lake relocate`: tables are to be found by another URI, because the data folder is moved, or has been. Rewrites what
 * names files (metadata, manifest lists, manifests), never the files. Works on the data folder itself, whose lock it takes,
 * so no server runs meanwhile. May be cut off and repeated: a table is at its old place or at its new one.
 */
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { folderObjectStore } from '../../core/adapters/folder-object-store.ts'
import { nodeDisk } from '../../core/adapters/node/node-disk.ts'
import type { Config } from '../../core/config/parse-config.ts'
import { CommandError } from '../../core/errors.ts'
import type { Clock, Random } from '../../core/ports/clock.ts'
import { openDatabase } from '../../lakehouse/adapters/duckdb/database.ts'
import { tableLayout } from '../../lakehouse/core/iceberg/layout.ts'
import { relocate } from '../../lakehouse/core/iceberg/relocate.ts'
import { TableReader } from '../../lakehouse/core/iceberg/table-reader.ts'
import { tables } from '../../schemas/tables.ts'
import type { Terminal } from '../client/terminal.ts'
import { dataFolderNames, prepareDataFolder } from '../embedded/data-folder.ts'

export interface RelocateOptions {
  /** URI of the folder that holds the tables' folders; left out: where they are now. */
  readonly to: string | undefined
  readonly mode: 'relocate' | 'dry run'
  readonly form: 'text' | 'json'
}

interface Moved {
  readonly table: string
  readonly from: string
  readonly to: string
  readonly snapshots: number
}

/**
 * @throws CommandError outside of the embedded mode, or for what is no URI
 * @throws StartError where a server runs over the data folder
 * @throws TableChangeRefusedError, CorruptTableError: the tables before it are done
 */
export async function relocateLake(
  config: Config,
  { to, mode, form }: RelocateOptions,
  io: { readonly terminal: Terminal; readonly clock: Clock; readonly random: Random },
): Promise<0> {
  if (config.mode !== 'embedded')
    throw new CommandError("a cluster's tables are in a catalog, which knows their places")
  const { terminal } = io
  const say = (line: string) => (form === 'text' ? terminal.out(line) : undefined)
  const dataDir = await prepareDataFolder(config.dataDir)
  const here = pathToFileURL(join(dataDir, 'lake')).href
  const base = (to ?? here).replace(/(?<=[^/])\/+$/, '')
  if (!/^[a-z][a-z0-9+.-]*:\/*[^/]/i.test(base)) {
    throw new CommandError(`"${base}" is no URI; it has to be such as file:///var/hitlake/lake or s3://bucket/lake`)
  }
  // Its lock is the lock on the folder.
  const lock = await openDatabase({
    file: join(dataDir, dataFolderNames.controlStore),
    memoryLimitBytes: config.duckdbMemoryBytes,
    threads: 1,
    scratch: join(dataDir, dataFolderNames.scratch, 'duckdb'),
  })
  try {
    const objects = await folderObjectStore(nodeDisk(dataDir), '')
    const moved: Moved[] = []
    for (const definition of Object.values(tables)) {
      const layout = tableLayout(definition, base)
      const reader = new TableReader({ objects, definition, layout })
      const loaded = await reader.load()
      if (loaded === undefined || loaded.metadata.location === layout.location) continue
      const { location: from, snapshots = [] } = loaded.metadata
      if (mode === 'relocate')
        await relocate({ ...io, objects, definition, layout, reader }, { from, to: layout.location })
      moved.push({ table: definition.name, from, to: layout.location, snapshots: snapshots.length })
      const verb = mode === 'relocate' ? 'is now' : 'would be'
      say(`${definition.name} ${verb} at ${layout.location}, before at ${from}; ${snapshots.length} snapshots`)
    }
    if (moved.length === 0) say(`all tables are at ${base} already`)
    else if (mode === 'relocate') for (const line of whatNext(base, here, dataDir)) say(line)
    if (form === 'json') terminal.out(JSON.stringify({ relocated: moved }))
    return 0
  } finally {
    lock.closeSync()
  }
}

function whatNext(base: string, here: string, dataDir: string): readonly string[] {
  if (base === here) return ['the files are there already; start the server']
  if (!base.startsWith('file:')) return [`now bring ${join(dataDir, 'lake')} there; this server goes on with its copy`]
  const folder = fileURLToPath(base)
  return [`now move ${dataDir} so that its tables are in ${folder}, and set HITLAKE_DATA_DIR=${dirname(folder)}`]
}
