/**
 * The rows of a session window that has a longest length, one state for each of their times: a row that comes before the
 * first moves the cut, so rows on the one side of it may belong to the other. With these the result is the same in
 * whatever order rows come. The price is a state for each time instead of one for the window.
 */
import type { WindowAggregate } from './window-operator-options.ts'

/** Counted for a time beside its state. */
export const timeOverheadBytes = 48

type Folding<S> = Pick<WindowAggregate<unknown, S, unknown, unknown>, 'create' | 'merge' | 'size'>

export interface SessionRows<S> {
  readonly times: number[]
  /** Where the rows' own windows end: the furthest. */
  readonly reaches: number[]
  readonly counts: number[]
  readonly states: S[]
  /** So many of them, from the first, are in the window's own state. */
  folded: number
  bytes: number
}

export function noSessionRows<S>(): SessionRows<S> {
  return { times: [], reaches: [], counts: [], states: [], folded: 0, bytes: 0 }
}

/** The place of the first time at or behind this one. */
export function placeOfTime(times: readonly number[], time: number): number {
  let [low, high] = [0, times.length]
  if (high === 0 || (times[high - 1] as number) < time) return high
  while (low < high) {
    const middle = (low + high) >> 1
    if ((times[middle] as number) < time) low = middle + 1
    else high = middle
  }
  return low
}

/** Adds a row. True where it stands among the folded ones, so that the window's state has to take it as well. */
export function addSessionRow<S>(
  rows: SessionRows<S>,
  time: number,
  reach: number,
  add: (state: S) => S,
  of: Folding<S>,
): boolean {
  const at = placeOfTime(rows.times, time)
  const isKnown = rows.times[at] === time
  if (isKnown) {
    rows.bytes -= of.size(rows.states[at] as S)
    rows.reaches[at] = Math.max(rows.reaches[at] as number, reach)
  } else {
    insertTime(rows, at, time, reach, of.create())
    if (at < rows.folded) rows.folded += 1
  }
  const state = add(rows.states[at] as S)
  rows.states[at] = state
  rows.counts[at] = (rows.counts[at] as number) + 1
  rows.bytes += of.size(state)
  return at < rows.folded
}

function insertTime<S>(rows: SessionRows<S>, at: number, time: number, reach: number, state: S): void {
  rows.bytes += timeOverheadBytes
  if (at === rows.times.length) {
    // Rows come nearly in order, and to append costs a fraction of making room.
    rows.times.push(time)
    rows.reaches.push(reach)
    rows.counts.push(0)
    rows.states.push(state)
    return
  }
  rows.times.splice(at, 0, time)
  rows.reaches.splice(at, 0, reach)
  rows.counts.splice(at, 0, 0)
  rows.states.splice(at, 0, state)
}

/** The window's state with what was not yet folded into it. */
export function foldSessionRows<S>(rows: SessionRows<S>, state: S, of: Folding<S>): S {
  let folded = state
  for (; rows.folded < rows.states.length; rows.folded++) folded = of.merge(folded, rows.states[rows.folded] as S)
  return folded
}

/** Takes the first `count` times away. What is left is not folded. */
export function takeSessionRows<S>(rows: SessionRows<S>, count: number, of: Folding<S>): SessionRows<S> {
  const taken: SessionRows<S> = {
    times: rows.times.splice(0, count),
    reaches: rows.reaches.splice(0, count),
    counts: rows.counts.splice(0, count),
    states: rows.states.splice(0, count),
    folded: 0,
    bytes: 0,
  }
  for (const state of taken.states) taken.bytes += of.size(state) + timeOverheadBytes
  rows.bytes -= taken.bytes
  rows.folded = 0
  return taken
}

/** Puts rows behind the others, unfolded; their times are all later. */
export function appendSessionRows<S>(rows: SessionRows<S>, later: SessionRows<S>): void {
  for (const [at, time] of later.times.entries()) {
    rows.times.push(time)
    rows.reaches.push(later.reaches[at] as number)
    rows.counts.push(later.counts[at] as number)
    rows.states.push(later.states[at] as S)
  }
  rows.bytes += later.bytes
}
