/**
 * The numbers of a question, from cells: hits and visits are asked at the same time and joined by bucket and values. What
 * is missing on one side is zero there.
 */
import { EngineUnavailableError, RawBudgetError } from '../../../core/errors.ts'
import { dayMs } from '../../../core/event-time.ts'
import type { Merchant } from '../../../core/ports/control-store.ts'
import type { BucketRange, Dimension, Filter } from '../../../core/ports/query-engine.ts'
import { firstDayOfVisits, firstKeptDay } from '../../../core/retention.ts'
import { calendarBucket, isoWithOffset } from '../../../core/time/calendar.ts'
import { firstGeneration } from '../../../schemas/tables.ts'
import type { Cell, Cells, CellsAnswer, HitsNumbers, VisitsNumbers } from '../cells.ts'
import type { Needs } from '../metrics.ts'
import { type PlannedHits, planHitsByBucket } from '../planner.ts'
import { ProblemError } from '../problem.ts'
import { type HourZones, ZonesChangedError, zonePlansMax } from '../stored-hours.ts'
import type { ServedFrom } from './answer.ts'
import type { RowNumbers } from './metric-values.ts'

export interface NumbersQuestion {
  readonly merchant: Merchant
  /** Zone that the buckets were cut in. */
  readonly zone: string
  readonly buckets: readonly BucketRange[]
  readonly dimensions: readonly Dimension[]
  readonly filter: Filter | null
  readonly needs: Needs
  /** Freshness read before. */
  readonly asOf: number
  /** Ms: which days are kept. */
  readonly now: number
}

export interface NumbersRow extends RowNumbers {
  readonly bucket: number
  readonly values: readonly string[]
  /** All values of a truncated breakdown that were not kept. */
  readonly other: boolean
}

export interface Numbers {
  /** In no stated order; a bucket and values that nothing fell into have no row. */
  readonly rows: readonly NumbersRow[]
  readonly served: ServedFrom
  /** The highest that any of them is of. */
  readonly generation: number
  readonly asOf: number
  readonly stale: boolean
}

/** @throws ProblemError 422 `beyond_retention`, `zone_not_aligned`; RawBudgetError, TooManyGroupsError, EngineUnavailableError */
export async function askNumbers(cells: Cells, question: NumbersQuestion, signal?: AbortSignal): Promise<Numbers> {
  const { merchant, zone, buckets, dimensions, filter, needs, asOf } = question
  if (buckets.length === 0) return { rows: [], served: nothingServed, generation: firstGeneration, asOf, stale: false }
  if (needs.visits) refuseBeyondRetention(question, firstDayOfVisits(merchant, question.now))
  const asked = { merchant: merchant.id, buckets, dimensions, filter, asOf }
  const options = signal === undefined ? {} : { signal }
  const [hits, visits] = await Promise.all([
    needs.hits === null ? undefined : askHits(needs.hits),
    needs.visits ? cells.visits(asked, options) : undefined,
  ])
  return {
    rows: joined(hits?.cells, visits?.cells, buckets.length),
    served: countServed(buckets.length, [hits?.served, visits?.served]),
    generation: Math.max(hits?.generation ?? firstGeneration, visits?.generation ?? firstGeneration),
    asOf: Math.min(hits?.asOf ?? asOf, visits?.asOf ?? asOf),
    stale: hits?.stale === true || visits?.stale === true,
  }

  async function askHits(parts: NonNullable<Needs['hits']>): Promise<CellsAnswer<HitsNumbers>> {
    let zones: HourZones = merchant
    for (let plans = 1; ; plans++) {
      const holds = cells.storedHours(merchant.id, zones)
      const planned = planHitsByBucket({ buckets, zone, zones, holds, dimensions, filter })
      try {
        const answers = await Promise.all(planned.map((each) => askPlanned(each, parts, zones)))
        return inOrder(planned, answers, buckets.length)
      } catch (error) {
        if (!(error instanceof ZonesChangedError)) throw error
        if (plans === zonePlansMax) throw new EngineUnavailableError({ cause: error })
        zones = error.zones
      }
    }
  }

  async function askPlanned(
    { source, places }: PlannedHits,
    parts: NonNullable<Needs['hits']>,
    zones: HourZones,
  ): Promise<CellsAnswer<HitsNumbers>> {
    const own = { ...question, buckets: places.map((place) => buckets[place] as BucketRange) }
    if (source.from === 'raw') {
      const firstDay = firstKeptDay(merchant, question.now)
      if (source.formerly && isBefore(own, firstDay)) throw formerlyElsewhere(question, zones, keptFrom(own, firstDay))
      refuseBeyondRetention(own, firstDay)
    }
    try {
      return await cells.hits({ ...asked, buckets: own.buckets, source, parts }, options)
    } catch (error) {
      if (source.from !== 'raw' || !source.unaligned || !(error instanceof RawBudgetError)) throw error
      throw source.formerly ? formerlyElsewhere(question, zones, error) : notAligned(zone, zones, error)
    }
  }
}

