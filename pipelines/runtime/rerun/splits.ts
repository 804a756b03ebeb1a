/** How a rerun's reading is cut: day by day, days of many rows by merchant besides. */

import { TooManySplitsError } from '../../../core/errors.ts'
import { utcDay, utcDayText } from '../../../core/event-time.ts'
import type { GenerationPlace } from '../../../core/generations.ts'
import type { AcceptedDay } from '../../../core/ports/rerun-lake.ts'
import { type AcceptedRows, type RerunSplit, rerunSplitsMax } from '../../../core/ports/rerun-work.ts'
import { longestHourMs } from '../../../core/time/calendar.ts'
import { splitMaxRows, splitPartsMax } from './limits.ts'
import { PlaceSet } from './place-set.ts'

/** Newest day first; of a day `hits` before `failed_hits`, then by part. @throws TooManySplitsError */
export async function splitsOfRows(
  phase: RerunSplit['phase'],
  all: readonly AcceptedRows[],
  places: readonly GenerationPlace[],
  days: (rows: AcceptedRows) => Promise<readonly AcceptedDay[]>,
): Promise<readonly RerunSplit[]> {
  const splits: RerunSplit[] = []
  for (const rows of all) {
    if (rows.snapshot === null) continue
    const isAsked = dayFilter(rows.table, places)
    for (const day of await days(rows)) if (isAsked(day.day)) splits.push(...splitsOfDay(phase, rows, day))
  }
  if (splits.length > rerunSplitsMax) throw new TooManySplitsError(splits.length, rerunSplitsMax)
  return splits.sort((a, b) => b.day - a.day || tableOrder(a) - tableOrder(b) || a.part - b.part)
}

const tableOrder = ({ rows }: RerunSplit) => (rows.table === 'hits' ? 0 : 1)

/**
 * Whether a day partition may hold hits of the places, or hits of an hour that begins there. A refused hit lies where it was
 * received, which is never before it happened.
 */
function dayFilter(table: AcceptedRows['table'], places: readonly GenerationPlace[]): (day: number) => boolean {
  const { span } = new PlaceSet(places)
  if (table === 'failed_hits') {
    const first = span.from === null ? Number.NEGATIVE_INFINITY : utcDay(span.from)
    return (day) => day >= first
  }
  const days = places.map(({ from, to }) => ({
    first: from === null ? Number.NEGATIVE_INFINITY : utcDay(from),
    last: to === null ? Number.POSITIVE_INFINITY : utcDay(to + longestHourMs - 1),
  }))
  return (day) => days.some(({ first, last }) => day >= first && day <= last)
}

function splitsOfDay(phase: RerunSplit['phase'], rows: AcceptedRows, of: AcceptedDay): readonly RerunSplit[] {
  const { day } = of
  const parts = Math.min(splitPartsMax, Math.max(1, Math.ceil(of.rows / splitMaxRows)))
  const dayText = utcDayText(day).replaceAll('-', '')
  return Array.from({ length: parts }, (_, part) => ({
    name: `${phase}-${rows.table}-${dayText}-${part}.${parts}`,
    ...{ phase, rows, day, part, parts },
    estimatedRows: Math.ceil(of.rows / parts),
    estimatedBytes: Math.ceil(of.bytes / parts),
  }))
}
