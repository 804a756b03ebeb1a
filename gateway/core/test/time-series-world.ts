/**
 * A small world for tests of answers: a real control store in memory, a clock moved by hand, and an engine that counts
 * over a list of hits and can be held, broken and counted. Hits become visible by commits, as in the system.
 */
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { EngineUnavailableError, RawBudgetError } from '../../../core/errors.ts'
import { utcDay } from '../../../core/event-time.ts'
import type { MerchantId, Offset } from '../../../core/ids.ts'
import type { Merchant } from '../../../core/ports/control-store.ts'
import type { DerivedRange, DerivedTable } from '../../../core/ports/maintenance-store.ts'
import type { HitsQuestion, QueryEngine, Question, VisitsQuestion } from '../../../core/ports/query-engine.ts'
import { calendarBucket } from '../../../core/time/calendar.ts'
import { createMemoryControlStore } from '../../../lakehouse/adapters/memory/memory-control-store.ts'
import { createCells } from '../cells.ts'
import type { ReadingStore } from '../cells-pieces.ts'
import { createFreshness } from '../freshness.ts'
import { queryJson } from '../query/answer-json.ts'
import { createQueries } from '../query/query.ts'
import { createTimeSeries } from '../time-series.ts'
import { createVersions } from '../versions.ts'
import { dimensionValue, hitsGroups, type ShopHit, visitsGroups } from './question-engine.ts'

export type { ShopHit } from './question-engine.ts'

export function shop(id: string, timeZone: string, currency = 'EUR'): Merchant {
  return {
    id: id as MerchantId,
    name: id,
    timeZone,
    currency,
    blockedNames: [],
    visitorSeed: '0123456789abcdef',
    retentionDays: null,
  }
}

/** `now`: where the clock stands at first. */
export async function createWorld(
  now: string,
  limits: {
    readonly cellsMaxBytes?: number
    readonly maxBuckets?: number
    readonly maxGroups?: number
    readonly deadlineMs?: number
  } = {},
) {
  const clock = new ManualClock(Date.parse(now))
  const store = createMemoryControlStore()
  const { fence } = await store.acquirePartitions('hits', 'log', 'test', [0])
  const log = { next: 0 as Offset }
  const committed: ShopHit[] = []
  const waiting: ShopHit[] = []
  let committedTo = 0 as Offset
  const questions: Question[] = []
  const derived: { table: DerivedTable; range: DerivedRange }[] = []
  /** What the engine meets at its next questions: nothing by default. */
  const engineMeets: { gate?: Promise<void>; error?: Error; onAbort?: () => void; keptValues?: readonly string[] } = {}

  async function meet(question: Question, signal: AbortSignal | undefined): Promise<readonly ShopHit[]> {
    questions.push(question)
    if (engineMeets.onAbort !== undefined) signal?.addEventListener('abort', engineMeets.onAbort)
    const { error } = engineMeets
    const rows = committed.filter((hit) => hit.merchant.id === question.merchant)
    await engineMeets.gate
    if (error !== undefined) throw error
    if (question.from !== 'rollup' && rows.length > question.rawRowBudget) {
      throw new RawBudgetError(rows.length, question.rawRowBudget)
    }
    return rows
  }
  const engine: QueryEngine = {
    async hits(question: HitsQuestion, { signal }) {
      const rows = await meet(question, signal)
      return truncated(question, rows, engineMeets.keptValues)
    },
    visits: async (question: VisitsQuestion, { signal }) => visitsGroups(question, await meet(question, signal)),
    knownIds: async () => [],
    erasedDays: async () => [],
  }
  /** The tables themselves are nowhere: derived ones are said to hold what a test says they do. */
  const reading: ReadingStore = {
    async tableView(table) {
      if (table !== 'daily' && table !== 'sessions') return store.tableView(table)
      const snapshot = derived.some((each) => each.table === table) ? String(derived.length) : null
      return { table, snapshot, pending: [] }
    },
    erasedOf: async () => new Map(),
    versionsSince: (since) => store.versionsSince(since),
    derivedRanges: async ({ table, from, to }) =>
      derived
        .flatMap((each) => (each.table === table ? each.range : []))
        .filter(({ start, end }) => start >= from && end <= to),
  }
  const versions = createVersions({ store, timers: clock })
  await versions.start()
  const cells = createCells({
    engine,
    store: reading,
    versions,
    rawRowBudget: 1_000,
    ...(limits.cellsMaxBytes === undefined ? {} : { maxBytes: limits.cellsMaxBytes }),
    ...(limits.maxGroups === undefined ? {} : { maxGroups: limits.maxGroups }),
  })
  const freshness = createFreshness({ log, versions, clock })
  const parts = {
    cells,
    versions,
    freshness,
    clock,
    timers: clock,
    ...(limits.maxBuckets === undefined ? {} : { maxBuckets: limits.maxBuckets }),
    ...(limits.deadlineMs === undefined ? {} : { deadlineMs: limits.deadlineMs }),
  }
  const timeSeries = createTimeSeries(parts)
  const queries = createQueries(parts)

  return {
    clock,
    store,
    versions,
    cells,
    freshness,
    timeSeries,
    queries,
    engine,
    engineMeets,
    questions,
    committed,
    /** Says that a derived table holds this unit, and is right. */
    derive(table: DerivedTable, range: DerivedRange): void {
      derived.push({ table, range })
      derived.sort((a, b) => a.range.start - b.range.start)
    },
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
      const { body } = await timeSeries.answer(request)
      return JSON.parse(String(body))
    },
    /** The JSON of an answer to `POST /v1/query`, parsed. */
    async query(merchant: Merchant, body: unknown, signal?: AbortSignal): Promise<QueryReply> {
      const request = { merchant, body, ...(signal === undefined ? {} : { signal }) }
      return JSON.parse(queryJson(await queries.answer(request)))
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

export interface QueryReply {
  readonly results: readonly {
    readonly dimensions: readonly (string | null)[]
    readonly metrics: readonly (number | string | null)[]
    readonly compare?: readonly (number | string | null)[]
    readonly other?: true
  }[]
  readonly meta: Record<string, unknown> & {
    readonly servedFrom: Record<string, number>
    readonly nextCursor?: string
  }
  readonly query: Record<string, unknown>
}

/** Any question fails with this while it stands in `engineMeets.error`. */
export const engineDown = new EngineUnavailableError()

/** As of a breakdown that was truncated to these values of the question's only dimension: all others are one group. */
function truncated(question: HitsQuestion, rows: readonly ShopHit[], kept: readonly string[] | undefined) {
  const [dimension] = question.dimensions
  if (dimension === undefined || kept === undefined) return hitsGroups(question, rows)
  const isKept = (hit: ShopHit) => kept.includes(dimensionValue(dimension, hit))
  const others = hitsGroups(
    { ...question, dimensions: [] },
    rows.filter((hit) => !isKept(hit)),
  )
  return [
    ...hitsGroups(question, rows.filter(isKept)),
    ...others.map((group) => ({ ...group, values: [''], other: true })),
  ]
}
