/**
 * Which rows answer, by the generation map: here and nowhere else, so that no row is counted in two generations or in none.
 * A row is placed by the time its table is partitioned by (`answerTime`), whose stretches begin and end at UTC midnights.
 */
import { dayMs, utcDay } from '../../../core/event-time.ts'
import {
  type GenerationEntry,
  type GenerationMap,
  type GenerationSink,
  type GenerationStretch,
  generationFinder,
  generationsOf,
  generationsOfMap,
  placesMeet,
  stretchesWithin,
} from '../../../core/generations.ts'
import type { MerchantId } from '../../../core/ids.ts'
import type { BucketRange } from '../../../core/ports/query-engine.ts'
import type { TableName } from '../../../core/tables.ts'
import { tables } from '../../../schemas/tables.ts'
import { partitionTime } from '../partition.ts'
import { and, column, compare, type Expression, instant, type LookedUp, or, orElse, text, whole } from './ast.ts'

/** Conditions of one statement, stretches or places; where there are more they are looked up: Trino compiles no thousand. */
export const generationConditionsMax = 64

/** Days of merchants that are looked up in one statement: their text stays below what Trino takes. */
export const generationDaysMax = 25_000

/** Derived tables answer as what they are made of does. */
export const sinkOfTable = {
  hits: 'hits',
  failed_hits: 'hits',
  hourly: 'hourly',
  daily: 'hourly',
  sessions: 'hits',
} as const satisfies Record<TableName, GenerationSink>

/** The column by which a table's rows are placed. `failed_hits` has no time of events: its rows are of no place. */
export function answerTime(table: Exclude<TableName, 'failed_hits'>): string {
  return partitionTime(tables[table]).column
}

/** Whether a row of the merchant that `stretches` are of answers, for rows whose `time` lies in the range. */
export function ofGenerations(
  stretches: readonly GenerationStretch[],
  as: string,
  time: string,
  { start, end }: BucketRange,
): Expression {
  const generation = column('_gen', as)
  const met = stretchesWithin(stretches, { from: start, to: end })
  const [first] = met
  if (first === undefined) throw new RangeError('stretches of generations cover all time')
  if (met.length === 1) return compare(generation, '=', whole(first.generation))
  const at = column(time, as)
  if (met.length > generationConditionsMax) return compare(generation, '=', lookedUpByDay(met, at))
  return or(
    ...met.map(({ from, to, generation: own }) =>
      and(
        compare(generation, '=', whole(own)),
        ...(from === null || from <= start ? [] : [compare(at, '>=', instant(from))]),
        ...(to === null || to >= end ? [] : [compare(at, '<', instant(to))]),
      ),
    ),
  )
}

/** Rows of many merchants. */
export interface PlacedRows {
  readonly as: string
  /** The column of their time. */
  readonly time: string
  /** All that may be among them; left out: any. */
  readonly merchants?: readonly MerchantId[]
  /** All of their times; left out: any. */
  readonly range?: BucketRange
}

/** Whether a row answers. */
export function ofGenerationMap(map: GenerationMap, sink: GenerationSink, rows: PlacedRows): Expression {
  const generation = column('_gen', rows.as)
  const among = amongOf(map, sink, rows)
  const [only, ...others] = among
  if (only !== undefined && others.length === 0) return compare(generation, '=', whole(only))
  return and(
    // What the second half implies: engines skip partitions by it.
    { kind: 'in', of: generation, literals: among.map((value) => ({ type: 'whole', value })) },
    compare(generation, '=', answering(map, sink, rows)),
  )
}

/** The generation that answers where the row is. @throws RangeError beyond `generationDaysMax` */
export function answering(map: GenerationMap, sink: GenerationSink, rows: PlacedRows): Expression {
  const among = amongOf(map, sink, rows)
  const [only, ...others] = among
  if (only !== undefined && others.length === 0) return whole(only)
  const met = map.entries.filter((entry) => entry.sink === sink && meets(entry, rows))
  if (met.length > generationConditionsMax) return lookedUp({ ...map, entries: met }, sink, rows)
  return {
    kind: 'case',
    // The last entry of a place counts.
    branches: [...met].reverse().map((entry) => ({ when: isIn(entry, rows), value: whole(entry.generation) })),
    otherwise: whole(map.base),
  }
}

/** The generations that rows of the map may be of, for skipping files. */
export function amongOf(
  map: GenerationMap,
  sink: GenerationSink,
  { merchants, range }: Pick<PlacedRows, 'merchants' | 'range'>,
): readonly number[] {
  return generationsOfMap(map, sink, {
    ...(merchants && { merchants }),
    ...(range && { range: { from: range.start, to: range.end } }),
  })
}

