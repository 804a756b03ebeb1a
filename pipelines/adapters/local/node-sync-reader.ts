/**
 * Reads files synchronously by descriptors that stay open, at most `maxOpen`, the longest unused closed first. Meant for
 * immutable files that are mostly in the page cache; a read that is not blocks the thread for one disk access.
 */
import { closeSync, openSync, readSync } from 'node:fs'
import type { SyncReader } from '../../core/dedupe/sync-reader.ts'

export const openFilesMax = 256

export interface NodeSyncReader extends SyncReader {
  readonly open: number
  close(): void
}

export function nodeSyncReader(options: { readonly maxOpen?: number } = {}): NodeSyncReader {
  const maxOpen = options.maxOpen ?? openFilesMax
  // A Map keeps the order of insertion: the first is the longest unused.
  const descriptors = new Map<string, number>()
  function forget(path: string): void {
    const descriptor = descriptors.get(path)
    if (descriptor === undefined) return
    descriptors.delete(path)
    closeSync(descriptor)
  }
  function descriptorOf(path: string): number {
    const known = descriptors.get(path)
    if (known !== undefined) {
      descriptors.delete(path)
      descriptors.set(path, known)
      return known
    }
    for (const oldest of descriptors.keys()) {
      if (descriptors.size < maxOpen) break
      forget(oldest)
    }
    const opened = openSync(path, 'r')
    descriptors.set(path, opened)
    return opened
  }
  return {
    get open() {
      return descriptors.size
    },
    readAt: (path, into, at) => readSync(descriptorOf(path), into, 0, into.length, at),
    forget,
    close() {
      for (const path of [...descriptors.keys()]) forget(path)
    },
  }
}
