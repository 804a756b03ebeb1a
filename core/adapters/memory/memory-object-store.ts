/** Objects in memory: for tests, and as the plainest statement of what the port promises. */
import type { ObjectStore } from '../../ports/object-store.ts'
import { byCodePoint } from '../disk-path.ts'
import { checkedObjectName } from '../object-name.ts'
import { TempFiles } from './temp-files.ts'

export interface MemoryObjectStore extends ObjectStore {
  /** Removes the files that `localPath` made. */
  cleanup(): Promise<void>
}

/** An empty store. */
export function memoryObjectStore(): MemoryObjectStore {
  const objects = new Map<string, Buffer>()
  const temp = new TempFiles()
  return {
    async put(name, body) {
      const checked = checkedObjectName(name)
      objects.set(checked, await collected(body))
    },
    async putIfAbsent(name, body) {
      if (objects.has(checkedObjectName(name))) return false
      objects.set(name, Buffer.from(body))
      return true
    },
    async get(name) {
      const found = objects.get(checkedObjectName(name))
      return found && Buffer.from(found)
    },
    async getRange(name, at, length) {
      const found = objects.get(checkedObjectName(name))
      return found && Buffer.from(found.subarray(at, at + length))
    },
    async remove(name) {
      objects.delete(checkedObjectName(name))
    },
    async list(prefix) {
      return [...objects.keys()].filter((name) => name.startsWith(prefix)).sort(byCodePoint)
    },
    async size(name) {
      return objects.get(checkedObjectName(name))?.length
    },
    async localPath(name) {
      const found = objects.get(checkedObjectName(name))
      if (!found) throw new RangeError(`no object ${name}`)
      return temp.materialise(name, found)
    },
    // Copies stay until `cleanup`: each `localPath` made one of its own.
    async forgetLocal(name) {
      checkedObjectName(name)
    },
    cleanup: () => temp.cleanup(),
  }
}

async function collected(body: Uint8Array | AsyncIterable<Uint8Array>): Promise<Buffer> {
  if (body instanceof Uint8Array) return Buffer.from(body)
  const chunks: Buffer[] = []
  for await (const chunk of body) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}
