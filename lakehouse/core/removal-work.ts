/** What calls of `LakeRemoval` must be like, the same in every lake. */
import { dayMs, utcDay } from '../../core/event-time.ts'
import type { MerchantId } from '../../core/ids.ts'
import type { ScanFilter } from '../../core/ports/lake.ts'
import {
  type RecomputedDay,
  type RecomputeWork,
  type RemovedRows,
  recomputedDaysMax,
  removedRowsMax,
} from '../../core/ports/lake-removal.ts'
import type { LakeRow, TableName } from '../../core/tables.ts'
import { tables } from '../../schemas/tables.ts'
import { erasedRowTest } from './erased-rows.ts'
import { partitionTime } from './partition.ts'
import { and, boolean, column, compare, type Expression, or, whole } from './sql/ast.ts'
import { type HourlyQuestion, hourlyReadRange } from './sql/hourly-select.ts'
import { amongOf } from './sql/of-generations.ts'

/** @throws RangeError */
export function checkRemovedRows(rows: readonly RemovedRows[]): void {
  if (rows.length > removedRowsMax) throw new RangeError(`${rows.length} conditions at once; ${removedRowsMax} may be`)
}

/** @throws RangeError for a table that is not partitioned by generation, and beyond `removedRowsMax` generations */
export function checkRemovedGenerations(table: TableName, generations: readonly number[]): void {
  if (!tables[table].partition.generation) throw new RangeError(`${table} is not partitioned by generation`)
  if (generations.length > removedRowsMax) {
    throw new RangeError(`${generations.length} generations at once; ${removedRowsMax} may be`)
  }
}

/** @throws RangeError where the days are none, too many, or not of one UTC day */
export function dayOfWork({ days }: Pick<RecomputeWork, 'days'>): number {
  const [first] = days as readonly [RecomputedDay?]
  if (first === undefined || days.length > recomputedDaysMax) {
    throw new RangeError(`1 to ${recomputedDaysMax} days are computed again at once, not ${days.length}`)
  }
  if (days.some(({ day }) => day !== first.day)) throw new RangeError('days computed again at once are of one UTC day')
  return first.day
}

/** What is asked of `hits`, and which files of it can be skipped. */
export function hourlyQuestionOf(work: RecomputeWork): HourlyQuestion & { readonly reads: ScanFilter } {
  const day = dayOfWork(work)
  const merchants = [...new Set<MerchantId>(work.days.map(({ merchant }) => merchant))]
  const range = { start: day * dayMs, end: (day + 1) * dayMs }
  const read = hourlyReadRange({ range })
  const [only] = merchants
  const reads = {
    generations: amongOf(work.hitGenerations, 'hits', { merchants, range: read }),
    firstDay: utcDay(read.start),
    lastDay: utcDay(read.end - 1),
    ...(merchants.length === 1 && only !== undefined && { merchant: only }),
  }
  const { generation, hitGenerations, erased } = work
  return { generation, hitGenerations, merchants, range, erased, reads }
}

/** The day before the last that engines can write. */
const lastDayOfAll = utcDay(Date.UTC(9999, 11, 30))

/**
 * Stretch of UTC days in which such rows can lie, where they say one: events are never after their receipt, and failed hits
 * are kept by their receipt.
 */
export function removedDays(rows: RemovedRows): { readonly firstDay?: number; readonly lastDay: number } {
  if ('generations' in rows) return { lastDay: lastDayOfAll }
  if ('before' in rows) return { lastDay: utcDay(rows.before - 1) }
  if ('publishBelow' in rows) return { firstDay: utcDay(rows.start), lastDay: utcDay(rows.end - 1) }
  return { lastDay: utcDay(rows.through) }
}

/** Whether a row goes for any of these; what `isAnyRemoved` says in SQL. */
export function removedRowTest(rows: readonly RemovedRows[], table: TableName): (row: LakeRow) => boolean {
  const { column } = partitionTime(tables[table])
  const isErased = erasedRowTest(
    rows.flatMap((each) => ('subject' in each ? [each] : [])),
    table,
  )
  return (row) =>
    isErased(row) ||
    rows.some((each) => {
      if ('generations' in each) return each.generations.includes(Number(row._gen))
      if ('subject' in each || each.merchant !== row.merchant) return false
      const time = Number(row[column])
      if ('before' in each) return time < each.before
      return time >= each.start && time < each.end && Number(row._publish) < each.publishBelow
    })
}

/** Whether a row from this partition and up to this place lies beyond what both jobs have read. */
export function isBeyond({ both = [] }: Pick<RecomputeWork, 'both'>, partition: number, last: number): boolean {
  return both.some((each) => each.partition === partition && last >= each.next)
}

/** The same as a condition on rows of a relation; `last`: the column of the place. */
export function beyondCondition({ both = [] }: Pick<RecomputeWork, 'both'>, last: string, as: string): Expression {
  const parts = both.map(({ partition, next }) =>
    and(compare(column('_part', as), '=', whole(partition)), compare(column(last, as), '>=', whole(next))),
  )
  return parts.length === 0 ? boolean(false) : or(...parts)
}
