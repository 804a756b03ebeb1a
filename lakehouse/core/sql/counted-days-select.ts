/**
 * In which days of `hourly` hits are counted: asked by the hour of UTC and the zone of the hit, decided here. Of visitors and
 * users only those that are asked for are told apart, so an answer is never as long as the hits are many.
 */
import { hourMs, utcDay } from '../../../core/event-time.ts'
import { type GenerationMap, generationFinder } from '../../../core/generations.ts'
import type { ErasedHits } from '../../../core/ports/erasure-store.ts'
import type { CountedDay } from '../../../core/ports/lake-removal.ts'
import { calendarBucket } from '../../../core/time/calendar.ts'
import { and, anyOf, boolean, column, type Expression, not, orElse, type Select } from './ast.ts'
import { isAnyRemoved } from './removed-rows.ts'

/** Columns: merchant, visitor, user (null: not asked for), zone, hour (since 1970, of UTC), generation, hits. */
export function countedHoursSelect(erased: readonly ErasedHits[]): Select {
  const keys: Select['columns'] = [
    { expression: column('merchant', 'hits'), as: 'merchant' },
    { expression: asked('visitor', erased), as: 'visitor' },
    { expression: asked('user', erased), as: 'user' },
    { expression: column('zone', 'hits'), as: 'zone' },
    {
      expression: { kind: 'floorDivide', of: { kind: 'epochMs', of: column('time', 'hits') }, by: hourMs },
      as: 'hour',
    },
    { expression: column('_gen', 'hits'), as: 'generation' },
  ]
  const columns = ['merchant', 'zone', 'time', 'received', 'visitor', 'user', 'bot', '_gen']
  return {
    columns: [...keys, { expression: { kind: 'count' }, as: 'hits' }],
    from: { relation: { kind: 'table', table: 'hits', columns }, as: 'hits' },
    where: and(not(orElse(column('bot', 'hits'), boolean(false))), isAnyRemoved(erased, 'hits', 'hits')),
    groupBy: keys.map(({ expression }) => expression),
  }
}

/** The value where it is one of those asked for. */
function asked(kind: 'visitor' | 'user', erased: readonly ErasedHits[]): Expression {
  const values = erased.flatMap(({ subject }) => (subject.kind === kind ? [subject.value] : []))
  const sayable = values.filter((value) => !/\p{Surrogate}/u.test(value))
  const held = column(kind, 'hits')
  const when = sayable.length === 0 ? boolean(false) : anyOf(held, sayable)
  return { kind: 'case', branches: [{ when, value: held }] }
}

export interface CountedHour {
  readonly merchant: string
  readonly visitor: string | null
  readonly user: string | null
  readonly zone: string
  readonly hour: number
  /** Hits of an hour are of one UTC day, so one generation of them answers. */
  readonly generation: number
  readonly hits: number
}

/**
 * In the order of the erasures, then by day; of each hour the hits that answer. Hits of an hour that midnight of a bucket cuts are counted on both days, and
 * hits of which another erasure says more are counted with each that names their subject.
 */
export function countedDaysOf(
  hours: Iterable<CountedHour>,
  generations: GenerationMap,
  erased: readonly ErasedHits[],
): readonly CountedDay[] {
  const answering = generationFinder(generations, 'hits')
  const bySubject = new Map<string, ErasedHits[]>()
  const keyOf = (merchant: string, kind: string, value: string | null) => JSON.stringify([merchant, kind, value])
  for (const each of erased) {
    const { merchant, subject } = each
    const key = keyOf(merchant, subject.kind, subject.kind === 'merchant' ? null : subject.value)
    bySubject.set(key, [...(bySubject.get(key) ?? []), each])
  }
  const counts = new Map<ErasedHits, Map<number, number>>(erased.map((each) => [each, new Map()]))
  for (const { merchant, visitor, user, zone, hour, generation, hits } of hours) {
    if (answering(merchant, hour * hourMs) !== generation) continue
    const named = [
      ...(bySubject.get(keyOf(merchant, 'merchant', null)) ?? []),
      ...(visitor === null ? [] : (bySubject.get(keyOf(merchant, 'visitor', visitor)) ?? [])),
      ...(user === null ? [] : (bySubject.get(keyOf(merchant, 'user', user)) ?? [])),
    ]
    const first = utcDay(calendarBucket('hour', zone, hour * hourMs).start)
    const last = utcDay(calendarBucket('hour', zone, (hour + 1) * hourMs - 1).start)
    for (const each of named) {
      const days = counts.get(each) ?? new Map<number, number>()
      for (const day of new Set([first, last])) days.set(day, (days.get(day) ?? 0) + hits)
    }
  }
  return [...counts].flatMap(([each, days]) =>
    [...days].sort(([a], [b]) => a - b).map(([day, hits]) => ({ merchant: each.merchant, day, hits, erased: each })),
  )
}
