/**
 * One file of the memory disk: what programs see (the page cache) and what is on the platter, apart. Between them lie
 * the operations since the last sync, in order, each of which a crash may keep or lose, a write sector by sector.
 */

/** A disk writes sectors of this size whole or not at all; different sectors reach it in any order. */
export const sectorBytes = 512

type DirtyOperation =
  /** Whole sectors as they stood in the cache after the write, from a sector boundary on. */
  | { readonly kind: 'write'; readonly at: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly size: number }

/** Decides, for each unsynced thing in turn, whether it survives a crash. */
export type Survival = () => boolean

export class MemoryInode {
  #seen = new GrowingBytes()
  #durable = new GrowingBytes()
  #dirty: DirtyOperation[] = []

  get size(): number {
    return this.#seen.size
  }

  read(length: number, at: number): Buffer {
    return Buffer.from(this.#seen.slice(at, at + length))
  }

  /** The bytes that are safe: what a crash that loses everything unsynced leaves. */
  durableBytes(): Buffer {
    return Buffer.from(this.#durable.slice(0, this.#durable.size))
  }

  write(bytes: Uint8Array, at: number): void {
    if (bytes.length === 0) return
    this.#seen.write(bytes, at)
    const from = at - (at % sectorBytes)
    const end = at + bytes.length
    const to = Math.min(this.#seen.size, end + ((sectorBytes - (end % sectorBytes)) % sectorBytes))
    this.#dirty.push({ kind: 'write', at: from, bytes: Buffer.from(this.#seen.slice(from, to)) })
  }

  truncate(size: number): void {
    this.#seen.resize(size)
    this.#dirty.push({ kind: 'truncate', size })
  }

  datasync(): void {
    for (const operation of this.#dirty) apply(this.#durable, operation, () => true)
    this.#dirty = []
  }

  /**
   * What Linux does when writeback fails: the pages count as clean. They are seen until the machine stops, the next
   * datasync says yes, and they are on no disk.
   */
  failDatasync(): void {
    this.#dirty = []
  }

  /** The file as a crash leaves it: all of it on the platter, nothing pending. */
  afterCrash(survives: Survival): MemoryInode {
    const left = new MemoryInode()
    left.#durable.write(this.#durable.slice(0, this.#durable.size), 0)
    for (const operation of this.#dirty) apply(left.#durable, operation, survives)
    left.#seen.write(left.#durable.slice(0, left.#durable.size), 0)
    return left
  }
}

function apply(target: GrowingBytes, operation: DirtyOperation, survives: Survival): void {
  if (operation.kind === 'truncate') {
    if (survives()) target.resize(operation.size)
    return
  }
  const { at, bytes } = operation
  // The new length is metadata and may be on disk without the data: the file then ends in zeros.
  if (at + bytes.length > target.size && survives()) target.resize(at + bytes.length)
  for (let from = 0; from < bytes.length; from += sectorBytes) {
    if (survives()) target.write(bytes.subarray(from, from + sectorBytes), at + from)
  }
}

class GrowingBytes {
  #bytes = Buffer.alloc(0)
  size = 0

  slice(from: number, to: number): Buffer {
    return this.#bytes.subarray(Math.min(from, this.size), Math.min(to, this.size))
  }

  write(bytes: Uint8Array, at: number): void {
    if (at + bytes.length > this.size) this.resize(at + bytes.length)
    this.#bytes.set(bytes, at)
  }

  /** Bytes gained are zeros. */
  resize(size: number): void {
    if (size > this.#bytes.length) {
      const grown = Buffer.alloc(Math.max(size, this.#bytes.length * 2))
      this.#bytes.copy(grown, 0, 0, this.size)
      this.#bytes = grown
    } else if (size < this.size) {
      this.#bytes.fill(0, size, this.size)
    }
    this.size = size
  }
}
