/** The query engine in plain JavaScript over any lake: slow, plain, and what the others are held equal to. */
import { RawBudgetError } from '../../../core/errors.ts'
import { utcDay } from '../../../core/event-time.ts'
import type { LakeReader } from '../../../core/ports/lake.ts'
import type { BucketRange, QueryEngine, SeriesQuestion, SeriesRow } from '../../../core/ports/query-engine.ts'
import { KmvBuilder } from '../../../core/sketch/kmv.ts'
import type { LakeRow, LakeValue } from '../../../core/tables.ts'
import { totalSketchSize } from '../../../schemas/tables.ts'
import { checkBuckets, orderName, pageViewName } from '../../core/sql/series-select.ts'

interface Sums {
  hits: bigint
  pageviews: bigint
  orders: bigint
  revenueMicros: bigint
  readonly visitors: KmvBuilder
}

/** Counts every row of the merchant and the days asked for against the budget. */
export function createMemoryQueryEngine({ lake }: { readonly lake: Pick<LakeReader, 'scan'> }): QueryEngine {
  return {
    async series(question, { signal }) {
      checkBuckets(question.buckets)
      const byBucket = new Map<number, Sums>()
      const add = question.from === 'rollup' ? addPartial : addHit
      const time = question.from === 'rollup' ? 'bucket' : 'time'
      let scanned = 0
      for await (const rows of lake.scan(question.view, filterOf(question))) {
        signal?.throwIfAborted()
        scanned += rows.length
        if (question.from === 'raw' && scanned > question.rawRowBudget) {
          throw new RawBudgetError(scanned, question.rawRowBudget)
        }
        for (const row of rows) {
          if (!belongs(row, question)) continue
          const bucket = bucketOf(question.buckets, Number(row[time]))
          if (bucket === undefined) continue
          let sums = byBucket.get(bucket)
          if (sums === undefined) {
            sums = { hits: 0n, pageviews: 0n, orders: 0n, revenueMicros: 0n, visitors: new KmvBuilder(totalSketchSize) }
            byBucket.set(bucket, sums)
          }
          add(sums, row)
        }
      }
      return [...byBucket].sort(([a], [b]) => a - b).map(([bucket, sums]) => toSeriesRow(bucket, sums))
    },
  }
}

function filterOf({ merchant, generation, buckets }: SeriesQuestion) {
  return {
    merchant,
    generation,
    firstDay: utcDay(buckets[0]?.start ?? 0),
    lastDay: utcDay((buckets.at(-1)?.end ?? 1) - 1),
  }
}

function belongs(row: LakeRow, question: SeriesQuestion): boolean {
  if (row.merchant !== question.merchant || Number(row._gen) !== question.generation) return false
  return question.from === 'rollup' ? row.breakdown === question.breakdown : row.bot === false
}

function addPartial(sums: Sums, row: LakeRow): void {
  sums.hits += whole(row.hits)
  sums.pageviews += whole(row.pageviews)
  sums.orders += whole(row.orders)
  sums.revenueMicros += whole(row.revenue_micros)
  for (const hash of (row.visitors ?? []) as readonly LakeValue[]) sums.visitors.add(whole(hash))
}

function addHit(sums: Sums, row: LakeRow): void {
  sums.hits += 1n
  if (row.name === pageViewName) sums.pageviews += 1n
  if (row.name === orderName) sums.orders += 1n
  sums.revenueMicros += whole(row.revenue_home_micros)
  if (row.visitor_hash !== null && row.visitor_hash !== undefined) sums.visitors.add(whole(row.visitor_hash))
}

function whole(value: LakeValue | undefined): bigint {
  return value === null || value === undefined ? 0n : BigInt(value as number | bigint)
}

/** Binary search: the range that holds `time`. */
function bucketOf(buckets: readonly BucketRange[], time: number): number | undefined {
  let low = 0
  let high = buckets.length - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    const range = buckets[middle]
    if (range === undefined) return undefined
    if (time < range.start) high = middle - 1
    else if (time >= range.end) low = middle + 1
    else return middle
  }
  return undefined
}

function toSeriesRow(bucket: number, { visitors, ...sums }: Sums): SeriesRow {
  const hashes = visitors.toSorted()
  return { bucket, ...sums, visitors: { kept: hashes.length, largest: hashes.at(-1) ?? null } }
}
