/**
 * Which segments become one: few objects, and every entry written few times. While an hour is open, segments merge like
 * the digits of a number: `fanout` of one level make one of the next (tiered compaction, as in log-structured merge trees,
 * O'Neil et al. 1996), so an entry is written about log(n) times. What is left of a closed hour is joined from its newest
 * and smallest end. Nothing larger than `maxEntries` is made, which bounds how long one merge takes; and segments of two
 * hours never merge, so that an hour's entries go together when they expire.
 */
export interface MergeLimits {
  readonly fanout: number
  readonly maxEntries: number
}

export interface Mergeable {
  readonly level: number
  readonly count: number
  /** Number of the hour (of a 24 h window; a 24th of any other) that holds its newest entry. */
  readonly hour: number
}

/** The run [from, to) of `segments`, oldest first, to merge next; undefined where there is nothing to do. */
export function pickMerge(
  segments: readonly Mergeable[],
  openHour: number,
  limits: MergeLimits,
): { readonly from: number; readonly to: number } | undefined {
  let to = segments.length
  while (to > 0) {
    const from = hourStart(segments, to)
    const hour = segments[to - 1]?.hour
    const run = hour === openHour ? fullLevel(segments, from, to, limits) : anyRun(segments, from, to, limits)
    if (run !== undefined) return run
    to = from
  }
  return undefined
}

function hourStart(segments: readonly Mergeable[], to: number): number {
  let from = to - 1
  while (from > 0 && segments[from - 1]?.hour === segments[to - 1]?.hour) from -= 1
  return from
}

function fullLevel(segments: readonly Mergeable[], first: number, end: number, { fanout, maxEntries }: MergeLimits) {
  for (let to = end; to - first >= fanout; to--) {
    const run = segments.slice(to - fanout, to)
    if (run.every(({ level }) => level === run[0]?.level) && entriesOf(run) <= maxEntries)
      return { from: to - fanout, to }
  }
  return undefined
}

function anyRun(segments: readonly Mergeable[], first: number, end: number, { fanout, maxEntries }: MergeLimits) {
  for (let to = end; to - first >= 2; to--) {
    let from = to
    let entries = 0
    while (from > first && to - from < fanout) {
      entries += segments[from - 1]?.count ?? 0
      if (entries > maxEntries) break
      from -= 1
    }
    if (to - from >= 2) return { from, to }
  }
  return undefined
}

function entriesOf(run: readonly Mergeable[]): number {
  return run.reduce((sum, { count }) => sum + count, 0)
}
