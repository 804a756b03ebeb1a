/**
 * Time series of one merchant: read the question, plan it, look its cells up, write the answer.
 *
 * Questions repeat (a dashboard asks the same each few seconds), so two things are kept per merchant and query string: the
 * plan, until the clock leaves the bucket it was made in where the range ends now; and the answer's text, under the
 * version of all days it covers. Such a repeat costs two look-ups and one splice of `asOf`.
 */
import { LRUCache } from 'lru-cache'
import type { Clock, Timers } from '../../core/ports/clock.ts'
import type { Merchant } from '../../core/ports/control-store.ts'
import type { BucketRange } from '../../core/ports/query-engine.ts'
import { calendarBucket, isoWithOffset } from '../../core/time/calendar.ts'
import type { Cells } from './cells.ts'
import { formatOf } from './formats/format.ts'
import { type Representation, represented } from './formats/representation.ts'
import { contentHash, entityTag, standingMeta } from './formats/tag.ts'
import type { Freshness } from './freshness.ts'
import { needsOf } from './metrics.ts'
import { minorDigitsOf } from './numbers.ts'
import { bucketName, daysOf, defaultMaxBuckets, planBuckets } from './planner.ts'
import type { SeriesAnswer } from './query/answer.ts'
import { allCached, askNumbers, type Numbers, type NumbersRow } from './query/ask-numbers.ts'
import { answerMeta } from './query/build-answer.ts'
import { defaultQueryDeadlineMs, withDeadline } from './query/deadline.ts'
import { metricValue } from './query/metric-values.ts'
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
   * The answer as JSON; synchronously where it is remembered.
   * @throws ProblemError, RawBudgetError, EngineUnavailableError; as a rejection where the engine was asked
   */
  answer(request: TimeSeriesRequest): Representation | Promise<Representation>
  /** The answer itself, for other formats. Never remembered, though its cells are. @throws as `answer` */
  series(request: TimeSeriesRequest): Promise<SeriesAnswer>
}

interface Planned {
  readonly query: TimeSeriesQuery
  readonly buckets: readonly BucketRange[]
  readonly merchant: Merchant
  /** The plan is right while the clock is in here. */
  readonly validFrom: number
  readonly validUntil: number
  readonly firstDay: number
  readonly lastDay: number
  readonly end: number
  readonly text?: Remembered
}

interface Remembered {
  readonly version: number
  readonly head: string
  readonly tail: string
  /** Of the content without what moves while it stands (`formats/tag.ts`). */
  readonly hash: string
}

