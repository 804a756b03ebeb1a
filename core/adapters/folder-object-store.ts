/**
 * Objects as files of a folder of a Disk. A body is written under a temporary name in `.put/`, synced, and only then gets
 * its own name, by rename (put) or by link (putIfAbsent, which fails where the name is taken): a crash at any point leaves
 * the old object, the new one or none, never a part. Temporary names are never listed.
 */
import { type Disk, DiskError, type DiskFile } from '../ports/disk.ts'
import type { ObjectStore } from '../ports/object-store.ts'
import { byCodePoint, folderOf } from './disk-path.ts'
import { checkedObjectName } from './object-name.ts'

export interface FolderObjectStoreOptions {
  /**
   * `remove` (default): temporary files that a crash left are removed first, so nobody else may be writing to the folder
   * at that moment. `keep`: for a second store over a folder that is in use.
   */
  readonly leftovers?: 'remove' | 'keep'
}

const temporaryFolder = '.put'
/** Bytes of small chunks gathered before a write. */
const writeChunkBytes = 256 * 1024

/** The store over `folder` (without closing `/`) of `disk`, which is made where it is missing. */
export async function folderObjectStore(
  disk: Disk,
  folder: string,
  options: FolderObjectStoreOptions = {},
): Promise<ObjectStore> {
  const store = new FolderObjectStore(disk, folder)
  await store.prepare(options.leftovers ?? 'remove')
  return store
}

class FolderObjectStore implements ObjectStore {
  /** Folders known to exist. */
  readonly #folders = new Set<string>()
  /** What names are put behind: empty, or the folder with a closing `/`. */
  readonly #root: string
  readonly #temporary: string
  #temporaryCount = 0

  constructor(
    private readonly disk: Disk,
    folder: string,
  ) {
    this.#root = folder === '' ? '' : `${folder}/`
    this.#temporary = `${this.#root}${temporaryFolder}`
  }

  async prepare(leftovers: 'remove' | 'keep'): Promise<void> {
    await this.disk.makeFolder(this.#temporary)
    if (leftovers === 'keep') return
    for (const name of await this.disk.list(this.#temporary)) await this.#forget(`${this.#temporary}/${name}`)
  }

  async put(name: string, body: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
    const path = this.#path(name)
    const temporary = await this.#writeTemporary(body)
    try {
      await this.#makeFolder(folderOf(path))
      await this.disk.rename(temporary, path)
    } catch (error) {
      await this.#forget(temporary)
      throw error
    }
    // A rename is safe after the sync of both folders; the second finds nothing left to do on a journalling system.
    await this.disk.syncFolder(folderOf(path))
    await this.disk.syncFolder(this.#temporary)
  }

  async putIfAbsent(name: string, body: Uint8Array): Promise<boolean> {
    const path = this.#path(name)
    if ((await this.disk.size(path)) === undefined) {
      const temporary = await this.#writeTemporary(body)
      try {
        await this.#makeFolder(folderOf(path))
        await this.disk.link(temporary, path)
        await this.disk.syncFolder(folderOf(path))
        return true
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') throw error
      } finally {
        await this.#forget(temporary)
      }
    }
    // The winner may not have synced its name yet, and the caller will build on what it finds there.
    await this.disk.syncFolder(folderOf(path))
    return false
  }

  async get(name: string): Promise<Buffer | undefined> {
    return this.#read(name, async (file) => file.read(await file.size(), 0))
  }

  async getRange(name: string, at: number, length: number): Promise<Buffer | undefined> {
    return this.#read(name, (file) => file.read(length, at))
  }

  async remove(name: string): Promise<void> {
    await this.disk.remove(this.#path(name)).catch((error) => {
      if (codeOf(error) !== 'ENOENT') throw error
    })
  }

  async list(prefix: string): Promise<readonly string[]> {
    const names: string[] = []
    await this.#walk(folderOf(prefix), prefix, names)
    return names.sort(byCodePoint)
  }

  async size(name: string): Promise<number | undefined> {
    return this.disk.size(this.#path(name))
  }

  async localPath(name: string): Promise<string> {
    const path = this.#path(name)
    if ((await this.disk.size(path)) === undefined) throw new RangeError(`no object ${name}`)
    return this.disk.localPath(path)
  }

  /** The path is the object's own file: there is no copy to let go. */
  async forgetLocal(name: string): Promise<void> {
    this.#path(name)
  }

  #path(name: string): string {
    return this.#root + checkedObjectName(name)
  }

  async #read(name: string, run: (file: DiskFile) => Promise<Buffer>): Promise<Buffer | undefined> {
    const path = this.#path(name)
    let file: DiskFile
    try {
      file = await this.disk.open(path, 'read')
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined
      throw error
    }
    try {
      return await run(file)
    } finally {
      await file.close()
    }
  }

  async #walk(folder: string, prefix: string, names: string[]): Promise<void> {
    const above = folder === '' ? '' : `${folder}/`
    for (const entry of await this.disk.list((this.#root + folder).replace(/\/$/, ''))) {
      const name = above + entry
      if (entry.startsWith('.')) continue
      if (!entry.endsWith('/')) {
        if (name.startsWith(prefix)) names.push(name)
      } else if (name.startsWith(prefix) || prefix.startsWith(name)) {
        await this.#walk(name.slice(0, -1), prefix, names)
      }
    }
  }

  async #makeFolder(path: string): Promise<void> {
    if (this.#folders.has(path)) return
    await this.disk.makeFolder(path)
    this.#folders.add(path)
  }

  /** A new synced file with the bytes of `body`; nothing stays where that fails. */
  async #writeTemporary(body: Uint8Array | AsyncIterable<Uint8Array>): Promise<string> {
    const { path, file } = await this.#createTemporary()
    try {
      try {
        await writeBody(file, body)
        await file.datasync()
      } finally {
        await file.close()
      }
    } catch (error) {
      await this.#forget(path)
      throw error
    }
    return path
  }

  /** Another store over the same folder (of a worker thread) counts too: a taken number is passed over. */
  async #createTemporary(): Promise<{ readonly path: string; readonly file: DiskFile }> {
    for (;;) {
      const path = `${this.#temporary}/${this.#temporaryCount++}`
      try {
        return { path, file: await this.disk.open(path, 'create') }
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') throw error
      }
    }
  }

  /** Best effort: what stays is removed when the store is opened next. */
  async #forget(path: string): Promise<void> {
    await this.disk.remove(path).catch(() => undefined)
  }
}

async function writeBody(file: DiskFile, body: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
  if (body instanceof Uint8Array) return file.write(body, 0)
  let at = 0
  let gathered: Uint8Array[] = []
  let gatheredBytes = 0
  const flush = async () => {
    await file.write(gathered.length === 1 && gathered[0] ? gathered[0] : Buffer.concat(gathered), at)
    at += gatheredBytes
    gathered = []
    gatheredBytes = 0
  }
  for await (const chunk of body) {
    // A copy: the source may fill the same buffer again for its next chunk.
    gathered.push(chunk.length < writeChunkBytes ? Uint8Array.from(chunk) : chunk)
    gatheredBytes += chunk.length
    if (gatheredBytes >= writeChunkBytes) await flush()
  }
  if (gatheredBytes > 0) await flush()
}

function codeOf(error: unknown): string | undefined {
  return error instanceof DiskError ? error.code : undefined
}
