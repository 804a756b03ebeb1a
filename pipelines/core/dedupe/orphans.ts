/**
 * What a crash left: segments that were written for a checkpoint which was never committed, and obsolete ones that were
 * not removed any more. Only objects numbered below the committed checkpoint's next are judged: whoever went on from this
 * checkpoint or a later one numbers from there, so a worker that lost its partition and does not know it yet can never
 * remove what the new owner needs. What has a higher number waits until a later start.
 */
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import { decodeState } from './checkpoint-format.ts'
import { folderOf } from './dedupe-state.ts'

/**
 * Removes them; returns their names. `saved` is of the last committed checkpoint.
 * @throws CorruptCheckpointError
 */
export async function removeOrphans(options: {
  readonly objects: ObjectStore
  readonly prefix: string
  readonly saved: Uint8Array | null
}): Promise<readonly string[]> {
  const { objects, saved } = options
  if (saved === null) return []
  const folder = folderOf(options.prefix)
  const { segments, nextObject } = decodeState(`${folder}(checkpoint)`, saved)
  const named = new Set(segments.map(({ name }) => name))
  const removed: string[] = []
  for (const object of await objects.list(folder)) {
    const name = object.slice(folder.length)
    if (named.has(name) || !(Number.parseInt(name, 10) < nextObject)) continue
    await objects.remove(object)
    removed.push(object)
  }
  return removed
}