export function createTimeSeries(options: {
  readonly cells: Cells
  readonly versions: Pick<Versions, 'versionOf' | 'stale'>
  readonly freshness: Freshness
  readonly clock: Pick<Clock, 'now'>
  readonly timers: Timers
  readonly maxBuckets?: number
  readonly answersMaxBytes?: number
  readonly deadlineMs?: number
}): TimeSeries {
  const { cells, versions, freshness, clock, timers } = options
  const { maxBuckets = defaultMaxBuckets, answersMaxBytes = defaultAnswersMaxBytes } = options
  const { deadlineMs = defaultQueryDeadlineMs } = options
  const remembered = new LRUCache<string, Planned>({ maxSize: answersMaxBytes, sizeCalculation: plannedBytes })

  function makePlan({ merchant, parameters }: TimeSeriesRequest): Planned {
    const nowMs = clock.now()
    const query = parseTimeSeriesQuery(parameters, { merchantZone: merchant.timeZone, nowMs })
    const { unit, zone, range, metrics } = query
    const buckets = planBuckets({ unit, zone, range, maxBuckets })
    const current = range.endsNow ? calendarBucket(unit, zone, nowMs) : undefined
    const whole = { start: buckets[0]?.start ?? range.fromMs, end: buckets.at(-1)?.end ?? range.toMs }
    return {
      query,
      buckets,
      merchant,
      validFrom: current?.start ?? Number.NEGATIVE_INFINITY,
      validUntil: current?.end ?? Number.POSITIVE_INFINITY,
      // Those of raw rows hold those of the rollup, and those of visits both: a day too many costs a look-up at worst.
      ...daysOf(whole, needsOf(metrics).visits ? 'visits' : 'raw'),
      end: whole.end,
    }
  }

  function numbersOf(planned: Planned, asOf: number, client: AbortSignal | undefined): Promise<Numbers> {
    const { query, buckets, merchant } = planned
    const { zone, filter, metrics } = query
    const times = { asOf, now: clock.now() }
    const question = { merchant, zone, buckets, dimensions: [], filter, needs: needsOf(metrics), ...times }
    return withDeadline({ timers, deadlineMs, client }, (signal) => askNumbers(cells, question, signal))
  }

  /** `numbers` as an answer; `stale` besides what they say themselves. */
  function answerOf(planned: Planned, numbers: Numbers, stale: boolean): SeriesAnswer {
    const { query, buckets, merchant, end } = planned
    const { metrics, unit: interval, zone } = query
    const minorDigits = metrics.includes('revenue') ? minorDigitsOf(merchant.currency) : 0
    const rows = rowsByBucket(numbers.rows, buckets.length)
    // Buckets touch: one's end is the next one's start, and only the first and the last may be cut.
    const borders = buckets.map((bucket, i) =>
      i === 0 ? bucketName(interval, zone, bucket) : isoWithOffset(zone, bucket.start),
    )
    const last = buckets.at(-1)
    if (last !== undefined) borders.push(isoWithOffset(zone, calendarBucket(interval, zone, last.end - 1).end))
    return {
      merchant: merchant.id,
      interval,
      timeZone: zone,
      currency: merchant.currency,
      metrics,
      buckets: rows.map((row, i) => ({
        start: borders[i] as string,
        end: borders[i + 1] as string,
        metrics: metrics.map((metric) => metricValue(metric, row, minorDigits)),
      })),
      meta: answerMeta({
        merchant,
        zone,
        metrics,
        generation: numbers.generation,
        buckets,
        served: numbers.served,
        rows,
        allRows: numbers.rows,
        end,
        asOf: numbers.asOf,
        stale,
      }),
    }
  }

  async function ask(
    key: string,
    planned: Planned,
    asOf: number,
    client: AbortSignal | undefined,
  ): Promise<Representation> {
    const { buckets, merchant, firstDay, lastDay } = planned
    // Read before the cells are: they are at least of this version.
    const version = versions.versionOf(merchant.id, firstDay, lastDay)
    const numbers = await numbersOf(planned, asOf, client)
    const stale = numbers.stale || versions.stale
    const answer = answerOf(planned, numbers, stale)
    const { meta } = answer
    const head = seriesHead(answer)
    const hash = contentHash([head, standingMeta(meta)])
    if (!stale && key.length <= rememberedQueryMaxLength) {
      const tail = seriesTail({ ...meta, servedFrom: allCached(buckets.length) })
      remembered.set(key, { ...planned, text: { version, head, tail, hash } })
    }
    const body = head + freshnessJson(meta.asOf, meta.complete) + seriesTail(meta)
    return represented(meta, { format: 'json', body, hash })
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
        const { version } = planned.text
        if (versions.versionOf(merchant.id, planned.firstDay, planned.lastDay) === version) {
          return repeated(planned, planned.text, asOf)
        }
      }
      return ask(key, planned, asOf, request.signal?.())
    },
    async series(request) {
      const asOf = freshness.read()
      const planned = makePlan(request)
      const numbers = await numbersOf(planned, asOf, request.signal?.())
      return answerOf(planned, numbers, numbers.stale || versions.stale)
    },
  }
}

/** The remembered answer, as it is now. */
function repeated({ end, buckets }: Planned, { head, tail, hash }: Remembered, asOfMs: number): Representation {
  const asOf = new Date(asOfMs).toISOString()
  const complete = asOfMs >= end
  return {
    body: head + freshnessJson(asOf, complete) + tail,
    contentType: jsonType,
    tag: entityTag({ format: 'json', hash, complete, asOfMs, served: allCached(buckets.length) }),
    asOf,
  }
}

const jsonType = formatOf('json').contentType

/** One for each bucket; of nothing where nothing fell into it. What a truncated breakdown did not keep has no place here. */
function rowsByBucket(rows: readonly NumbersRow[], buckets: number): readonly NumbersRow[] {
  const byBucket = Array.from({ length: buckets }, (_, bucket): NumbersRow => ({ ...emptyRow, bucket }))
  for (const row of rows) if (!row.other) byBucket[row.bucket] = row
  return byBucket
}

const emptyRow: NumbersRow = { bucket: 0, values: [], other: false, hits: undefined, visits: undefined }

function isCurrent(planned: Planned, merchant: Merchant, clock: Pick<Clock, 'now'>): boolean {
  const { validFrom, validUntil, merchant: of } = planned
  const facts = ['timeZone', 'currency', 'retentionDays'] as const
  if (of !== merchant && facts.some((fact) => of[fact] !== merchant[fact])) return false
  if (validUntil === Number.POSITIVE_INFINITY) return true
  const now = clock.now()
  return now >= validFrom && now < validUntil
}

/** Text has one byte a character (all of it is ASCII); a bucket of the plan is two boxed numbers in an object. */
function plannedBytes(planned: Planned, key: string): number {
  const { text, buckets } = planned
  return 600 + key.length + buckets.length * 72 + (text === undefined ? 0 : text.head.length + text.tail.length)
}
