/**
 * Copies of objects in a folder of this machine, for programs that read files only. The folder is the store's own and is
 * emptied when the store opens; equal calls at once wait for one download.
 */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

export class LocalCopies {
  readonly #folder: string
  readonly #copies = new Map<string, Promise<string>>()
  #count = 0

  private constructor(folder: string) {
    this.#folder = folder
  }

  static async open(folder: string): Promise<LocalCopies> {
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder, { recursive: true })
    return new LocalCopies(folder)
  }

  /** The path of the copy of `name`, made by `download` where there is none; a failed download is forgotten. */
  path(name: string, download: (path: string) => Promise<void>): Promise<string> {
    const known = this.#copies.get(name)
    if (known !== undefined) return known
    // DuckDB tells what a file is by its ending.
    const ending = /\.[A-Za-z0-9]{1,20}$/.exec(name)?.[0] ?? ''
    const path = join(this.#folder, `${this.#count++}${ending}`)
    const copy = download(path).then(() => path)
    this.#copies.set(name, copy)
    copy.catch(async () => {
      if (this.#copies.get(name) === copy) this.#copies.delete(name)
      await rm(path, { force: true })
    })
    return copy
  }

  /** Removes the copy, also one that is on its way. */
  async forget(name: string): Promise<void> {
    const copy = this.#copies.get(name)
    if (copy === undefined) return
    this.#copies.delete(name)
    const path = await copy.catch(() => undefined)
    if (path !== undefined) await rm(path, { force: true })
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#copies.values())
    this.#copies.clear()
    await rm(this.#folder, { recursive: true, force: true })
  }
}