/** Answers to parts of a question as one. */
function inOrder(
  planned: readonly PlannedHits[],
  answers: readonly CellsAnswer<HitsNumbers>[],
  buckets: number,
): CellsAnswer<HitsNumbers> {
  const [first, ...others] = answers
  if (first !== undefined && others.length === 0) return first
  const cells: CellsAnswer<HitsNumbers>['cells'][number][] = new Array(buckets)
  const served: CellsAnswer<HitsNumbers>['served'][number][] = new Array(buckets)
  answers.forEach((answer, i) => {
    planned[i]?.places.forEach((place, at) => {
      cells[place] = answer.cells[at] as Cell<HitsNumbers>
      served[place] = answer.served[at] ?? 'raw'
    })
  })
  return {
    cells,
    served,
    generation: Math.max(...answers.map(({ generation }) => generation)),
    asOf: Math.min(...answers.map(({ asOf }) => asOf)),
    stale: answers.some(({ stale }) => stale),
  }
}

/**
 * Numbers of days that are no longer kept would be a part and look like the whole. `firstDay`: the first UTC day there is.
 * @throws ProblemError 422 `beyond_retention`, with the first local day that can be asked
 */
function refuseBeyondRetention({ buckets, zone }: NumbersQuestion, firstDay: number | null): void {
  if (!isBefore({ buckets }, firstDay)) return
  const text = keptFrom({ zone }, firstDay)
  const detail =
    `this counts hits or visits themselves, which are kept from ${text} on; ask from that day on, or for metrics of hits ` +
    'by one stored dimension, which stay'
  throw new ProblemError(422, 'beyond_retention', detail, { firstDay: text })
}

function isBefore({ buckets: [first] }: Pick<NumbersQuestion, 'buckets'>, firstDay: number | null): firstDay is number {
  return firstDay !== null && first !== undefined && first.start < firstDay * dayMs
}

/** The first local date all of whose hits are kept. */
function keptFrom({ zone }: Pick<NumbersQuestion, 'zone'>, firstDay: number): string {
  const local = calendarBucket('day', zone, firstDay * dayMs)
  const start = local.start === firstDay * dayMs ? local.start : local.end
  return isoWithOffset(zone, start).slice(0, 10)
}

/** All buckets from the cache: how a repeat of the answer is served. */
export function allCached(buckets: number): ServedFrom {
  return { ...nothingServed, cache: buckets }
}

const nothingServed: ServedFrom = { cache: 0, rollup: 0, daily: 0, sessions: 0, raw: 0 }

function joined(
  hits: readonly Cell<HitsNumbers>[] | undefined,
  visits: readonly Cell<VisitsNumbers>[] | undefined,
  buckets: number,
): readonly NumbersRow[] {
  const rows: NumbersRow[] = []
  for (let bucket = 0; bucket < buckets; bucket++) {
    const rest = new Map(visits?.[bucket]?.groups.map((group) => [keyOf(group), group]))
    for (const { values, other, numbers } of hits?.[bucket]?.groups ?? []) {
      // Most questions have hits only: then there is nothing to join and no key to make.
      const key = rest.size === 0 ? '' : keyOf({ values, other })
      rows.push({ bucket, values, other, hits: numbers, visits: rest.get(key)?.numbers })
      rest.delete(key)
    }
    for (const { values, other, numbers } of rest.values()) {
      rows.push({ bucket, values, other, hits: undefined, visits: numbers })
    }
  }
  return rows
}

function keyOf({ values, other }: { readonly values: readonly string[]; readonly other: boolean }): string {
  return JSON.stringify([other, ...values])
}

function countServed(buckets: number, parts: readonly (CellsAnswer<unknown>['served'] | undefined)[]): ServedFrom {
  const counts: Record<keyof ServedFrom, number> = { ...nothingServed }
  for (let bucket = 0; bucket < buckets; bucket++) {
    const origins = new Set(parts.flatMap((served) => served?.[bucket] ?? []))
    if (origins.size > 1) origins.delete('cache')
    for (const origin of origins) counts[origin] += 1
  }
  return counts
}

/** `reason`: why the hits cannot be counted instead; or the first date that they are kept of. */
function formerlyElsewhere(
  { merchant, zone }: NumbersQuestion,
  { timeZone, formerZones = [] }: HourZones,
  reason: RawBudgetError | string,
): ProblemError {
  const former = formerZones.map((each) => each.timeZone).join(', ')
  const [why, facts, cause] =
    typeof reason === 'string'
      ? [`the hits themselves are kept from ${reason} on; ask from that day on`, { firstDay: reason }, {}]
      : [
          `counting the hits themselves needs ${reason.rows} rows of a budget of ${reason.budget}; ask a shorter range`,
          { rows: reason.rows, budget: reason.budget },
          { cause: reason },
        ]
  const detail =
    `${merchant.id} had other time zones before ${timeZone} (${former}), whose stored hours do not line up with the ` +
    `buckets asked for in ${zone}, and ${why}, or make the hours anew: ` +
    `hitlake rerun hits --merchant ${merchant.id} --zones today --snapshot latest`
  return new ProblemError(422, 'zone_not_aligned', detail, facts, cause)
}

function notAligned(zone: string, merchant: HourZones, error: RawBudgetError): ProblemError {
  const detail =
    `hours of ${zone} do not line up with the stored ones of ${merchant.timeZone}, and counting the hits ` +
    `themselves needs ${error.rows} rows of a budget of ${error.budget}; ask a shorter range or in ${merchant.timeZone}`
  return new ProblemError(422, 'zone_not_aligned', detail, { rows: error.rows, budget: error.budget }, { cause: error })
}
