/**
 * `POST /v1/query`: reads the question, plans its buckets, takes the numbers from cells, orders and cuts the rows. What
 * makes it fast is in the cells; nothing of an answer is remembered here.
 */
import type { Clock, Timers } from '../../../core/ports/clock.ts'
import type { Merchant } from '../../../core/ports/control-store.ts'
import type { BucketRange } from '../../../core/ports/query-engine.ts'
import { calendarBucket, localDate, startOfLocalDate } from '../../../core/time/calendar.ts'
import type { Cells } from '../cells.ts'
import type { DateRange } from '../date-range.ts'
import type { Freshness } from '../freshness.ts'
import { needsOf } from '../metrics.ts'
import { minorDigitsOf } from '../numbers.ts'
import { planBuckets, planHits } from '../planner.ts'
import type { Versions } from '../versions.ts'
import type { QueryAnswer } from './answer.ts'
import { askNumbers, type Numbers, type NumbersQuestion, type NumbersRow } from './ask-numbers.ts'
import { answerMeta, answerRow } from './build-answer.ts'
import { cursorText, questionHash } from './cursor.ts'
import { defaultQueryDeadlineMs, withDeadline } from './deadline.ts'
import { bad, isRecord, refusal } from './faults.ts'
import { type ParsedQuery, parseQuery } from './parse-query.ts'
import { comparedRange, isInCalendar, rangeText } from './periods.ts'
import { askRest, type Rest } from './rest-row.ts'
import { fits, type Page, pageOf } from './rows.ts'

/** Where `all` begins to look: no hit of a shop is older than the clock that its time is counted in. */
const earliestMs = 0

export interface QueryRequest {
  readonly merchant: Merchant
  /** Parsed JSON. */
  readonly body: unknown
  /** Aborted when the client has left. */
  readonly signal?: AbortSignal
}

export interface Queries {
  /**
   * @throws ProblemError 400 (`bad_query`, `unknown_metric`, `unknown_dimension`, `unknown_zone`), 422 (`too_many_buckets`,
   *   `zone_not_aligned`), 503 `query_timeout`; RawBudgetError, TooManyGroupsError, EngineUnavailableError
   */
  answer(request: QueryRequest): Promise<QueryAnswer>
}

export interface QueriesOptions {
  readonly cells: Cells
  readonly versions: Pick<Versions, 'stale'>
  readonly freshness: Freshness
  readonly clock: Pick<Clock, 'now'>
  readonly timers: Timers
  readonly maxBuckets?: number
  readonly deadlineMs?: number
}

/** The same question over two times: the one asked about, and the one compared with. */
interface Side {
  readonly range: DateRange
  readonly question: NumbersQuestion
  readonly numbers: Numbers
}

