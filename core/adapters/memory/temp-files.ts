/** Bytes held in memory, laid out as files below the system's temp folder for programs that read files only (DuckDB). */
import { rmSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export class TempFiles {
  #folder: Promise<string> | undefined
  #count = 0

  /** Path of a new file with these bytes, its name ending as `name` does. */
  async materialise(name: string, bytes: Uint8Array): Promise<string> {
    this.#folder ??= makeFolder()
    // The end of it: folders and all, a name may be longer than a file's may.
    const end = [...name.replaceAll('/', '_')].slice(-40).join('')
    const path = join(await this.#folder, `${this.#count++}-${end}`)
    await writeFile(path, bytes)
    return path
  }

  /** Removes all files made so far. */
  async cleanup(): Promise<void> {
    const folder = await this.#folder
    this.#folder = undefined
    if (folder) await rm(folder, { recursive: true, force: true })
  }
}

const folders = new Set<string>()

/** A new folder, removed with the process where nobody did before. */
async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hitlake-memory-'))
  if (folders.size === 0) {
    process.once('exit', () => {
      for (const left of folders) rmSync(left, { recursive: true, force: true })
    })
  }
  folders.add(folder)
  return folder
}
