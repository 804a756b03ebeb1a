/**
 * Cells: the finished numbers of one (merchant, source, dimensions, filter, bucket), all groups of it, cached under the
 * version of the UTC days the bucket hangs on. Buckets are instants, so equal buckets of different zones share a cell. Each
 * unit has cells of its own: the visitors of a day are not the sum of its hours'.
 *
 * Promises: a cell is used only under its current version, and a version is read before the question is asked, together with
 * the generations that answer under it, so a cached answer equals an uncached one; all cells that a request misses are asked
 * in one engine query (of hits, and one of visits); equal misses of concurrent requests wait for the same one, which is
 * cancelled when nobody waits any more. While the engine is down, cells of the last known version answer, marked `stale`;
 * without them EngineUnavailableError.
 *
 * A cell of more parts than asked for answers too; what is asked anew has the parts of the cell it replaces.
 */
import { LRUCache } from 'lru-cache'
import { EngineUnavailableError, RawBudgetError, TooManyGroupsError } from '../../core/errors.ts'
import { type GenerationSink, generationsWithin, type MerchantGenerations } from '../../core/generations.ts'
import type { MerchantId } from '../../core/ids.ts'
import type { BucketRange, QueryEngine } from '../../core/ports/query-engine.ts'
import { visitsRule } from '../../core/visits.ts'
import { breakdownSketchSize, totalSketchSize } from '../../schemas/tables.ts'
import {
  type Cell,
  type CellGroup,
  type CellOrigin,
  cellBytes,
  type HitsNumbers,
  has,
  highestOf,
  hitsCellGroup,
  partBits,
  partsOfBits,
  type VisitsNumbers,
  visitsCellGroup,
} from './cells-cell.ts'
import { createFlights, type Flight } from './cells-flight.ts'
import { cellsKey } from './cells-key.ts'
import {
  type Reading,
  type ReadingQuestion,
  type ReadingStore,
  readPieces,
  requireZones,
  sameReading,
} from './cells-pieces.ts'
import type { CellsAnswer, CellsQuestion, HitsCellsQuestion } from './cells-question.ts'
import { type Days, daysOf, visitsMayBeStored } from './planner.ts'
import { type HourZones, hoursHold } from './stored-hours.ts'
import type { KnownGenerations, Versions } from './versions.ts'

export type { Cell, CellGroup, CellOrigin, HitsNumbers, VisitsNumbers } from './cells-cell.ts'
export type { CellsAnswer, CellsQuestion, HitsCellsQuestion } from './cells-question.ts'

export const defaultCellsMaxBytes = 256 * 1024 * 1024
/** Rows a raw question may scan. */
export const defaultRawRowBudget = 20_000_000
/** Groups (rows of an answer before its cut) that one engine query may bring. */
export const defaultMaxGroups = 50_000

interface AskOptions {
  readonly signal?: AbortSignal
}

export interface Cells {
  /**
   * @throws RawBudgetError, TooManyGroupsError, EngineUnavailableError; ZonesChangedError where the source's zones are not
   * the merchant's; `signal`'s reason where it is aborted
   */
  hits(question: HitsCellsQuestion, options?: AskOptions): Promise<CellsAnswer<HitsNumbers>>
  /** By the time visits start. @throws as `hits` */
  visits(question: CellsQuestion, options?: AskOptions): Promise<CellsAnswer<VisitsNumbers>>
  /** Of a merchant of these zones, by the generations that answer now: `hoursHold`. */
  storedHours(merchant: MerchantId, zones: HourZones): (bucket: BucketRange) => boolean
  /** What the cache holds, by its own estimate. */
  readonly bytes: number
  clear(): void
}

/** How the cells of one question are told apart, and asked. */
interface Lookup<Numbers> {
  readonly question: CellsQuestion
  readonly key: string
  readonly parts: number
  days(bucket: BucketRange): Days
  readonly reads: Omit<ReadingQuestion, 'merchant' | 'buckets' | 'generations'>
  /** Whose generations count. */
  readonly sink: GenerationSink
  readonly base: CellOrigin
  /** By number of bucket. */
  ask(
    reading: Reading,
    generations: MerchantGenerations,
    parts: number,
    signal: AbortSignal,
  ): Promise<readonly { readonly bucket: number; readonly group: CellGroup<Numbers> }[]>
}

interface Missing {
  readonly index: number
  readonly key: string
  readonly bucket: BucketRange
  readonly version: number
}

type AnyNumbers = HitsNumbers | VisitsNumbers

