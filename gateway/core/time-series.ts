/**
 * Time series of one merchant: read the question, plan it, look its cells up, write the answer.
 *
 * Questions repeat (a dashboard asks the same each few seconds), so two things are kept per merchant and query string: the
 * plan, until the clock leaves the bucket it was made in where the range ends now; and the answer's text, under the
 * version of all days it covers. Such a repeat costs two look-ups and one splice of `asOf`.
 */
import { LRUCache } from 'lru-cache'
import { RawBudgetError } from '../../core/errors.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { Merchant } from '../../core/ports/control-store.ts'
import { calendarBucket } from '../../core/time/calendar.ts'
import { firstGeneration } from '../../schemas/tables.ts'
import type { Cells } from './cells.ts'
import type { Freshness } from './freshness.ts'
import { daysOf, defaultMaxBuckets, planSeries, type SeriesPlan } from './planner.ts'
import { ProblemError } from './problem.ts'
import { freshnessJson, seriesHead, seriesTail } from './time-series-body.ts'
import { parseTimeSeriesQuery, type QueryParameters, type TimeSeriesQuery } from './time-series-query.ts'
import type { Versions } from './versions.ts'

/** Memory of remembered plans and answers. */
export const defaultAnswersMaxBytes = 32 * 1024 * 1024
/** Longer query strings are answered, not remembered. */
export const rememberedQueryMaxLength = 512

export interface TimeSeriesRequest {
  readonly merchant: Merchant
  /** The query string as sent: equal text, equal question. */
  readonly search: string
  readonly parameters: QueryParameters
  /** Made only where an engine may have to be asked; aborted when the client has left. */
  readonly signal?: () => AbortSignal
}

export interface TimeSeries {
  /**
   * The answer's JSON; synchronously where it is remembered.
   * @throws ProblemError, EngineUnavailableError; as a rejection where the engine was asked
   */
  answer(request: TimeSeriesRequest): string | Promise<string>
}

interface Planned {
  readonly query: TimeSeriesQuery
  readonly plan: SeriesPlan
  readonly merchant: Merchant
  /** The plan is right while the clock is in here. */
  readonly validFrom: number
  readonly validUntil: number
  readonly firstDay: number
  readonly lastDay: number
  readonly end: number
  readonly text?: { readonly version: number; readonly head: string; readonly tail: string }
}

export function createTimeSeries(options: {
  readonly cells: Cells
  readonly versions: Pick<Versions, 'versionOf' | 'stale'>
  readonly freshness: Freshness
  readonly clock: Pick<Clock, 'now'>
  readonly generation?: number
  readonly maxBuckets?: number
  readonly answersMaxBytes?: number
}): TimeSeries {
  const { cells, versions, freshness, clock, generation = firstGeneration } = options
  const { maxBuckets = defaultMaxBuckets, answersMaxBytes = defaultAnswersMaxBytes } = options
  const remembered = new LRUCache<string, Planned>({ maxSize: answersMaxBytes, sizeCalculation: plannedBytes })

  function makePlan({ merchant, parameters }: TimeSeriesRequest): Planned {
    const nowMs = clock.now()
    const query = parseTimeSeriesQuery(parameters, { merchantZone: merchant.timeZone, nowMs })
    const { unit, zone, range } = query
    const plan = planSeries({ unit, zone, range, merchantZone: merchant.timeZone, maxBuckets })
    const current = range.endsNow ? calendarBucket(unit, zone, nowMs) : undefined
    const whole = { start: plan.buckets[0]?.start ?? range.fromMs, end: plan.buckets.at(-1)?.end ?? range.toMs }
    return {
      query,
      plan,
      merchant,
      validFrom: current?.start ?? Number.NEGATIVE_INFINITY,
      validUntil: current?.end ?? Number.POSITIVE_INFINITY,
      ...daysOf(whole, plan.source),
      end: whole.end,
    }
  }

  async function ask(key: string, planned: Planned, asOf: number, signal: AbortSignal | undefined): Promise<string> {
    const { query, plan, merchant, firstDay, lastDay } = planned
    // Read before the cells are: they are at least of this version.
    const version = versions.versionOf(merchant.id, firstDay, lastDay)
    const answer = await cells
      .series(
        { merchant: merchant.id, generation, breakdown: 'total', source: plan.source, buckets: plan.buckets, asOf },
        signal === undefined ? {} : { signal },
      )
      .catch((error) => {
        throw error instanceof RawBudgetError ? notAligned(query, merchant, error) : error
      })
    const stale = answer.stale || versions.stale
    const facts = {
      merchant: merchant.id,
      interval: query.unit,
      timeZone: query.zone,
      currency: merchant.currency,
      generation,
      metrics: query.metrics,
      plan,
      cells: answer.cells,
    }
    const head = seriesHead(facts)
    if (!stale && key.length <= rememberedQueryMaxLength) {
      const tail = seriesTail(facts, { cached: plan.buckets.length, stale: false })
      remembered.set(key, { ...planned, text: { version, head, tail } })
    }
    return head + freshnessJson(answer.asOf, planned.end) + seriesTail(facts, { cached: answer.cached, stale })
  }

  return {
    answer(request) {
      const { merchant, search } = request
      const key = `${merchant.id}?${search}`
      // Before anything is looked up, so that what is found holds at least what it promises.
      const asOf = freshness.read()
      let planned = remembered.get(key)
      if (planned === undefined || !isCurrent(planned, merchant, clock)) planned = makePlan(request)
      else if (planned.text !== undefined && !versions.stale) {
        const { version, head, tail } = planned.text
        if (versions.versionOf(merchant.id, planned.firstDay, planned.lastDay) === version) {
          return head + freshnessJson(asOf, planned.end) + tail
        }
      }
      return ask(key, planned, asOf, request.signal?.())
    },
  }
}

function isCurrent(planned: Planned, merchant: Merchant, clock: Pick<Clock, 'now'>): boolean {
  const { validFrom, validUntil, merchant: of } = planned
  if (of !== merchant && (of.timeZone !== merchant.timeZone || of.currency !== merchant.currency)) return false
  if (validUntil === Number.POSITIVE_INFINITY) return true
  const now = clock.now()
  return now >= validFrom && now < validUntil
}

function notAligned(query: TimeSeriesQuery, merchant: Merchant, error: RawBudgetError): ProblemError {
  const detail =
    `hours of ${query.zone} do not line up with the stored ones of ${merchant.timeZone}, and counting the hits ` +
    `themselves needs ${error.rows} rows of a budget of ${error.budget}; ask a shorter range or in ${merchant.timeZone}`
  return new ProblemError(422, 'zone_not_aligned', detail, { rows: error.rows, budget: error.budget }, { cause: error })
}

/** Text has one byte a character here (all of it is ASCII); a bucket of the plan is two boxed numbers in an object. */
function plannedBytes(planned: Planned, key: string): number {
  const { text, plan } = planned
  return 600 + key.length + plan.buckets.length * 72 + (text === undefined ? 0 : text.head.length + text.tail.length)
}
