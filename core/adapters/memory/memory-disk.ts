/**
 * A disk in memory with the failures of a real one, for tests that enumerate crashes: bytes and names that were not synced
 * are kept apart from those that were, `crash` gives the disk a power cut would leave, and any operation can be made to
 * fail, or to be the last. Only operations that change something are counted; every one takes a turn of the microtask
 * queue, so concurrent callers interleave as they do on a real disk.
 */
import { type Disk, DiskError, type DiskFile } from '../../ports/disk.ts'
import { checkedDiskPath } from '../disk-path.ts'
import { MemoryFolders } from './memory-folders.ts'
import { MemoryInode, type Survival } from './memory-inode.ts'
import { seededRandom } from './seeded-random.ts'
import { TempFiles } from './temp-files.ts'

/**
 * What survives of that which was not synced: nothing; everything; the names but no bytes (files of zero length, the
 * classic of a rename without a sync); the bytes but no names; or a subset drawn by the seed, bytes by sector.
 */
export type CrashPolicy = 'drop' | 'keep' | 'names' | 'bytes' | { readonly seed: number }

export interface DiskOperation {
  /** The first operation of a disk is 1. */
  readonly number: number
  readonly kind:
    | 'create'
    | 'write'
    | 'truncate'
    | 'datasync'
    | 'rename'
    | 'link'
    | 'remove'
    | 'makeFolder'
    | 'syncFolder'
  readonly path: string
}

export interface MemoryDiskOptions {
  /** Size of the file system; a write beyond it fails with ENOSPC. */
  readonly capacityBytes?: number
}

/** Code of the error that every operation gives from the one on that `stopAt` named. */
export const stoppedCode = 'ESTOPPED'

export class MemoryDisk implements Disk {
  /** Decides for every operation whether it fails, and with which code. Undefined: it does not. */
  fault: ((operation: DiskOperation) => string | undefined) | undefined
  #names = new MemoryFolders()
  #operations = 0
  #stopAt = Number.POSITIVE_INFINITY
  #capacityBytes: number
  readonly #temp = new TempFiles()

  constructor(options: MemoryDiskOptions = {}) {
    this.#capacityBytes = options.capacityBytes ?? 1024 ** 4
  }

  /** Operations asked for so far, failed ones included. */
  get operations(): number {
    return this.#operations
  }

  get capacityBytes(): number {
    return this.#capacityBytes
  }

  /** Makes the file system larger or smaller, as other programs' files would. */
  resize(capacityBytes: number): void {
    this.#capacityBytes = capacityBytes
  }

  /** Lets operation `number`, and no other, fail with `code`. */
  failAt(number: number, code: string): void {
    this.fault = (operation) => (operation.number === number ? code : undefined)
  }

  /** From operation `number` on nothing is done any more and every call fails: the machine stands still. Then `crash`. */
  stopAt(number: number): void {
    this.#stopAt = number
  }

  /** The disk as a power cut now would leave it; this one stays as it is. */
  crash(policy: CrashPolicy): MemoryDisk {
    const survival = survivalOf(policy)
    const left = new MemoryDisk({ capacityBytes: this.#capacityBytes })
    const inodes = new Map<MemoryInode, MemoryInode>()
    left.#names = this.#names.afterCrash(survival.names, (inode) => {
      const after = inodes.get(inode) ?? inode.afterCrash(survival.bytes)
      inodes.set(inode, after)
      return after
    })
    return left
  }

  async open(path: string, mode: 'create' | 'read' | 'write'): Promise<DiskFile> {
    const checked = checkedDiskPath(path)
    if (mode !== 'create') {
      await this.#turn()
      return this.#file(path, this.#names.inode(checked), mode)
    }
    await this.#operation('create', path)
    const inode = new MemoryInode()
    this.#names.add(checked, inode)
    return this.#file(path, inode, mode)
  }

  async rename(from: string, to: string): Promise<void> {
    const [source, target] = [checkedDiskPath(from), checkedDiskPath(to)]
    await this.#operation('rename', from)
    this.#names.rename(source, target)
  }

