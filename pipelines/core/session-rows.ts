/**
 * The rows of a session window that has a longest length, one state for each of their times: a row that comes before the
 * first moves the cut, so rows on the one side of it may belong to the other. With these the result is the same in
 * whatever order rows come. The price is a state for each time instead of one for the window.
 */
import type { WindowAggregate } from './window-operator-options.ts'

/** Counted for a time beside its state. */
export const timeOverheadBytes = 64

type Folding<S> = Pick<WindowAggregate<unknown, S, unknown, unknown>, 'create' | 'merge' | 'size'>

/** Rows of one time. */
export interface TimeRows<S> {
  readonly time: number
  /** Where the rows' own windows end: the furthest. */
  reach: number
  count: number
  state: S
}

export interface SessionRows<S> {
  /** Rising by time. */
  readonly times: TimeRows<S>[]
  /** So many of them, from the first, are in the window's own state. */
  folded: number
  bytes: number
}

export function noSessionRows<S>(): SessionRows<S> {
  return { times: [], folded: 0, bytes: 0 }
}

/** The place of the first time at or behind this one. */
export function placeOfTime<S>(times: readonly TimeRows<S>[], time: number): number {
  let [low, high] = [0, times.length]
  if (high === 0 || (times[high - 1] as TimeRows<S>).time < time) return high
  while (low < high) {
    const middle = (low + high) >> 1
    if ((times[middle] as TimeRows<S>).time < time) low = middle + 1
    else high = middle
  }
  return low
}

/** Adds a row. True where it stands among the folded ones, so that the window's state has to take it as well. */
export function addSessionRow<R, S>(
  rows: SessionRows<S>,
  at: { readonly time: number; readonly reach: number; readonly row: R },
  of: WindowAggregate<R, S, unknown, unknown>,
): boolean {
  const { times } = rows
  const place = placeOfTime(times, at.time)
  let found = times[place]
  if (found === undefined || found.time !== at.time) {
    found = { time: at.time, reach: at.reach, count: 0, state: of.create() }
    // Rows come nearly in order, and to append costs a fraction of making room.
    if (place === times.length) times.push(found)
    else times.splice(place, 0, found)
    rows.bytes += timeOverheadBytes
    if (place < rows.folded) rows.folded += 1
  } else {
    rows.bytes -= of.size(found.state)
    if (at.reach > found.reach) found.reach = at.reach
  }
  found.state = of.add(found.state, at.row)
  found.count += 1
  rows.bytes += of.size(found.state)
  return place < rows.folded
}

/** The window's state with what was not yet folded into it. */
export function foldSessionRows<S>(rows: SessionRows<S>, state: S, of: Folding<S>): S {
  let folded = state
  for (; rows.folded < rows.times.length; rows.folded++) {
    folded = of.merge(folded, (rows.times[rows.folded] as TimeRows<S>).state)
  }
  return folded
}

/** Takes the first `count` times away. What is left is not folded. */
export function takeSessionRows<S>(rows: SessionRows<S>, count: number, of: Folding<S>): SessionRows<S> {
  const times = rows.times.splice(0, count)
  const bytes = times.reduce((sum, { state }) => sum + of.size(state) + timeOverheadBytes, 0)
  rows.bytes -= bytes
  rows.folded = 0
  return { times, folded: 0, bytes }
}

/** Puts rows behind the others, unfolded; their times are all later. */
export function appendSessionRows<S>(rows: SessionRows<S>, later: SessionRows<S>): void {
  for (const time of later.times) rows.times.push(time)
  rows.bytes += later.bytes
}

/** The furthest reach of rows that are there. */
export function furthestReach<S>({ times }: SessionRows<S>): number {
  return times.reduce((furthest, { reach }) => Math.max(furthest, reach), Number.NEGATIVE_INFINITY)
}

export function countRows<S>({ times }: SessionRows<S>): number {
  return times.reduce((sum, { count }) => sum + count, 0)
}
