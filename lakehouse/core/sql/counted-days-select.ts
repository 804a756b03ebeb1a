/** In which days of `hourly` hits are counted: asked by the hour of UTC and the zone of the hit, decided here. */
import { hourMs, utcDay } from '../../../core/event-time.ts'
import type { MerchantId } from '../../../core/ids.ts'
import type { ErasedHits } from '../../../core/ports/erasure-store.ts'
import type { CountedDay } from '../../../core/ports/lake-removal.ts'
import { compareText } from '../../../core/text-order.ts'
import { calendarBucket } from '../../../core/time/calendar.ts'
import { and, boolean, column, compare, type Expression, not, orElse, type Select, whole } from './ast.ts'
import { isAnyRemoved } from './removed-rows.ts'

/** Columns: merchant, zone, hour (since 1970, of UTC), hits. */
export function countedHoursSelect(generation: number, erased: readonly ErasedHits[]): Select {
  const hour: Expression = { kind: 'floorDivide', of: { kind: 'epochMs', of: column('time', 'hits') }, by: hourMs }
  const keys = [
    { expression: column('merchant', 'hits'), as: 'merchant' },
    { expression: column('zone', 'hits'), as: 'zone' },
    { expression: hour, as: 'hour' },
  ]
  const columns = ['merchant', 'zone', 'time', 'received', 'visitor', 'user', 'bot', '_gen']
  return {
    columns: [...keys, { expression: { kind: 'count' }, as: 'hits' }],
    from: { relation: { kind: 'table', table: 'hits', columns }, as: 'hits' },
    where: and(
      compare(column('_gen', 'hits'), '=', whole(generation)),
      not(orElse(column('bot', 'hits'), boolean(false))),
      isAnyRemoved(erased, 'hits', 'hits'),
    ),
    groupBy: keys.map(({ expression }) => expression),
  }
}

export interface CountedHour {
  readonly merchant: string
  readonly zone: string
  readonly hour: number
  readonly hits: number
}

/** By (day, merchant). Hits of an hour that midnight of a bucket cuts are counted on both days. */
export function countedDaysOf(hours: Iterable<CountedHour>): readonly CountedDay[] {
  const counts = new Map<string, CountedDay>()
  for (const { merchant, zone, hour, hits } of hours) {
    const first = utcDay(calendarBucket('hour', zone, hour * hourMs).start)
    const last = utcDay(calendarBucket('hour', zone, (hour + 1) * hourMs - 1).start)
    for (const day of new Set([first, last])) {
      const key = `${day} ${merchant}`
      const before = counts.get(key)?.hits ?? 0
      counts.set(key, { merchant: merchant as MerchantId, day, hits: before + hits })
    }
  }
  return [...counts.values()].sort((a, b) => a.day - b.day || compareText(a.merchant, b.merchant))
}
