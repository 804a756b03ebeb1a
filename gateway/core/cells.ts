/**
 * Cells: the finished numbers of one (merchant, generation, breakdown, source, bucket), cached under the version of the
 * UTC days the bucket touches. Buckets are instants, so equal buckets of different zones share a cell. Each unit has cells
 * of its own: the visitors of a day are not the sum of its hours'.
 *
 * Promises: a cell is used only under its current version, and a version is read before the question is asked, so a
 * cached answer equals an uncached one; all cells that a request misses are asked in one engine query; equal misses of
 * concurrent requests wait for the same one, which is cancelled when nobody waits any more. While the engine is down,
 * cells of the last known version answer, marked `stale`; without them EngineUnavailableError.
 */
import { LRUCache } from 'lru-cache'
import { EngineUnavailableError, RawBudgetError } from '../../core/errors.ts'
import type { MerchantId } from '../../core/ids.ts'
import type { ControlStore } from '../../core/ports/control-store.ts'
import type { TableView } from '../../core/ports/lake.ts'
import type { BucketRange, QueryEngine } from '../../core/ports/query-engine.ts'
import { type Cell, cellBytes, toCell } from './cells-cell.ts'
import { createFlights, type Flight } from './cells-flight.ts'
import { daysOf, type SeriesSource } from './planner.ts'
import type { Versions } from './versions.ts'

export type { Cell } from './cells-cell.ts'

export const defaultCellsMaxBytes = 256 * 1024 * 1024
/** Rows a raw question may scan. */
export const defaultRawRowBudget = 20_000_000

export interface CellsQuestion {
  readonly merchant: MerchantId
  readonly generation: number
  readonly breakdown: 'total'
  readonly source: SeriesSource
  /** Rising and disjoint. */
  readonly buckets: readonly BucketRange[]
  /** Freshness read before this call: what the cells found now hold at least. */
  readonly asOf: number
}

export interface CellsAnswer {
  /** One for each bucket asked. */
  readonly cells: readonly Cell[]
  /** How many of them were in the cache. */
  readonly cached: number
  /** What all the cells hold at least: that of the question, less where cells are stale. */
  readonly asOf: number
  readonly stale: boolean
}

export interface Cells {
  /** @throws RawBudgetError, EngineUnavailableError; `signal`'s reason where it is aborted */
  series(question: CellsQuestion, options?: { readonly signal?: AbortSignal }): Promise<CellsAnswer>
  /** What the cache holds, by its own estimate. */
  readonly bytes: number
  clear(): void
}

interface Missing {
  readonly index: number
  readonly key: string
  readonly bucket: BucketRange
  readonly version: number
}

export function createCells(options: {
  readonly engine: QueryEngine
  readonly store: Pick<ControlStore, 'tableView'>
  readonly versions: Pick<Versions, 'versionOf'>
  readonly maxBytes?: number
  readonly rawRowBudget?: number
}): Cells {
  const { engine, store, versions, maxBytes = defaultCellsMaxBytes, rawRowBudget = defaultRawRowBudget } = options
  const cache = new LRUCache<string, Cell>({ maxSize: maxBytes, sizeCalculation: cellBytes })
  const flights = createFlights<Cell>()

  async function view(source: SeriesSource): Promise<TableView> {
    try {
      return await store.tableView(source === 'raw' ? 'hits' : 'hourly')
    } catch (cause) {
      throw new EngineUnavailableError({ cause })
    }
  }

  async function ask(question: CellsQuestion, missing: readonly Missing[], signal: AbortSignal): Promise<Cell[]> {
    const { source, generation, merchant, breakdown } = question
    const buckets = missing.map(({ bucket }) => bucket)
    const askOnce = (of: TableView) =>
      engine.series({ from: source, generation, merchant, breakdown, buckets, view: of, rawRowBudget }, { signal })
    const first = await view(source)
    const rows = await askOnce(first).catch(async (error) => {
      // A publication may have replaced files while we read them: then there is a newer view, which names the new ones.
      if (!(error instanceof EngineUnavailableError)) throw error
      const second = await view(source)
      if (sameView(first, second)) throw error
      return askOnce(second)
    })
    const byBucket = new Map(rows.map((row) => [row.bucket, row]))
    return missing.map(({ key, version }, i) => {
      const cell = toCell(byBucket.get(i), version, question.asOf)
      // A slow query must not put back what a later one has replaced.
      if ((cache.peek(key)?.version ?? -1) <= version) cache.set(key, cell)
      return cell
    })
  }

  /** Cells of `missing` from questions of our own and of others that are under way. */
  async function fetch(question: CellsQuestion, missing: readonly Missing[], signal?: AbortSignal): Promise<Cell[]> {
    const waits = new Map<Flight<Cell>, Missing[]>()
    const own: Missing[] = []
    for (const each of missing) {
      const flight = flights.find(each.key, each.version)
      if (flight === undefined) own.push(each)
      else waits.set(flight, [...(waits.get(flight) ?? []), each])
    }
    const ours = own.length === 0 ? undefined : flights.start(own, (abort) => ask(question, own, abort))
    if (ours !== undefined) waits.set(ours, own)
    const cells = new Map<Missing, Cell>()
    await Promise.all(
      [...waits].map(async ([flight, wanted]) => {
        const landed = await flight.wait(signal).catch((error) => {
          // Another request asked for more than we do: what is over the budget for it need not be for us.
          if (flight === ours || !(error instanceof RawBudgetError)) throw error
          return flights.start(wanted, (abort) => ask(question, wanted, abort)).wait(signal)
        })
        for (const each of wanted) cells.set(each, landed.get(each.key) as Cell)
      }),
    )
    return missing.map((each) => cells.get(each) as Cell)
  }

  return {
    async series(question, { signal } = {}) {
      const { merchant, generation, breakdown, source, buckets, asOf } = question
      const prefix = `${merchant}/${generation}/${breakdown}/${source}/`
      const cells: Cell[] = new Array(buckets.length)
      const missing: Missing[] = []
      buckets.forEach((bucket, index) => {
        const key = `${prefix}${bucket.start}/${bucket.end}`
        const { firstDay, lastDay } = daysOf(bucket, source)
        const version = versions.versionOf(merchant, firstDay, lastDay)
        const cell = cache.get(key)
        if (cell?.version === version) cells[index] = cell
        else missing.push({ index, key, bucket, version })
      })
      const cached = buckets.length - missing.length
      if (missing.length === 0) return { cells, cached, asOf, stale: false }
      try {
        const fetched = await fetch(question, missing, signal)
        missing.forEach(({ index }, i) => {
          cells[index] = fetched[i] as Cell
        })
        return { cells, cached, asOf, stale: false }
      } catch (error) {
        if (!(error instanceof EngineUnavailableError)) throw error
        let holdsUntil = asOf
        for (const { index, key } of missing) {
          const old = cache.get(key)
          if (old === undefined) throw error
          cells[index] = old
          holdsUntil = Math.min(holdsUntil, old.asOf)
        }
        return { cells, cached: buckets.length, asOf: holdsUntil, stale: true }
      }
    },
    get bytes() {
      return cache.calculatedSize
    },
    clear: () => cache.clear(),
  }
}

function sameView(a: TableView, b: TableView): boolean {
  return (
    a.snapshot === b.snapshot &&
    a.pending.length === b.pending.length &&
    a.pending.every(({ name }, i) => name === b.pending[i]?.name)
  )
}
