/**
 * The port Disk over this machine's file system, below one folder. Exclusive creation is O_EXCL, `datasync` is
 * fdatasync(2), `syncFolder` is fsync(2) of the folder's own file. Callback functions over a descriptor rather than
 * FileHandle: the log's write and sync are on the path of every hit, and a FileHandle costs two promises more.
 */
import * as fs from 'node:fs'
import { promises as files } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Disk, DiskError, type DiskFile } from '../../ports/disk.ts'
import { byCodePoint, checkedDiskPath, folderOf } from '../disk-path.ts'

const openFlags = {
  create: fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL,
  read: fs.constants.O_RDONLY,
  write: fs.constants.O_RDWR,
} as const

/** A disk whose root is the folder `root`, which exists. A path that leaves it is refused with `EINVAL`. */
export function nodeDisk(root: string): Disk {
  const base = resolve(root)
  const at = (path: string) => join(base, checkedDiskPath(path))

  async function syncFolder(folder: string): Promise<void> {
    await translated(folder, async () => {
      const handle = await files.open(at(folder), fs.constants.O_RDONLY)
      try {
        await handle.sync()
      } finally {
        await handle.close()
      }
    })
  }

  return {
    open: (path, mode) =>
      new Promise((done, failed) => {
        fs.open(at(path), openFlags[mode], 0o640, (error, descriptor) =>
          error ? failed(diskError(error, path)) : done(new NodeFile(path, descriptor)),
        )
      }),
    rename: (from, to) => translated(from, () => files.rename(at(from), at(to))),
    link: (from, to) => translated(to, () => files.link(at(from), at(to))),
    remove: (path) => translated(path, () => files.unlink(at(path))),
    list: (folder) =>
      translated(folder, async () => {
        const entries = await files.readdir(at(folder), { withFileTypes: true }).catch(absentAs([]))
        return entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort(byCodePoint)
      }),
    async makeFolder(folder) {
      const path = checkedDiskPath(folder)
      if (path === '') return
      const above = folderOf(path)
      if (await missing(at(path))) await this.makeFolder(above)
      await translated(folder, () => files.mkdir(at(path), 0o750).catch(existsAs(undefined)))
      // Made by another caller at the same moment is as good, unless it is a file.
      if (!(await translated(folder, () => files.stat(at(path)))).isDirectory()) throw new DiskError('ENOTDIR', folder)
      await syncFolder(above)
    },
    syncFolder,
    size: (path) =>
      translated(path, async () => {
        const found = await files.stat(at(path)).catch(absentAs(undefined))
        return found?.isFile() ? found.size : undefined
      }),
    space: () =>
      translated('', async () => {
        const { bavail, blocks, bsize } = await files.statfs(base)
        return { free: bavail * bsize, total: blocks * bsize }
      }),
    localPath: async (path) => at(path),
  }
}

class NodeFile implements DiskFile {
  constructor(
    private readonly path: string,
    private readonly descriptor: number,
  ) {}

  write(bytes: Uint8Array, at: number): Promise<void> {
    return new Promise((done, failed) => {
      const step = (from: number) => {
        fs.write(this.descriptor, bytes, from, bytes.length - from, at + from, (error, written) => {
          if (error) failed(diskError(error, this.path))
          // write(2) may take a part, at a signal or at the last free block: the rest is asked for until it refuses.
          else if (from + written < bytes.length) step(from + written)
          else done()
        })
      }
      step(0)
    })
  }

  read(length: number, at: number): Promise<Buffer> {
    const target = Buffer.allocUnsafeSlow(length)
    return new Promise((done, failed) => {
      const step = (filled: number) => {
        fs.read(this.descriptor, target, filled, length - filled, at + filled, (error, count) => {
          if (error) failed(diskError(error, this.path))
          else if (count === 0 || filled + count === length) done(target.subarray(0, filled + count))
          else step(filled + count)
        })
      }
      if (length === 0) done(target)
      else step(0)
    })
  }

  truncate(size: number): Promise<void> {
    return this.#call((done) => fs.ftruncate(this.descriptor, size, done))
  }

  datasync(): Promise<void> {
    return this.#call((done) => fs.fdatasync(this.descriptor, done))
  }

  size(): Promise<number> {
    return new Promise((done, failed) => {
      fs.fstat(this.descriptor, (error, found) => (error ? failed(diskError(error, this.path)) : done(found.size)))
    })
  }

  close(): Promise<void> {
    return this.#call((done) => fs.close(this.descriptor, done))
  }

  #call(run: (done: (error: NodeJS.ErrnoException | null) => void) => void): Promise<void> {
    return new Promise((done, failed) => {
      run((error) => (error ? failed(diskError(error, this.path)) : done()))
    })
  }
}

async function translated<T>(path: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    throw diskError(error, path)
  }
}

function diskError(error: unknown, path: string): unknown {
  const code = codeOf(error)
  if (error instanceof DiskError || code === undefined) return error
  // A file where the path has a folder: there is no such file, as in an object store, which has no folders.
  return new DiskError(code === 'ENOTDIR' ? 'ENOENT' : code, path, { cause: error })
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code
}

async function missing(path: string): Promise<boolean> {
  return files.stat(path).then(() => false, absentAs(true))
}

/** A handler that gives `value` where nothing is there, and passes every other error on. */
function absentAs<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return value
    throw error
  }
}

function existsAs<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (codeOf(error) === 'EEXIST') return value
    throw error
  }
}
