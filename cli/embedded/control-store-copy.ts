/** The control store of a data folder, read from a copy: a running server locks its file. */
import { copyFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { CommandError } from '../../core/errors.ts'
import type { ControlStore } from '../../core/ports/control-store.ts'
import { openDuckDbControlStore } from '../../lakehouse/adapters/duckdb/control-store.ts'
import { openDatabase } from '../../lakehouse/adapters/duckdb/database.ts'
import { dataFolderNames } from './data-folder.ts'

/** Tries to copy the file between two of its commits. */
export const copyTriesMax = 50
const copyRetryMs = 100
const copyMemoryBytes = 256 * 1_048_576

export interface StoreCopy {
  readonly store: ControlStore
  readonly instance: Awaited<ReturnType<typeof openDatabase>>
  /** Of the file and its write-ahead log. */
  readonly bytes: number
  close(): Promise<void>
}

/**
 * As it is at one moment; `scratch` exists and is the caller's to remove.
 * @throws CommandError where there is none, or it never holds still
 */
export async function openStoreCopy(
  dataDir: string,
  scratch: string,
  memoryLimitBytes: number = copyMemoryBytes,
): Promise<StoreCopy> {
  const file = join(scratch, dataFolderNames.controlStore)
  const bytes = await copyBetweenCommits(join(dataDir, dataFolderNames.controlStore), file)
  const instance = await openDatabase({ file, memoryLimitBytes, threads: 1, scratch: join(scratch, 'control') })
  const store = await openDuckDbControlStore({ instance })
  return {
    store,
    instance,
    bytes,
    async close() {
      await store.close()
      instance.closeSync()
    },
  }
}

/** With its write-ahead log; again, where either changed meanwhile. Returns their bytes. */
async function copyBetweenCommits(from: string, to: string): Promise<number> {
  const stateOf = async (path: string) => {
    const found = await stat(path, { bigint: true }).catch(() => undefined)
    return { text: `${found?.size}-${found?.mtimeNs}`, bytes: found === undefined ? undefined : Number(found.size) }
  }
  const both = async () => Promise.all([stateOf(from), stateOf(`${from}.wal`)])
  for (let tries = 0; tries < copyTriesMax; tries++) {
    const [file, wal] = await both()
    if (file.bytes === undefined) throw new CommandError(`there is no ${from}; set HITLAKE_DATA_DIR to the server's`)
    await rm(`${to}.wal`, { force: true })
    await copyFile(from, to)
    if (wal.bytes !== undefined) await copyFile(`${from}.wal`, `${to}.wal`).catch(() => undefined)
    const after = await both()
    if (after[0].text === file.text && after[1].text === wal.text) return file.bytes + (wal.bytes ?? 0)
    await new Promise((done) => setTimeout(done, copyRetryMs))
  }
  throw new CommandError(`${from} is written all the time; try again when there is less traffic`)
}
