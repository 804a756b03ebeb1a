/**
 * What one engine query reads: table views, and for each bucket the pieces of it that a derived table holds. Derived units
 * are used only where the control store says that they are right, those of `daily` only where they lie wholly inside a
 * bucket; all else is read from the base table, so numbers never depend on maintenance having run.
 */
import { EngineUnavailableError } from '../../core/errors.ts'
import { dayMs, hourMs, utcDay } from '../../core/event-time.ts'
import type { MerchantId } from '../../core/ids.ts'
import type { ControlStore } from '../../core/ports/control-store.ts'
import type { ErasedHits } from '../../core/ports/erasure-store.ts'
import type { TableView } from '../../core/ports/lake.ts'
import { baseOfDerived, type DerivedRange, type DerivedTable } from '../../core/ports/maintenance-store.ts'
import type { BucketRange, Piece } from '../../core/ports/query-engine.ts'
import type { TableName } from '../../core/tables.ts'
import { visitsVersionDays } from './planner.ts'
import { type HourZones, isSameZones, ZonesChangedError } from './stored-hours.ts'
import type { KnownGenerations } from './versions.ts'

/** Of one question (the port's limit); with more pieces than this everything is read from the base table. */
export const maxPieces = 20_000

/** A bucket shorter than this holds no local day, which has 23 hours at least, but for rare jumps of a zone. */
const shortestUnitMs = 20 * hourMs

/** How often views are read again because a derivation landed in between; then the derived table is left alone. */
const maxAttempts = 3

export interface Reading {
  readonly base: TableView
  readonly derived: TableView
  readonly pieces: readonly Piece[]
  /** Hits that are left out; none where only rollups are read. */
  readonly erased: readonly ErasedHits[]
}

export interface ReadingQuestion {
  readonly merchant: MerchantId
  readonly derived: DerivedTable
  /** False: nothing may be read from the derived table. */
  readonly mayBeStored: boolean
  /** Rising and disjoint, at least one. */
  readonly buckets: readonly BucketRange[]
  /** By which the question is asked. */
  readonly generations: KnownGenerations
  /** By which the merchant's stored hours were found to hold; left out: no matter. */
  readonly zones?: HourZones
}

/** Without `merchant` nobody's zone is ever changed. */
export type ReadingStore = Pick<ControlStore, 'tableView' | 'derivedRanges' | 'erasedOf' | 'versionsSince'> &
  Partial<Pick<ControlStore, 'merchant'>>

/**
 * Erasures are read here, between the version that the answer is kept under, which the caller has already, and the views. One
 * that is recorded is followed by a version of its days: so under that version and every later one it has been seen here.
 * Were it read after the views, it might be done and closed by then, and the view still hold its hits.
 * @throws EngineUnavailableError where the control store does not answer
 */
export async function readPieces(store: ReadingStore, question: ReadingQuestion): Promise<Reading> {
  try {
    const erased = await erasedHits(store, question)
    const { view, ranges } = await derivedPart(store, question)
    const base = await store.tableView(baseOfDerived[question.derived])
    return {
      base,
      derived: view,
      erased,
      pieces: piecesOf(question.buckets, ranges, question.derived === 'daily' ? 'whole' : 'divisible'),
    }
  } catch (cause) {
    throw new EngineUnavailableError({ cause })
  }
}

/**
 * To be called once the views are read: a zone is in the store before any hour of it is, so where the zones are still those
 * of the question, its views hold hours of no other.
 * @throws ZonesChangedError, EngineUnavailableError
 */
export async function requireZones(store: ReadingStore, { merchant, zones }: ReadingQuestion): Promise<void> {
  if (zones === undefined) return
  const found = await store.merchant?.(merchant).catch((cause: unknown) => {
    throw new EngineUnavailableError({ cause })
  })
  if (found !== undefined && !isSameZones(found, zones)) throw new ZonesChangedError(found)
}

