/**
 * A small world for tests of time series: a real control store in memory, a clock moved by hand, and an engine that counts
 * over a list of hits and can be held, broken and counted. Hits become visible by commits, as in the system.
 */
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { EngineUnavailableError, RawBudgetError } from '../../../core/errors.ts'
import { utcDay } from '../../../core/event-time.ts'
import type { MerchantId, Offset } from '../../../core/ids.ts'
import type { Merchant } from '../../../core/ports/control-store.ts'
import type { QueryEngine, SeriesQuestion, SeriesRow } from '../../../core/ports/query-engine.ts'
import { calendarBucket } from '../../../core/time/calendar.ts'
import { createMemoryControlStore } from '../../../lakehouse/adapters/memory/memory-control-store.ts'
import { totalSketchSize } from '../../../schemas/tables.ts'
import { createCells } from '../cells.ts'
import { createFreshness } from '../freshness.ts'
import { createTimeSeries } from '../time-series.ts'
import { createVersions } from '../versions.ts'

export interface ShopHit {
  readonly merchant: Merchant
  readonly time: number
  readonly name: string
  readonly visitor: bigint
  readonly micros: bigint
}

export function shop(id: string, timeZone: string, currency = 'EUR'): Merchant {
  return { id: id as MerchantId, name: id, timeZone, currency, blockedNames: [], visitorSeed: '0123456789abcdef' }
}

/** `now`: where the clock stands at first. */
export async function createWorld(
  now: string,
  limits: { readonly cellsMaxBytes?: number; readonly maxBuckets?: number } = {},
) {
  const clock = new ManualClock(Date.parse(now))
  const store = createMemoryControlStore()
  const { fence } = await store.acquirePartitions('hits', 'log', 'test', [0])
  const log = { next: 0 as Offset }
  const committed: ShopHit[] = []
  const waiting: ShopHit[] = []
  let committedTo = 0 as Offset
  const questions: SeriesQuestion[] = []
  /** What the engine meets at its next questions: nothing by default. */
  const engineMeets: { gate?: Promise<void>; error?: Error; onAbort?: () => void } = {}

  const engine: QueryEngine = {
    async series(question, { signal }) {
      questions.push(question)
      if (engineMeets.onAbort !== undefined) signal?.addEventListener('abort', engineMeets.onAbort)
      const { error } = engineMeets
      const rows = committed.filter((hit) => hit.merchant.id === question.merchant)
      await engineMeets.gate
      if (error !== undefined) throw error
      if (question.from === 'raw' && rows.length > question.rawRowBudget) {
        throw new RawBudgetError(rows.length, question.rawRowBudget)
      }
      return countRows(question, rows)
    },
  }
  const versions = createVersions({ store, timers: clock })
  await versions.start()
  const cells = createCells({
    engine,
    store,
    versions,
    rawRowBudget: 1_000,
    ...(limits.cellsMaxBytes === undefined ? {} : { maxBytes: limits.cellsMaxBytes }),
  })
  const freshness = createFreshness({ log, versions, clock })
  const timeSeries = createTimeSeries({
    cells,
    versions,
    freshness,
    clock,
    ...(limits.maxBuckets === undefined ? {} : { maxBuckets: limits.maxBuckets }),
  })

  return {
    clock,
    store,
    versions,
    cells,
    freshness,
    timeSeries,
    engine,
    engineMeets,
    questions,
    committed,
    /** Into the log: accepted, not visible. */
    append(...hits: readonly ShopHit[]): void {
      waiting.push(...hits)
      log.next = (log.next + 1) as Offset
    },
    /** One epoch over all that was appended. The gateway learns of it when it asks the store. */
    async commit(): Promise<void> {
      const hits = waiting.splice(0)
      const touched = new Map(
        hits.map(({ merchant, time }) => {
          const day = utcDay(calendarBucket('hour', merchant.timeZone, time).start)
          return [`${merchant.id}/${day}`, { merchant: merchant.id, day }]
        }),
      )
      const from = committedTo
      committedTo = log.next
      const received = clock.now()
      await store.commitEpoch({
        job: 'hits',
        source: 'log',
        plan: 'plan',
        fence,
        partitions: [
          { partition: 0, from, next: committedTo, checkpoint: null, watermark: received, received, forwarded: {} },
        ],
        staged: [],
        touched: [...touched.values()],
        books: [],
      })
      committed.push(...hits)
    },
    /** The JSON of an answer, parsed. */
    async ask(merchant: Merchant, parameters: Record<string, string> = {}, signal?: AbortSignal): Promise<SeriesReply> {
      const search = new URLSearchParams(parameters).toString()
      const request = { merchant, search, parameters, ...(signal === undefined ? {} : { signal: () => signal }) }
      return JSON.parse(await timeSeries.answer(request))
    },
  }
}

export type World = Awaited<ReturnType<typeof createWorld>>

export interface SeriesReply {
  readonly merchant: string
  readonly interval: string
  readonly timeZone: string
  readonly currency: string
  readonly buckets: readonly Record<string, unknown>[]
  readonly meta: Record<string, unknown> & { readonly asOf: string; readonly servedFrom: Record<string, number> }
}

/** Any question fails with this while it stands in `engineMeets.error`. */
export const engineDown = new EngineUnavailableError()

function countRows(question: SeriesQuestion, rows: readonly ShopHit[]): SeriesRow[] {
  return question.buckets.flatMap(({ start, end }, bucket) => {
    const inside = rows.filter(({ merchant, time }) => {
      // The rollup knows no more of a hit's time than its stored hour.
      const at = question.from === 'rollup' ? calendarBucket('hour', merchant.timeZone, time).start : time
      return at >= start && at < end
    })
    if (inside.length === 0) return []
    const hashes = [...new Set(inside.map(({ visitor }) => visitor))].sort((a, b) => (a < b ? -1 : 1))
    const kept = hashes.slice(0, totalSketchSize)
    return [
      {
        bucket,
        hits: BigInt(inside.length),
        pageviews: BigInt(inside.filter(({ name }) => name === 'page_view').length),
        orders: BigInt(inside.filter(({ name }) => name === 'purchase').length),
        revenueMicros: inside.reduce((sum, { micros }) => sum + micros, 0n),
        visitors: { kept: kept.length, largest: kept.at(-1) ?? null },
      },
    ]
  })
}
