/** The folder that holds everything, made usable or refused in one sentence. */
import { access, constants, mkdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { StartError } from '../../core/errors.ts'

/** What lies in it. `control.duckdb` is opened first: its lock keeps a second process away from all the rest. */
export const dataFolderNames = {
  controlStore: 'control.duckdb',
  /** Folder of the segment log, on the disk port. */
  log: 'log',
  /** Files on their way into the lake; worthless after a stop. */
  scratch: 'scratch',
} as const

/**
 * The absolute path, existing and writable.
 * @throws StartError naming what is in the way and the mend
 */
export async function prepareDataFolder(path: string): Promise<string> {
  const folder = resolve(path)
  try {
    await mkdir(folder, { recursive: true })
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error'
    throw new StartError(
      `${folder} cannot be the data folder (${code}); set HITLAKE_DATA_DIR to a folder that this user may write`,
      { cause },
    )
  }
  return folder
}

/** Empties the folder for files in work. Only for whoever holds the data folder. */
export async function emptyScratch(dataDir: string): Promise<string> {
  const scratch = join(dataDir, dataFolderNames.scratch)
  await rm(scratch, { recursive: true, force: true })
  await mkdir(scratch, { recursive: true })
  return scratch
}
