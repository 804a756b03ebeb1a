/**
 * The disk of one machine: a `MemoryDisk` whose operations wait to be chosen, that a power cut tears, and whose bytes can
 * be damaged under a program's feet.
 */
import { type DiskOperation, MemoryDisk } from '../../core/adapters/memory/memory-disk.ts'
import type { Disk, DiskFile } from '../../core/ports/disk.ts'
import type { SimProcess } from './process.ts'
import type { Draw } from './random.ts'
import type { Fate } from './schedule.ts'

/** Fates beside death: a disk's own failures are `DiskFault`s, for a write that fails leaves half of it. */
const fates: readonly Fate[] = []

/** Met by the first operation of its kind. */
export interface DiskFault {
  readonly kind: DiskOperation['kind']
  readonly code: 'EIO' | 'ENOSPC'
}

export class SimDisk {
  memory: MemoryDisk
  readonly faults: DiskFault[] = []
  /** Bits that were turned in bytes that had been synced: none of them may ever be served. */
  readonly flips: { readonly path: string; readonly at: number; readonly bit: number }[] = []
  /** Files that were put right last. */
  #healed: readonly string[] = []

  constructor() {
    this.memory = this.#watched(new MemoryDisk())
  }

  #watched(disk: MemoryDisk): MemoryDisk {
    disk.fault = ({ kind }) => {
      const at = this.faults.findIndex((fault) => fault.kind === kind)
      return at < 0 ? undefined : this.faults.splice(at, 1)[0]?.code
    }
    return disk
  }

  /** As `process` reaches it. Files that are open when the machine loses power are those of the disk before. */
  for(process: SimProcess): Disk {
    const { memory } = this
    const ask = <T>(method: string, act: () => Promise<T>) => process.ask('disk', method, fates, act)
    return {
      open: async (path, mode) => file(ask, await ask('open', () => memory.open(path, mode))),
      rename: (from, to) => ask('rename', () => memory.rename(from, to)),
      link: (from, to) => ask('link', () => memory.link(from, to)),
      remove: (path) => ask('remove', () => memory.remove(path)),
      list: (folder) => ask('list', () => memory.list(folder)),
      makeFolder: (folder) => ask('makeFolder', () => memory.makeFolder(folder)),
      syncFolder: (folder) => ask('syncFolder', () => memory.syncFolder(folder)),
      size: (path) => ask('size', () => memory.size(path)),
      space: () => ask('space', () => memory.space()),
      localPath: (path) => memory.localPath(path),
    }
  }

  /** The machine loses power: what was not synced is kept or lost sector by sector, and may come back damaged. */
  async powerCut(draw: Draw, folder: string): Promise<string> {
    const synced = this.memory.crash('drop')
    const left = this.memory.crash({ seed: draw.below(2 ** 31) })
    let torn = 'torn'
    for (const name of await left.list(folder)) {
      const path = `${folder}/${name}`
      const from = await synced.size(path)
      const to = (await left.size(path)) ?? 0
      // Where only the name was not synced, the bytes may have been.
      if (from !== undefined && to > from && draw.oneIn(2)) {
        await flipBit(left, path, draw.between(from, to - 1), draw.below(8))
        torn = `torn and damaged in ${name}`
      }
    }
    this.memory = this.#watched(left)
    return torn
  }

  /** Turns one bit of a file; `heal` turns it back. */
  async damage(path: string, at: number, bit: number): Promise<void> {
    this.flips.push({ path, at, bit })
    await flipBit(this.memory, path, at, bit)
  }

  /** Whether damage is what an error may be of: of now, or of a file that was put right after it had been read. */
  explains(error: unknown): boolean {
    return this.flips.length > 0 || this.#healed.some((path) => String(error).includes(path))
  }

  async heal(): Promise<void> {
    const flips = this.flips.splice(0)
    if (flips.length > 0) this.#healed = flips.map(({ path }) => path)
    for (const { path, at, bit } of flips) {
      if ((await this.memory.size(path)) !== undefined) await flipBit(this.memory, path, at, bit)
    }
  }

  /** Whoever runs now has read what is right: no error is of what was damaged once. */
  forget(): void {
    this.#healed = []
  }
}

function file(ask: <T>(method: string, act: () => Promise<T>) => Promise<T>, open: DiskFile): DiskFile {
  return {
    write(bytes, at) {
      // Whoever calls may use its buffer again once it is told something.
      const taken = Buffer.from(bytes)
      return ask('write', () => open.write(taken, at))
    },
    read: (length, at) => ask('read', () => open.read(length, at)),
    truncate: (size) => ask('truncate', () => open.truncate(size)),
    datasync: () => ask('datasync', () => open.datasync()),
    size: () => ask('size', () => open.size()),
    close: () => open.close(),
  }
}

async function flipBit(disk: MemoryDisk, path: string, at: number, bit: number): Promise<void> {
  const { fault, capacityBytes } = disk
  disk.fault = undefined
  disk.resize(1024 ** 4)
  const open = await disk.open(path, 'write')
  const [byte] = await open.read(1, at)
  await open.write(Buffer.of((byte ?? 0) ^ (1 << bit)), at)
  await open.datasync()
  await open.close()
  disk.fault = fault
  disk.resize(capacityBytes)
}