/** Whether a second reading would read what the first one did. */
export function sameReading(a: Reading, b: Reading): boolean {
  return sameView(a.base, b.base) && sameView(a.derived, b.derived)
}

/** Rollups hold no visitors to leave out: maintenance counts them again. */
async function erasedHits(store: ReadingStore, { merchant, derived }: ReadingQuestion): Promise<readonly ErasedHits[]> {
  if (baseOfDerived[derived] !== 'hits') return []
  return (await store.erasedOf([merchant], 'open')).get(merchant) ?? []
}

async function derivedPart(store: ReadingStore, question: ReadingQuestion) {
  const { derived: table, merchant, mayBeStored, buckets } = question
  const none = { view: emptyView(table), ranges: [] }
  const isDaily = table === 'daily'
  if (!mayBeStored || (isDaily && buckets.every(({ start, end }) => end - start < shortestUnitMs))) return none
  const [from, to] = [buckets[0]?.start ?? 0, buckets.at(-1)?.end ?? 0]
  // Units of visits are UTC days, of which a part will do.
  const span = isDaily ? { from, to } : { from: utcDay(from) * dayMs, to: (utcDay(to - 1) + 1) * dayMs }
  const reach = table === 'sessions' ? visitsVersionDays : { daysBefore: 0, daysAfter: 0 }
  let view = await store.tableView(table)
  for (let attempt = 0; attempt < maxAttempts && view.snapshot !== null; attempt++) {
    const ranges = await store.derivedRanges({ table, merchant, ...span, reach })
    if (ranges.length === 0) return none
    // The ranges name publications: a view from before one of them lacks it, one from after may have dropped an older.
    const after = await store.tableView(table)
    if (sameView(view, after)) return (await isKnown(store, question.generations)) ? { view, ranges } : none
    view = after
  }
  return none
}

/**
 * Units are right for the map that the store has. Where that is another one than the question is asked by, the rows that it
 * looks for are those that the units replaced.
 */
async function isKnown(store: ReadingStore, known: KnownGenerations): Promise<boolean> {
  const { generations } = await store.versionsSince(Number.MAX_SAFE_INTEGER)
  return known.isThatOf(generations)
}

/**
 * Pieces of buckets; stretches of one publication that touch are one piece. Visits carry the time they start at, so a part
 * of a unit answers for a part of its day; a row of `daily` is a whole day or nothing. Exported for its tests.
 */
export function piecesOf(
  buckets: readonly BucketRange[],
  ranges: readonly DerivedRange[],
  units: 'whole' | 'divisible',
  limit = maxPieces,
): readonly Piece[] {
  const pieces: Piece[] = []
  let first = 0
  buckets.forEach(({ start, end }, bucket) => {
    while (first < ranges.length && (ranges[first] as DerivedRange).end <= start) first += 1
    let at = start
    for (let i = first; i < ranges.length; i++) {
      const range = ranges[i] as DerivedRange
      if (range.start >= end) break
      if (units === 'whole' && (range.start < start || range.end > end)) continue
      const stored = { start: Math.max(start, range.start), end: Math.min(end, range.end) }
      if (at < stored.start) pieces.push({ bucket, start: at, end: stored.start, stored: null })
      const last = pieces.at(-1)
      if (last?.bucket === bucket && last.stored === range.publish && last.end === stored.start) {
        pieces[pieces.length - 1] = { ...last, end: stored.end }
      } else pieces.push({ bucket, ...stored, stored: range.publish })
      at = stored.end
    }
    if (at < end) pieces.push({ bucket, start: at, end, stored: null })
  })
  if (pieces.length <= limit) return pieces
  return buckets.map(({ start, end }, bucket) => ({ bucket, start, end, stored: null }))
}

function emptyView(table: TableName): TableView {
  return { table, snapshot: null, pending: [] }
}

function sameView(a: TableView, b: TableView): boolean {
  return (
    a.snapshot === b.snapshot &&
    a.pending.length === b.pending.length &&
    a.pending.every(({ name }, i) => name === b.pending[i]?.name)
  )
}