function meets(entry: GenerationEntry, { merchants, range }: PlacedRows): boolean {
  const { merchant } = entry
  if (merchants !== undefined && merchant !== null && !merchants.includes(merchant)) return false
  if (range === undefined) return true
  return placesMeet(entry, { merchant: null, from: range.start, to: range.end })
}

function isIn({ merchant, from, to }: GenerationEntry, { as, time, range }: PlacedRows): Expression {
  const at = column(time, as)
  const conditions = [
    ...(merchant === null ? [] : [compare(column('merchant', as), '=', text(merchant))]),
    ...(from === null || from <= (range?.start ?? Number.NEGATIVE_INFINITY) ? [] : [compare(at, '>=', instant(from))]),
    ...(to === null || to >= (range?.end ?? Number.POSITIVE_INFINITY) ? [] : [compare(at, '<', instant(to))]),
  ]
  return conditions.length === 0 ? { kind: 'literal', literal: { type: 'boolean', value: true } } : and(...conditions)
}

const dayText = (at: Expression): Expression => ({
  kind: 'asText',
  of: { kind: 'floorDivide', of: { kind: 'epochMs', of: at }, by: dayMs },
})

/** Of one merchant: the days between the first border and the last one by one, what lies before and after by their stretches. */
function lookedUpByDay(stretches: readonly GenerationStretch[], at: Expression): Expression {
  const [first, last] = [stretches[0], stretches.at(-1)]
  if (first === undefined || last === undefined) throw new RangeError('stretches of generations cover all time')
  const entries = stretches.slice(1, -1).flatMap(({ from, to, generation }): LookedUp[] => {
    if (generation === first.generation || from === null || to === null) return []
    return daysOf(from, to).map((day) => ({ path: [String(day)], value: generation }))
  })
  const before: Expression =
    entries.length === 0
      ? whole(first.generation)
      : orElse({ kind: 'lookUp', keys: [dayText(at)], entries }, whole(first.generation))
  return {
    kind: 'case',
    branches: [{ when: compare(at, '>=', instant(last.from ?? 0)), value: whole(last.generation) }],
    otherwise: before,
  }
}

/** Days of merchants that places name, one by one, where they differ from all others' days. */
function lookedUp(map: GenerationMap, sink: GenerationSink, rows: PlacedRows): Expression {
  const { as, time } = rows
  const range = rows.range ?? rangeOfBorders(map.entries)
  // Nobody's own places are among these.
  const common = { ...map, entries: map.entries.filter(({ merchant }) => merchant === null) }
  const stretches = generationsOf(common.entries, { sink, merchant: '' as MerchantId, base: map.base })
  const [first, ...more] = rows.range === undefined ? stretches : stretchesWithin(stretches, fromTo(range))
  const [commonAt, ownAt] = [generationFinder(common, sink), generationFinder(map, sink)]
  const named = new Set(map.entries.flatMap(({ merchant }) => (merchant === null ? [] : [merchant])))
  const entries = [...named].flatMap((merchant) =>
    daysOf(range.start, range.end).flatMap((day): LookedUp[] => {
      const own = ownAt(merchant, day * dayMs)
      return own === commonAt('', day * dayMs) ? [] : [{ path: [merchant, String(day)], value: own }]
    }),
  )
  if (entries.length > generationDaysMax) {
    throw new RangeError(`generations of ${entries.length} days of merchants; ${generationDaysMax} may be looked up`)
  }
  const at = column(time, as)
  const others =
    more.length === 0 ? whole(first?.generation ?? map.base) : lookedUpByDay([first as GenerationStretch, ...more], at)
  if (entries.length === 0) return others
  const day = rows.range === undefined ? clamped(at, range) : at
  return orElse({ kind: 'lookUp', keys: [column('merchant', as), dayText(day)], entries }, others)
}

/** From the day before the first border to the day after the last: beyond these every day answers as they do. */
function rangeOfBorders(entries: readonly GenerationEntry[]): BucketRange {
  const borders = entries.flatMap(({ from, to }) => [...(from === null ? [] : [from]), ...(to === null ? [] : [to])])
  const least = borders.reduce((a, b) => Math.min(a, b), borders[0] ?? 0)
  return { start: least - dayMs, end: borders.reduce((a, b) => Math.max(a, b), least) + dayMs }
}

function clamped(at: Expression, { start, end }: BucketRange): Expression {
  return {
    kind: 'case',
    branches: [
      { when: compare(at, '<', instant(start)), value: instant(start) },
      { when: compare(at, '>=', instant(end)), value: instant(end - 1) },
    ],
    otherwise: at,
  }
}

const fromTo = ({ start, end }: BucketRange) => ({ from: start, to: end })

function daysOf(from: number, to: number): readonly number[] {
  const first = utcDay(from)
  return Array.from({ length: utcDay(to - 1) - first + 1 }, (_, i) => first + i)
}
