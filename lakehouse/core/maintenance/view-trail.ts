/**
 * What readers of each table were seen to read, and since when. A snapshot that readers have left is needed for a while:
 * queries under way hold it, and so do readers who go by ranges they asked for before. What was behind the view already when
 * that view was first seen, so long ago, is held by nobody.
 */
import { derivedRangesHoldMs } from '../../../core/ports/maintenance-store.ts'
import type { TableName } from '../../../core/tables.ts'

/** Above the longest that a query may run. */
export const longestQueryMs = 10 * 60_000
/** How long a snapshot that readers have left stays for them. */
export const leftSnapshotHoldMs = derivedRangesHoldMs + longestQueryMs

/** Views of a table that are remembered; of more, every other of those in between is forgotten, which only keeps snapshots longer. */
export const viewsRememberedMax = 64

interface Seen {
  readonly snapshot: string
  /** On the monotonic clock. */
  readonly at: number
}

export interface ViewTrail {
  /** Readers of the table read this snapshot at `now` (monotonic, ms). */
  seen(table: TableName, snapshot: string, now: number): void
  /** The same, at a moment before which nobody read the table: what the snapshot replaced, nobody holds. */
  first(table: TableName, snapshot: string): void
  /** The newest view seen so long ago that nobody holds what it had replaced; undefined where none was. */
  settled(table: TableName, now: number): string | undefined
}

export function createViewTrail(): ViewTrail {
  /** Oldest first. */
  const trail = new Map<TableName, readonly Seen[]>()

  return {
    seen(table, snapshot, now) {
      const before = trail.get(table) ?? []
      if (before.at(-1)?.snapshot === snapshot) return
      const settled = before.findLastIndex(({ at }) => now - at >= leftSnapshotHoldMs)
      const views = [...before.slice(Math.max(0, settled)), { snapshot, at: now }]
      const last = views.length - 1
      trail.set(
        table,
        views.length > viewsRememberedMax ? views.filter((_view, n) => n === 0 || n === last || n % 2 === 1) : views,
      )
    },
    first(table, snapshot) {
      trail.set(table, [{ snapshot, at: Number.NEGATIVE_INFINITY }])
    },
    settled(table, now) {
      return trail.get(table)?.findLast(({ at }) => now - at >= leftSnapshotHoldMs)?.snapshot
    },
  }
}
