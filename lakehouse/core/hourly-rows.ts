/** Rows of `hourly` computed from hits in plain JavaScript: what the SQL of lakehouse/core/sql/hourly-select.ts is held equal to. */
import { generationFinder } from '../../core/generations.ts'
import { breakdowns } from '../../core/ports/query-engine.ts'
import type { LakeRow, LakeValue } from '../../core/tables.ts'
import { calendarBucket } from '../../core/time/calendar.ts'
import { hourlyTable } from '../../schemas/tables.ts'
import { foldRows } from './fold.ts'
import { hitColumn } from './sql/dimensions.ts'
import { orderName, pageViewName } from './sql/hits-rows.ts'
import type { HourlyQuestion } from './sql/hourly-select.ts'

/** Without `_publish` and `_row`, in no stated order. `hits`: of whatever merchants and times, less what is erased. */
export function hourlyRows(
  question: Pick<HourlyQuestion, 'merchants' | 'generation' | 'hitGenerations' | 'range'>,
  hits: readonly LakeRow[],
): readonly LakeRow[] {
  const { generation, range } = question
  const wanted = new Set<string>(question.merchants)
  const answering = generationFinder(question.hitGenerations, 'hits')
  const partial = hits
    .filter(({ merchant, bot }) => wanted.has(String(merchant)) && bot !== true)
    .filter(({ merchant, time, _gen }) => Number(_gen) === answering(String(merchant), Number(time)))
    .flatMap((hit) => {
      const bucket = calendarBucket('hour', String(hit.zone), Number(hit.time)).start
      return bucket >= range.start && bucket < range.end ? rowsOf(hit, bucket, generation) : []
    })
  return foldRows(hourlyTable, partial)
}

/** One a breakdown, of one hit. */
function rowsOf(hit: LakeRow, bucket: number, generation: number): LakeRow[] {
  const { revenue_currency: currency } = hit
  const isForeign = (currency ?? null) !== null && currency !== (hit.currency ?? '')
  const counted = (is: boolean) => (is ? 1 : 0)
  const numbers = {
    merchant: hit.merchant,
    bucket,
    hits: 1,
    pageviews: counted(hit.name === pageViewName),
    visitors: (hit.visitor_hash ?? null) === null ? [] : [BigInt(hit.visitor_hash as bigint)],
    orders: counted(hit.name === orderName),
    revenue_micros: BigInt((hit.revenue_home_micros ?? 0) as bigint),
    load: (hit.load_bucket ?? null) === null ? null : [{ bucket: Number(hit.load_bucket), n: 1n }],
    other_revenue: isForeign
      ? [{ currency: currency as LakeValue, micros: BigInt((hit.revenue_micros ?? 0) as bigint) }]
      : null,
    other: false,
    _src: hit._src,
    _part: hit._part,
    _off_from: hit._off,
    _off_to: hit._off,
    _gen: generation,
  }
  return [
    { ...numbers, breakdown: 'total', value: '' },
    ...breakdowns.map((breakdown) => ({ ...numbers, breakdown, value: hit[hitColumn(breakdown)] ?? '' })),
  ]
}
