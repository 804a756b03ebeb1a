/**
 * Whether a snapshot can be rerun from, and which publications it holds. Decided from the list of a table's snapshots,
 * where parents may be missing: expiry keeps some and takes those between.
 */
import type { SnapshotInfo } from '../../../core/ports/lake.ts'

/** `ancestor`: the table is at it, or came from it. `left`: a rollback took the table away from it. */
export type SnapshotStanding = 'ancestor' | 'left' | 'unknown'

/**
 * `snapshots`: the one that the table is at first. Where expired ones are missing between the table and the snapshot, it
 * counts as an ancestor unless something that follows the same one came after it: only a rollback leaves two.
 */
export function standingOf(snapshots: readonly SnapshotInfo[], id: string): SnapshotStanding {
  const byId = new Map(snapshots.map((snapshot) => [snapshot.id, snapshot]))
  const [current] = snapshots
  const asked = byId.get(id)
  if (current === undefined || asked === undefined) return 'unknown'
  const trunk = new Set(lineOf(byId, current).map((each) => each.id))
  if (trunk.has(id)) return 'ancestor'
  const line = lineOf(byId, asked)
  // Branches off what the table came from: left.
  if (line.some((each) => each.parent !== null && trunk.has(each.parent))) return 'left'
  const oldest = byId.get([...trunk].at(-1) ?? '')
  // The table's line is known to its beginning, or begins before this one: it is not on it.
  if (oldest === undefined || oldest.parent === null || oldest.at < asked.at) return 'left'
  const forked = line.some((each) =>
    snapshots.some((other) => other.id !== each.id && each.parent !== null && isLaterSibling(other, each)),
  )
  return forked ? 'left' : 'ancestor'
}

/**
 * The newest publication that the snapshot holds, as the history tells; undefined where it does not: snapshots between are
 * gone, or the lake notes none. 0: the history is whole and names none.
 */
export function publishAt(snapshots: readonly SnapshotInfo[], id: string): number | undefined {
  const byId = new Map(snapshots.map((snapshot) => [snapshot.id, snapshot]))
  const asked = byId.get(id)
  if (asked === undefined || snapshots.every(({ publish }) => publish === null)) return undefined
  const line = lineOf(byId, asked)
  const named = line.find(({ publish }) => publish !== null)
  if (named !== undefined) return named.publish ?? undefined
  return line.at(-1)?.parent === null ? 0 : undefined
}

/** From `from` back as far as the list goes, newest first. */
function lineOf(byId: ReadonlyMap<string, SnapshotInfo>, from: SnapshotInfo): readonly SnapshotInfo[] {
  const line: SnapshotInfo[] = []
  const seen = new Set<string>()
  for (let at: SnapshotInfo | undefined = from; at !== undefined && !seen.has(at.id); ) {
    seen.add(at.id)
    line.push(at)
    at = at.parent === null ? undefined : byId.get(at.parent)
  }
  return line
}

function isLaterSibling(other: SnapshotInfo, each: SnapshotInfo): boolean {
  return other.parent === each.parent && other.at > each.at
}
