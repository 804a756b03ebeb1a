/** Kept windows to plain data and back. */

import type { StoredKey, StoredRows, StoredWindow } from '../../schemas/avro/graph-state.ts'
import type { KeptWindow, KeyWindows } from './kept-window.ts'
import { bytesOf } from './session-merging.ts'
import { noSessionRows, type SessionRows, timeOverheadBytes } from './session-rows.ts'
import type { WindowAggregate } from './window-operator-options.ts'

type Packing<S, P> = WindowAggregate<never, S, unknown, P>

export function storedKey<S, P>({ key, windows, vanished }: KeyWindows<S>, aggregate: Packing<S, P>): StoredKey<P> {
  return { key, windows: windows.map((window) => storedWindow(window, aggregate)), vanished: [...vanished] }
}

function storedWindow<S, P>(window: KeptWindow<S>, aggregate: Packing<S, P>): StoredWindow<P> {
  const { start, end, reach, rows, unemitted, changed, nextPane, closed, emitted, earlyAt, rowsByTime } = window
  const state = rowsByTime === null ? aggregate.pack(window.state) : null
  const byTime = rowsByTime === null ? null : storedRows(rowsByTime, aggregate)
  const facts = { start, end, reach, rows, unemitted, changed, nextPane, closed, emitted, earlyAt }
  return { ...facts, state, rowsByTime: byTime }
}

function storedRows<S, P>(rows: SessionRows<S>, aggregate: Packing<S, P>): readonly StoredRows<P>[] {
  return rows.times.map(({ time, reach, count, state }) => ({ time, reach, count, state: aggregate.pack(state) }))
}

/**
 * `window`, opened anew, with what was stored. @throws RangeError where the step kept its rows in the other way: its
 * longest length came or went
 */
export function restoredWindow<S, P>(
  window: KeptWindow<S>,
  stored: StoredWindow<P>,
  aggregate: Packing<S, P>,
): KeptWindow<S> {
  const { state, rowsByTime, ...facts } = stored
  if ((rowsByTime === null) !== (window.rowsByTime === null)) {
    throw new RangeError('the state is of session windows with another longest length')
  }
  Object.assign(window, facts)
  if (state !== null) window.state = aggregate.unpack(state)
  if (rowsByTime !== null) window.rowsByTime = restoredRows(rowsByTime, aggregate)
  window.bytes = bytesOf(window, aggregate)
  return window
}

function restoredRows<S, P>(stored: readonly StoredRows<P>[], aggregate: Packing<S, P>): SessionRows<S> {
  const rows = noSessionRows<S>()
  for (const { time, reach, count, state } of stored) {
    const unpacked = aggregate.unpack(state)
    rows.times.push({ time, reach, count, state: unpacked })
    rows.bytes += aggregate.size(unpacked) + timeOverheadBytes
  }
  return rows
}
