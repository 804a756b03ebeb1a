/** How snapshots of a table follow each other. */
import type { SnapshotInfo } from '../../../core/ports/lake.ts'

/** From `id` back to the child of `ancestor`, newest first; undefined where the chain does not lead there. */
export function descent(
  snapshots: readonly SnapshotInfo[],
  id: string,
  ancestor: string,
): readonly string[] | undefined {
  const parents = new Map(snapshots.map((snapshot) => [snapshot.id, snapshot.parent]))
  const found: string[] = []
  for (let at = id; at !== ancestor; ) {
    const parent = parents.get(at)
    if (typeof parent !== 'string' || found.length > snapshots.length) return undefined
    found.push(at)
    at = parent
  }
  return found
}
