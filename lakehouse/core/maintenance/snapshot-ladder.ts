/**
 * Which snapshots are kept for their age: all of the last day, of the days before one an hour, and in the end one a day.
 * Pure; what else must stay (pinned, read, needed) the caller says.
 */
import { dayMs, hourMs } from '../../../core/event-time.ts'
import type { SnapshotInfo } from '../../../core/ports/lake.ts'

/** Ages, ms: a snapshot stays where one of the three keeps it. */
export interface SnapshotLadder {
  /** All snapshots younger than this. */
  readonly allMs: number
  /** Of those younger than this the newest of each hour. */
  readonly hourlyMs: number
  /** Of those younger than this the newest of each UTC day; none that are older. */
  readonly dailyMs: number
}

/** A snapshot a day is some 700 bytes in every metadata file; who needs one for longer pins it. */
export const defaultSnapshotLadder: SnapshotLadder = { allMs: dayMs, hourlyMs: 7 * dayMs, dailyMs: 400 * dayMs }

export interface ExpiryQuestion {
  /** Newest first. */
  readonly snapshots: readonly SnapshotInfo[]
  readonly now: number
  readonly ladder: SnapshotLadder
  /** Ids that stay whatever their age. */
  readonly kept: ReadonlySet<string>
  /** Only snapshots older than this one go: from it on readers, writers and searches of the history may come by. */
  readonly before: string
  /** Whether the lake can take out any, or only all up to one. */
  readonly expires: 'each' | 'oldest'
}

/** Ids, oldest first. None where `before` is not among the snapshots. */
export function expirable(question: ExpiryQuestion): readonly string[] {
  const { snapshots, ladder, kept, now, expires } = question
  const boundary = snapshots.findIndex(({ id }) => id === question.before)
  if (boundary < 0) return []
  const older = snapshots.slice(boundary + 1)
  const goes = expires === 'each' ? offTheLadder(snapshots, ladder, now) : tooOld(older, ladder, now)
  const going = older.filter(({ id }) => goes.has(id) && !kept.has(id)).map(({ id }) => id)
  return expires === 'each' ? going.reverse() : oldestWithoutGap(snapshots, going)
}

/** Of `going`, those that no snapshot which stays is older than; oldest first. */
export function oldestWithoutGap(snapshots: readonly SnapshotInfo[], going: readonly string[]): readonly string[] {
  const wanted = new Set(going)
  const found: string[] = []
  for (const { id } of [...snapshots].reverse()) {
    if (!wanted.has(id)) break
    found.push(id)
  }
  return found
}

function offTheLadder(snapshots: readonly SnapshotInfo[], ladder: SnapshotLadder, now: number): ReadonlySet<string> {
  const rungs = new Set<string>()
  const off = new Set<string>()
  for (const { id, at } of snapshots) {
    const age = now - at
    if (age < ladder.allMs) continue
    const isHourly = age < ladder.hourlyMs
    const rung = isHourly ? `hour ${Math.floor(at / hourMs)}` : `day ${Math.floor(at / dayMs)}`
    if ((!isHourly && age >= ladder.dailyMs) || rungs.has(rung)) off.add(id)
    rungs.add(rung)
  }
  return off
}

// A lake that cannot keep single ones keeps all for as long as the ladder has rungs of an hour, and a day more.
function tooOld(snapshots: readonly SnapshotInfo[], ladder: SnapshotLadder, now: number): ReadonlySet<string> {
  const keptMs = ladder.hourlyMs + ladder.allMs
  return new Set(snapshots.filter(({ at }) => now - at >= keptMs).map(({ id }) => id))
}