export function createQueries(options: QueriesOptions): Queries {
  const { cells, versions, freshness, clock, timers, maxBuckets } = options
  const { deadlineMs = defaultQueryDeadlineMs } = options
  const bucketsOf = (unit: ParsedQuery['unit'], zone: string, range: DateRange) =>
    planBuckets({ unit, zone, range, ...(maxBuckets === undefined ? {} : { maxBuckets }) })

  async function answer({ merchant, body }: QueryRequest, signal: AbortSignal): Promise<QueryAnswer> {
    const asOf = freshness.read()
    const nowMs = clock.now()
    const query = parseQuery(body, { merchantZone: merchant.timeZone, nowMs })
    const hash = hashOf(merchant, query, body)
    const range = await rangeOf(merchant, query, hash, { asOf, nowMs }, signal)
    const comparedWith = compared(query, range)
    const [main, other] = await Promise.all([
      ask(merchant, query, range, { asOf, now: nowMs }, signal),
      comparedWith === undefined ? undefined : ask(merchant, query, comparedWith, { asOf, now: nowMs }, signal),
    ])
    // Without time the groups of truncated breakdowns belong to what is behind the cut; with time, each to its bucket.
    const othersAreRows = query.unit !== null && query.values.length > 0
    const ordered = main.numbers.rows.filter((row) => othersAreRows || !row.other)
    const rows = query.dimensions.length === 0 && ordered.length === 0 ? [emptyRow] : ordered
    const page = pageOf(rows, query, { after: query.cursor?.place, limit: query.limit })
    const rest = await askRests(query, page, main, other, signal)
    return finish({ merchant, query, hash, main, other, page, rest })
  }

  async function ask(
    merchant: Merchant,
    query: ParsedQuery,
    range: DateRange,
    times: { readonly asOf: number; readonly now: number },
    signal: AbortSignal,
  ): Promise<Side> {
    const { zone, unit, values: dimensions, filter, metrics } = query
    const buckets = bucketsOf(unit, zone, range)
    const needs = needsOf(metrics)
    const question = { merchant, zone, buckets, dimensions, filter, needs, ...times }
    return { range, question, numbers: await askNumbers(cells, question, signal) }
  }

  /** What is behind the page as one row, in both times; undefined where there is none, or time tells rows apart. */
  async function askRests(
    query: ParsedQuery,
    page: Page,
    main: Side,
    other: Side | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly main: Rest; readonly other: Rest | undefined } | undefined> {
    if (query.unit !== null || query.values.length === 0) return undefined
    const shown = page.through.map(({ row }) => row)
    const known = new Set(shown.map(valuesKey))
    const restOf = async ({ question, numbers }: Side) => {
      const rest = numbers.rows.filter((row) => row.other || !known.has(valuesKey(row)))
      return rest.length === 0 ? undefined : askRest(cells, question, { shown, rest }, signal)
    }
    const [mainRest, otherRest] = await Promise.all([restOf(main), other && restOf(other)])
    return mainRest && { main: mainRest, other: otherRest }
  }

  function finish(made: {
    readonly merchant: Merchant
    readonly query: ParsedQuery
    readonly hash: string
    readonly main: Side
    readonly other: Side | undefined
    readonly page: Page
    readonly rest: { readonly main: Rest; readonly other: Rest | undefined } | undefined
  }): QueryAnswer {
    const { merchant, query, hash, main, other, page, rest } = made
    const { metrics, zone } = query
    const facts = { query, minorDigits: minorDigitsOf(merchant.currency), buckets: main.question.buckets }
    const before = new Map(other?.numbers.rows.map((row) => [placeKey(row), row]))
    const comparison = (row: NumbersRow) => (other === undefined ? undefined : (before.get(placeKey(row)) ?? emptyRow))
    const rows = page.shown.map(({ row }) => answerRow(row, comparison(row), facts))
    const restRow = rest && { ...emptyRow, values: query.values.map(() => ''), other: true, ...rest.main }
    const restBefore = other && { ...emptyRow, ...rest?.other }
    if (restRow !== undefined) rows.push(answerRow(restRow, restBefore, facts))
    const last = page.shown.at(-1)
    const nextCursor =
      page.behind.length === 0 || last === undefined
        ? undefined
        : cursorText({ question: hash, fromMs: main.range.fromMs, toMs: main.range.toMs, place: last.place })
    const answers = [main.numbers, ...(other ? [other.numbers] : []), ...(rest ? [rest.main, rest.other] : [])]
    const counted = [...page.shown.flatMap(({ row }) => [row, comparison(row)]), restRow, restBefore]
    return {
      columns: { dimensions: query.dimensions.map(({ name }) => name), metrics },
      rows,
      meta: answerMeta({
        merchant,
        zone,
        metrics,
        generation: Math.max(...answers.flatMap((each) => each?.generation ?? [])),
        buckets: main.question.buckets,
        compareBuckets: other?.question.buckets,
        served: main.numbers.served,
        rows: counted.flatMap((row) => row ?? []),
        allRows: main.numbers.rows,
        end: main.question.buckets.at(-1)?.end ?? main.range.toMs,
        asOf: Math.min(...answers.flatMap((each) => each?.asOf ?? [])),
        stale: versions.stale || answers.some((each) => each?.stale),
        nextCursor,
      }),
      query: {
        merchant: merchant.id,
        metrics,
        dateRange: rangeText(zone, main.range),
        dimensions: query.dimensions.map(({ name }) => name),
        filters: query.sentFilters,
        timeZone: zone,
        orderBy: query.orderBy.map(({ name, direction }) => [name, direction] as const),
        limit: query.limit,
        ...(other && { compare: rangeText(zone, other.range) }),
      },
    }
  }

  async function rangeOf(
    merchant: Merchant,
    query: ParsedQuery,
    hash: string,
    at: { readonly asOf: number; readonly nowMs: number },
    signal: AbortSignal,
  ): Promise<DateRange> {
    const { cursor, range } = query
    if (cursor !== undefined) {
      const pinned = { fromMs: cursor.fromMs, toMs: cursor.toMs, endsNow: false }
      if (cursor.question === hash && isInCalendar(pinned) && fits(cursor.place, query)) return pinned
      throw refusal([bad('/cursor', 'this cursor belongs to another question; ask that one, or without a cursor')])
    }
    return range === 'all' ? everything(merchant, query.zone, at, signal) : range
  }

  /** From the first month (the merchant's) that any hit but a bot's falls into, to the end of today; today where none does. */
  async function everything(
    merchant: Merchant,
    zone: string,
    { asOf, nowMs }: { readonly asOf: number; readonly nowMs: number },
    signal: AbortSignal,
  ): Promise<DateRange> {
    const unit = 'month'
    const toMs = nowMs + 1
    const buckets = planBuckets({ unit, zone: merchant.timeZone, range: { fromMs: earliestMs, toMs, endsNow: true } })
    const asked = { merchant: merchant.id, buckets, dimensions: [], filter: null, asOf }
    // Hours of a former zone may begin a little before the month of their hits, never after: at worst it begins a month early.
    const source = planHits({ ...asked, zone: merchant.timeZone, merchantZone: merchant.timeZone })
    const { cells: months } = await cells.hits({ ...asked, source, parts: [] }, { signal })
    const first = buckets[months.findIndex(({ groups }) => groups.length > 0)] as BucketRange | undefined
    const today = localDate(zone, nowMs)
    const fromMs = startOfLocalDate(zone, first === undefined ? today : localDate(zone, first.start))
    return { fromMs, toMs: calendarBucket('day', zone, nowMs).end, endsNow: true }
  }

  return {
    async answer(request) {
      return withDeadline({ timers, deadlineMs, client: request.signal }, (signal) => answer(request, signal))
    },
  }
}

const emptyRow: NumbersRow = { bucket: 0, values: [], other: false, hits: undefined, visits: undefined }

function compared({ comparison, zone }: ParsedQuery, range: DateRange): DateRange | undefined {
  if (comparison === undefined) return undefined
  const other = comparedRange(range, comparison, zone)
  if (other !== undefined && isInCalendar(other)) return other
  throw refusal([bad('/compare', 'the calendar does not go back that far')])
}

/** Rows of two times belong together by the number of their bucket and their values. */
function placeKey({ bucket, values, other }: NumbersRow): string {
  return JSON.stringify([bucket, other, ...values])
}

function valuesKey({ values }: NumbersRow): string {
  return JSON.stringify(values)
}

/** The range as it was sent: of a relative one, the cursor itself holds which time it was. */
function hashOf(merchant: Merchant, query: ParsedQuery, body: unknown): string {
  const { dateRange, compare } = isRecord(body) ? body : {}
  const names = query.dimensions.map(({ name }) => name)
  const { metrics, filter, zone, orderBy } = query
  return questionHash([merchant.id, merchant.currency, metrics, names, filter, zone, orderBy, dateRange, compare])
}
