/** How many files a data folder holds, by what they are for. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/** What goes as fast as it comes: bounded at any time. */
export const passingFolders = ['log', 'staged', 'checkpoints', 'scratch'] as const

export interface FileCounts {
  /** All of the passing folders. */
  readonly passing: number
  /** Parquet files of all tables, superseded ones until their snapshots expire included. */
  readonly lakeData: number
  readonly lakeMetadata: number
}

export function countFiles(dataDir: string): FileCounts {
  const lake = join(dataDir, 'lake')
  const tables = entriesOf(lake).map((entry) => join(lake, entry.name))
  const sum = (folders: readonly string[]) => folders.reduce((total, folder) => total + filesBelow(folder), 0)
  return {
    passing: sum(passingFolders.map((name) => join(dataDir, name))),
    lakeData: sum(tables.map((table) => join(table, 'data'))),
    lakeMetadata: sum(tables.map((table) => join(table, 'metadata'))),
  }
}

function filesBelow(folder: string): number {
  return entriesOf(folder).reduce(
    (total, entry) => total + (entry.isDirectory() ? filesBelow(join(folder, entry.name)) : 1),
    0,
  )
}

/** A folder that went while we looked holds nothing. */
function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return []
  }
}