  async link(from: string, to: string): Promise<void> {
    const [source, target] = [checkedDiskPath(from), checkedDiskPath(to)]
    await this.#operation('link', to)
    this.#names.add(target, this.#names.inode(source))
  }

  async remove(path: string): Promise<void> {
    const checked = checkedDiskPath(path)
    await this.#operation('remove', path)
    this.#names.remove(checked)
  }

  async list(folder: string): Promise<readonly string[]> {
    const checked = checkedDiskPath(folder)
    await this.#turn()
    return this.#names.list(checked)
  }

  async makeFolder(folder: string): Promise<void> {
    const checked = checkedDiskPath(folder)
    await this.#operation('makeFolder', folder)
    this.#names.makeFolder(checked)
  }

  async syncFolder(folder: string): Promise<void> {
    const checked = checkedDiskPath(folder)
    await this.#operation('syncFolder', folder)
    this.#names.sync(checked)
  }

  async size(path: string): Promise<number | undefined> {
    const checked = checkedDiskPath(path)
    await this.#turn()
    return this.#names.find(checked)?.size
  }

  async space(): Promise<{ readonly free: number; readonly total: number }> {
    await this.#turn()
    return { free: Math.max(0, this.#capacityBytes - this.#used()), total: this.#capacityBytes }
  }

  async localPath(path: string): Promise<string> {
    const inode = this.#names.inode(checkedDiskPath(path))
    return this.#temp.materialise(path, inode.read(inode.size, 0))
  }

  /** Removes what `localPath` made. */
  cleanup(): Promise<void> {
    return this.#temp.cleanup()
  }

  #file(path: string, inode: MemoryInode, mode: 'create' | 'read' | 'write'): DiskFile {
    const mayWrite = () => {
      if (mode === 'read') throw new DiskError('EBADF', path)
    }
    return {
      write: async (bytes, at) => {
        mayWrite()
        const taken = Buffer.from(bytes)
        const gained = Math.max(0, at + taken.length - inode.size)
        const failure = await this.#failure('write', path)
        const code = failure ?? (gained > this.#capacityBytes - this.#used() ? 'ENOSPC' : undefined)
        if (code === undefined) return inode.write(taken, at)
        // "After a failure any part of it may be there": half of it is.
        if (code !== stoppedCode) inode.write(taken.subarray(0, taken.length >> 1), at)
        throw new DiskError(code, path)
      },
      read: async (length, at) => {
        await this.#turn()
        return inode.read(length, at)
      },
      truncate: async (size) => {
        mayWrite()
        await this.#operation('truncate', path)
        inode.truncate(size)
      },
      datasync: async () => {
        const code = await this.#failure('datasync', path)
        if (code === undefined) return inode.datasync()
        if (code !== stoppedCode) inode.failDatasync()
        throw new DiskError(code, path)
      },
      size: async () => {
        await this.#turn()
        return inode.size
      },
      close: () => this.#turn(),
    }
  }

  async #operation(kind: DiskOperation['kind'], path: string): Promise<void> {
    const code = await this.#failure(kind, path)
    if (code !== undefined) throw new DiskError(code, path)
  }

  /** Counts the operation, and gives the code it shall fail with. */
  async #failure(kind: DiskOperation['kind'], path: string): Promise<string | undefined> {
    const number = ++this.#operations
    const code = number >= this.#stopAt ? stoppedCode : this.fault?.({ number, kind, path })
    await this.#turn()
    return code
  }

  #turn(): Promise<void> {
    return Promise.resolve()
  }

  #used(): number {
    let bytes = 0
    for (const inode of this.#names.files()) bytes += inode.size
    return bytes
  }
}

function survivalOf(policy: CrashPolicy): { readonly names: Survival; readonly bytes: Survival } {
  const yes = () => true
  const no = () => false
  if (policy === 'drop') return { names: no, bytes: no }
  if (policy === 'keep') return { names: yes, bytes: yes }
  if (policy === 'names') return { names: yes, bytes: no }
  if (policy === 'bytes') return { names: no, bytes: yes }
  const random = seededRandom(policy.seed)
  const coin = () => random.below(2) === 1
  return { names: coin, bytes: coin }
}