export function createCells(options: {
  readonly engine: Pick<QueryEngine, 'hits' | 'visits'>
  readonly store: ReadingStore
  readonly versions: Pick<Versions, 'versionOf' | 'generations'>
  readonly maxBytes?: number
  readonly rawRowBudget?: number
  readonly maxGroups?: number
}): Cells {
  const { engine, store, versions, maxBytes = defaultCellsMaxBytes } = options
  const { rawRowBudget = defaultRawRowBudget, maxGroups = defaultMaxGroups } = options
  const cache = new LRUCache<string, Cell<AnyNumbers>>({ maxSize: maxBytes, sizeCalculation: cellBytes })
  const flights = createFlights<Cell<AnyNumbers>>()

  async function ask(
    lookup: Lookup<AnyNumbers>,
    known: KnownGenerations,
    parts: number,
    missing: readonly Missing[],
    signal: AbortSignal,
  ): Promise<Cell<AnyNumbers>[]> {
    const { question, reads, base, sink } = lookup
    const generations = known.of(question.merchant)
    const buckets = missing.map(({ bucket }) => bucket)
    const reading = { ...reads, merchant: question.merchant, buckets, generations: known }
    // While the engine computes: who asks by zones of before has computed for nothing, which is rare.
    const answered = async (of: Reading) => {
      const [answer] = await Promise.all([lookup.ask(of, generations, parts, signal), requireZones(store, reading)])
      return answer
    }
    let read = await readPieces(store, reading)
    const found = await answered(read).catch(async (error) => {
      // A publication may have replaced files while we read them: then there is a newer view, which names the new ones.
      if (!(error instanceof EngineUnavailableError)) throw error
      const second = await readPieces(store, reading)
      if (sameReading(read, second)) throw error
      read = second
      return answered(second)
    })
    const groups: CellGroup<AnyNumbers>[][] = missing.map(() => [])
    for (const { bucket, group } of found) groups[bucket]?.push(group)
    const derived = new Set(read.pieces.flatMap(({ bucket, stored }) => (stored === null ? [] : [bucket])))
    return missing.map(({ key, version, bucket }, i) => {
      const origin = derived.has(i) ? reads.derived : base
      const generation = highestWithin(generations[sink], bucket)
      const cell = { version, asOf: question.asOf, parts, origin, generation, groups: groups[i] ?? [] }
      const kept = cache.peek(key)
      // A slow query must not put back what a later one has replaced, nor one of few parts what has more.
      const better = kept !== undefined && (kept.version > version || (kept.version === version && has(kept, parts)))
      if (!better) cache.set(key, cell)
      return cell
    })
  }

  /** Cells of `missing` from questions of our own and of others that are under way. */
  async function fetch(
    lookup: Lookup<AnyNumbers>,
    known: KnownGenerations,
    parts: number,
    missing: readonly Missing[],
    signal?: AbortSignal,
  ): Promise<Cell<AnyNumbers>[]> {
    // A flight brings the parts it was asked for: only an equal wish boards it.
    const wish = (each: Missing) => ({ key: `${each.key}/${parts}`, version: each.version })
    const start = (wanted: readonly Missing[]) =>
      flights.start(wanted.map(wish), (abort) => ask(lookup, known, parts, wanted, abort))
    const waits = new Map<Flight<Cell<AnyNumbers>>, Missing[]>()
    const own: Missing[] = []
    for (const each of missing) {
      const flight = flights.find(wish(each).key, each.version)
      if (flight === undefined) own.push(each)
      else waits.set(flight, [...(waits.get(flight) ?? []), each])
    }
    const ours = own.length === 0 ? undefined : start(own)
    if (ours !== undefined) waits.set(ours, own)
    const cells = new Map<Missing, Cell<AnyNumbers>>()
    await Promise.all(
      [...waits].map(async ([flight, wanted]) => {
        const landed = await flight.wait(signal).catch((error) => {
          // Another request asked for more than we do: what is over a limit for it need not be for us.
          if (flight === ours || !isOverLimit(error)) throw error
          return start(wanted).wait(signal)
        })
        for (const each of wanted) cells.set(each, landed.get(wish(each).key) as Cell<AnyNumbers>)
      }),
    )
    return missing.map((each) => cells.get(each) as Cell<AnyNumbers>)
  }

  async function look(lookup: Lookup<AnyNumbers>, signal?: AbortSignal): Promise<CellsAnswer<AnyNumbers>> {
    const { merchant, buckets, asOf } = lookup.question
    const cells: Cell<AnyNumbers>[] = new Array(buckets.length)
    const served: ('cache' | CellOrigin)[] = new Array(buckets.length).fill('cache')
    const missing: Missing[] = []
    // Before any wait, as the versions are.
    const known = versions.generations
    let parts = lookup.parts
    buckets.forEach((bucket, index) => {
      const key = `${lookup.key}/${bucket.start}/${bucket.end}`
      const { firstDay, lastDay } = lookup.days(bucket)
      const version = versions.versionOf(merchant, firstDay, lastDay)
      const cell = cache.get(key)
      if (cell?.version === version && has(cell, lookup.parts)) cells[index] = cell
      else {
        missing.push({ index, key, bucket, version })
        parts |= cell?.parts ?? 0
      }
    })
    if (missing.length === 0) return { cells, served, generation: highestOf(cells), asOf, stale: false }
    try {
      const fetched = await fetch(lookup, known, parts, missing, signal)
      missing.forEach(({ index }, i) => {
        const cell = fetched[i] as Cell<AnyNumbers>
        cells[index] = cell
        served[index] = cell.origin
      })
      return { cells, served, generation: highestOf(cells), asOf, stale: false }
    } catch (error) {
      if (!(error instanceof EngineUnavailableError)) throw error
      let holdsUntil = asOf
      for (const { index, key } of missing) {
        const old = cache.get(key)
        if (old === undefined || !has(old, lookup.parts)) throw error
        cells[index] = old
        holdsUntil = Math.min(holdsUntil, old.asOf)
      }
      return { cells, served, generation: highestOf(cells), asOf: holdsUntil, stale: true }
    }
  }

  return {
    hits(question, { signal } = {}) {
      const { source, merchant, dimensions, filter } = question
      const sketchSize = dimensions.length === 0 && filter === null ? totalSketchSize : breakdownSketchSize
      const asked = { merchant, dimensions, filter, maxGroups, sketchSize }
      const lookup: Lookup<HitsNumbers> = {
        question,
        key: cellsKey(question, source.from),
        parts: partBits(question.parts),
        days: (bucket) => daysOf(bucket, source.from),
        // Hits that are counted one by one are in no derived table.
        reads:
          source.from === 'rollup'
            ? { derived: 'daily', mayBeStored: true, ...(source.zones && { zones: source.zones }) }
            : { derived: 'sessions', mayBeStored: false },
        base: source.from,
        sink: source.from === 'rollup' ? 'hourly' : 'hits',
        async ask({ base, derived, pieces, erased }, generations, mask, abort) {
          const parts = partsOfBits(mask)
          const groups = await engine.hits(
            source.from === 'rollup'
              ? {
                  ...{ ...asked, generations, pieces, parts },
                  ...{ from: 'rollup', breakdown: source.breakdown, hourly: base, daily: derived },
                }
              : { ...asked, generations, pieces, parts, from: 'raw', hits: base, erased, rawRowBudget },
            { signal: abort },
          )
          return groups.map((group) => ({ bucket: group.bucket, group: hitsCellGroup(group, sketchSize) }))
        },
      }
      // The key names the kind: what it finds are numbers of hits.
      return look(lookup, signal) as Promise<CellsAnswer<HitsNumbers>>
    },
    visits(question, { signal } = {}) {
      const { merchant, dimensions, filter } = question
      const lookup: Lookup<VisitsNumbers> = {
        question,
        key: cellsKey(question, 'visits'),
        parts: 0,
        days: (bucket) => daysOf(bucket, 'visits'),
        reads: { derived: 'sessions', mayBeStored: visitsMayBeStored(question) },
        base: 'raw',
        sink: 'hits',
        async ask({ base, derived, pieces, erased }, generations, _, abort) {
          const asked = { merchant, generations, dimensions, filter, maxGroups, pieces, rawRowBudget, rule: visitsRule }
          const groups = await engine.visits(
            { ...asked, from: 'visits', hits: base, erased, sessions: derived },
            { signal: abort },
          )
          return groups.map((group) => ({ bucket: group.bucket, group: visitsCellGroup(group) }))
        },
      }
      return look(lookup, signal) as Promise<CellsAnswer<VisitsNumbers>>
    },
    storedHours(merchant, zones) {
      const { generations } = versions
      const { zonesAsOf } = generations
      return hoursHold({ zones, stretches: generations.of(merchant).hourly, zonesAsOf })
    },
    get bytes() {
      return cache.calculatedSize
    },
    clear: () => cache.clear(),
  }
}

function highestWithin(stretches: MerchantGenerations[GenerationSink], { start, end }: BucketRange): number {
  return Math.max(...generationsWithin(stretches, { from: start, to: end }))
}

function isOverLimit(error: unknown): boolean {
  return error instanceof RawBudgetError || error instanceof TooManyGroupsError
}
