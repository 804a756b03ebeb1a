/** Bytes held in memory, laid out as files below the system's temp folder for programs that read files only (DuckDB). */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export class TempFiles {
  #folder: Promise<string> | undefined
  #count = 0

  /** Path of a new file with these bytes, its name ending as `name` does. */
  async materialise(name: string, bytes: Uint8Array): Promise<string> {
    this.#folder ??= mkdtemp(join(tmpdir(), 'hitlake-memory-'))
    const path = join(await this.#folder, `${this.#count++}-${name.replaceAll('/', '_')}`)
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
