/** The second half of an erasure: its rows go out of the newest snapshot of every table, and superseded ones made of them. */
import { dayMs } from '../../../core/event-time.ts'
import type { MerchantId } from '../../../core/ids.ts'
import type { Erasure } from '../../../core/ports/erasure-store.ts'
import type { DeadRows } from '../../../core/ports/lake-removal.ts'
import { type DerivedTable, derivedRangesHoldMs } from '../../../core/ports/maintenance-store.ts'
import { visitsReadDaysAfter, visitsReadDaysBefore } from '../../../core/visits.ts'
import { type EraseRoundOptions, hitsOf, noteOf } from './erase-round.ts'
import { removeEverywhere } from './removal-steps.ts'

/**
 * Days around one of `hourly` whose units are made of its hits, which may lie on the day after too, and `reach`, the days around
 * a unit that it is made of. Local days are no UTC days.
 */
const around = {
  sessions: {
    before: visitsReadDaysAfter,
    after: visitsReadDaysBefore + 1,
    reach: { daysBefore: visitsReadDaysBefore, daysAfter: visitsReadDaysAfter },
  },
  daily: { before: 1, after: 2, reach: { daysBefore: 0, daysAfter: 0 } },
} as const

/** No local day is longer. */
const longestUnitMs = 2 * dayMs

/** Those of whose hits no row is left. What was derived goes first: its days are found by the hits. */
export async function removeErased(
  options: EraseRoundOptions,
  removing: readonly Erasure[],
): Promise<readonly Erasure[]> {
  const ready: Erasure[] = []
  for (const [merchant, own] of byMerchant(removing)) {
    const days = new Set(
      own.flatMap((erasure) => [...(noteOf(options, erasure)?.days.values() ?? [])].flatMap((of) => [...of.keys()])),
    )
    const isClean = await removeDerived(options, merchant, [...days])
    if (options.stop.aborted) return []
    if (isClean) ready.push(...own)
  }
  if (ready.length === 0) return []
  for (const table of ['failed_hits', 'hits'] as const) {
    if ((await removeEverywhere(options, table, ready.map(hitsOf))) !== 'none') return []
  }
  return ready
}

/** Whether nothing is left of the units around these days but what the newest derivation made. */
async function removeDerived(
  options: EraseRoundOptions,
  merchant: MerchantId,
  days: readonly number[],
): Promise<boolean> {
  for (const table of ['sessions', 'daily'] as const) {
    for (const [first, last] of runs(days, around[table].before + around[table].after)) {
      const start = (first - around[table].before) * dayMs
      const end = (last + around[table].after + 1) * dayMs
      const dead = await deadRows(options, table, { merchant, start, end })
      if (dead === undefined || (await removeEverywhere(options, table, dead)) !== 'none') return false
    }
  }
  return true
}

/**
 * Rows of the stretch that a newer derivation superseded, long enough ago that no reader goes by them. Undefined where that
 * cannot be said yet: rows are there of a unit that is to be derived again, or readers may hold what was.
 */
async function deadRows(
  { store, lake, notes, clock }: EraseRoundOptions,
  table: DerivedTable,
  stretch: { readonly merchant: MerchantId; readonly start: number; readonly end: number },
): Promise<readonly DeadRows[] | undefined> {
  const { merchant, start, end } = stretch
  // A unit of a local day may begin before the stretch or end after it.
  const asked = { from: start - longestUnitMs, to: end + longestUnitMs }
  const ranges = await store.derivedRanges({ table, merchant, ...asked, reach: around[table].reach })
  const dead: DeadRows[] = []
  const gaps: DeadRows[] = []
  let at = start
  for (const range of ranges) {
    if (range.start >= end) break
    if (range.end <= start) continue
    const key = `${table} ${merchant} ${range.start} ${range.end}`
    const known = notes.derived.get(key)
    const seen = known?.publish === range.publish ? known : { publish: range.publish, at: clock.monotonic() }
    notes.derived.set(key, seen)
    const superseded = { merchant, start: range.start, end: range.end, publishBelow: seen.publish }
    if (clock.monotonic() - seen.at >= derivedRangesHoldMs) dead.push(superseded)
    else if ((await lake.partitionsWith(table, [superseded])).length > 0) return undefined
    if (range.start > at) gaps.push({ merchant, start: at, end: range.start, publishBelow: Number.MAX_SAFE_INTEGER })
    at = Math.max(at, range.end)
  }
  if (at < end) gaps.push({ merchant, start: at, end, publishBelow: Number.MAX_SAFE_INTEGER })
  return (await lake.partitionsWith(table, gaps)).length > 0 ? undefined : dead
}

function byMerchant(erasures: readonly Erasure[]): ReadonlyMap<MerchantId, readonly Erasure[]> {
  const found = new Map<MerchantId, Erasure[]>()
  for (const erasure of erasures) found.set(erasure.merchant, [...(found.get(erasure.merchant) ?? []), erasure])
  return found
}

/** Days that lie no further apart than `gap`, as first and last. */
function runs(days: readonly number[], gap: number): readonly (readonly [number, number])[] {
  const found: [number, number][] = []
  for (const day of [...days].sort((a, b) => a - b)) {
    const run = found.at(-1)
    if (run === undefined || day - run[1] > gap + 1) found.push([day, day])
    else run[1] = day
  }
  return found
}
