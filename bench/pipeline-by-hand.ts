/**
 * What the pipeline `hits` makes, written by hand as one would who needs just this: the control of pipeline.bench.ts.
 * Plain maps and objects, a group a value, sketches cut when the epoch ends.
 */

import type { Hit, HitBatch } from '../core/hit.ts'
import type { LakeRow } from '../core/tables.ts'
import { compareText } from '../core/text-order.ts'
import { calendarBucket } from '../core/time/calendar.ts'
import { type EnrichedHit, enrich } from '../pipelines/jobs/enrich.ts'
import { govern } from '../pipelines/jobs/govern.ts'
import { hits as hitsSink } from '../pipelines/jobs/hit-sinks.ts'
import type { HitsContext } from '../pipelines/jobs/hits.ts'
import { feedHit } from '../pipelines/runtime/partition.ts'
import { breakdownSketchSize, totalSketchSize } from '../schemas/tables.ts'

const run = { plan: 'by hand', dataSets: '{}', source: 'log-1', partition: 0, generation: 1 }

class Totals {
  hits = 0
  pageviews = 0
  orders = 0
  revenue = 0n
  readonly visitors: bigint[] = []
  load: Map<number, bigint> | null = null
  otherRevenue: Map<string, bigint> | null = null
  lastOffset: number

  constructor(readonly firstOffset: number) {
    this.lastOffset = firstOffset
  }

  add(hit: EnrichedHit): void {
    this.hits += 1
    this.lastOffset = hit.position.offset
    if (hit.isPageView) this.pageviews += 1
    if (hit.isOrder) this.orders += 1
    if (hit.revenueHomeMicros !== 0n) this.revenue += hit.revenueHomeMicros
    this.visitors.push(hit.visitorHash)
    if (hit.loadBucket !== null) {
      this.load ??= new Map()
      this.load.set(hit.loadBucket, (this.load.get(hit.loadBucket) ?? 0n) + 1n)
    }
    if (hit.otherCurrency !== null) {
      this.otherRevenue ??= new Map()
      this.otherRevenue.set(
        hit.otherCurrency,
        (this.otherRevenue.get(hit.otherCurrency) ?? 0n) + hit.otherRevenueMicros,
      )
    }
  }
}

interface Hour {
  readonly merchant: string
  readonly bucket: number
  readonly breakdowns: Readonly<Record<string, Map<string, Totals>>>
}

/** The rows of `hourly` of some hits. */
export class HoursByHand {
  readonly #hours = new Map<string, Hour>()

  add(hit: EnrichedHit): void {
    const { start } = calendarBucket('hour', hit.zone, hit.time)
    const key = `${hit.merchant} ${start}`
    let hour = this.#hours.get(key)
    if (hour === undefined) {
      hour = { merchant: hit.merchant, bucket: start, breakdowns: emptyBreakdowns() }
      this.#hours.set(key, hour)
    }
    const { total, name, page, source, country, device, browser, campaign } = hour.breakdowns
    count(total, '', hit)
    count(name, hit.name, hit)
    count(page, hit.path, hit)
    count(source, hit.trafficSource, hit)
    count(country, hit.country, hit)
    count(device, hit.device, hit)
    count(browser, hit.browser, hit)
    count(campaign, hit.campaign, hit)
  }

  rows(): LakeRow[] {
    const rows: LakeRow[] = []
    for (const { merchant, bucket, breakdowns } of this.#hours.values()) {
      for (const [breakdown, values] of Object.entries(breakdowns)) {
        for (const [value, totals] of values) rows.push(rowOf({ merchant, bucket, breakdown, value }, totals))
      }
    }
    return rows
  }
}

const names = ['total', 'name', 'page', 'source', 'country', 'device', 'browser', 'campaign'] as const

function emptyBreakdowns(): Hour['breakdowns'] & Record<(typeof names)[number], Map<string, Totals>> {
  return {
    ...{ total: new Map(), name: new Map(), page: new Map(), source: new Map() },
    ...{ country: new Map(), device: new Map(), browser: new Map(), campaign: new Map() },
  }
}

function count(values: Map<string, Totals> | undefined, of: string | null, hit: EnrichedHit): void {
  const value = of ?? ''
  let totals = values?.get(value)
  if (totals === undefined) {
    totals = new Totals(hit.position.offset)
    values?.set(value, totals)
  }
  totals.add(hit)
}

function rowOf(
  key: {
    readonly merchant: string
    readonly bucket: number
    readonly breakdown: string
    readonly value: string
  },
  totals: Totals,
): LakeRow {
  const { load, otherRevenue } = totals
  return {
    merchant: key.merchant,
    bucket: key.bucket,
    breakdown: key.breakdown,
    value: key.value,
    hits: totals.hits,
    pageviews: totals.pageviews,
    visitors: kSmallest(totals.visitors, key.breakdown === 'total' ? totalSketchSize : breakdownSketchSize),
    orders: totals.orders,
    revenue_micros: totals.revenue,
    load: load && [...load].sort(([a], [b]) => a - b).map(([bucket, n]) => ({ bucket, n })),
    other_revenue:
      otherRevenue &&
      [...otherRevenue].sort(([a], [b]) => compareText(a, b)).map(([currency, micros]) => ({ currency, micros })),
    other: false,
    _src: run.source,
    _part: run.partition,
    _off_from: totals.firstOffset,
    _off_to: totals.lastOffset,
    _gen: run.generation,
  }
}

/** Rising and distinct, at most `k`. */
function kSmallest(hashes: readonly bigint[], k: number): readonly bigint[] {
  if (hashes.length <= 1) return hashes
  const distinct: bigint[] = []
  for (const hash of BigUint64Array.from(hashes).sort()) {
    if (hash === distinct.at(-1)) continue
    if (distinct.length === k) break
    distinct.push(hash)
  }
  return distinct
}

/** All of the pipeline, batch by batch. */
export class PipelineByHand {
  readonly #seen = new Set<string>()
  #hours = new HoursByHand()
  #hits: LakeRow[] = []

  constructor(private readonly context: HitsContext) {}

  /** Rows of `hits` since the last `take`. */
  get size(): number {
    return this.#hits.length
  }

  add(batch: HitBatch, offset: number): void {
    for (let index = 0; index < batch.hits.length; index++) {
      const one = feedHit(batch, batch.hits[index] as Hit, 'log-1', 0, offset as never, index)
      const key = `${one.merchant} ${one.id}`
      if (this.#seen.has(key)) continue
      this.#seen.add(key)
      const governed = govern(enrich(one, this.context), this.context)
      if (governed.to === 'quarantined') continue
      this.#hits.push(hitsSink.toRow(governed.row, run))
      if (!governed.row.bot) this.#hours.add(governed.row)
    }
  }

  /** Hands over what the epoch made. */
  take(): { readonly hits: readonly LakeRow[]; readonly hourly: readonly LakeRow[] } {
    const made = { hits: this.#hits, hourly: this.#hours.rows() }
    this.#hits = []
    this.#hours = new HoursByHand()
    return made
  }
}
