/** What reruns read of the accepted tables, in SQL: rows of a split, and hits as their hours are computed of. */

import { dayMs, hourMs, utcDay } from '../../../core/event-time.ts'
import { type GenerationPlace, generationTime } from '../../../core/generations.ts'
import { merchantPart } from '../../../core/merchant-part.ts'
import type { AnsweringRows, SplitHours, SplitRows } from '../../../core/ports/rerun-lake.ts'
import type { LakeRow } from '../../../core/tables.ts'
import { longestHourMs } from '../../../core/time/calendar.ts'
import { tables } from '../../../schemas/tables.ts'
import { partitionTime } from '../partition.ts'
import {
  and,
  anyOf,
  arithmetic,
  boolean,
  column,
  compare,
  type Expression,
  instant,
  not,
  or,
  type Select,
  text,
  whole,
} from './ast.ts'
import type { HourlyQuestion } from './hourly-select.ts'
import { ofGenerationMap } from './of-generations.ts'

/** Columns that `isOfSplit` reads. */
export function splitColumns({ rows: { table } }: Pick<SplitRows, 'rows'>): readonly string[] {
  return ['merchant', '_publish', '_gen', partitionTime(tables[table]).column]
}

/** Whether a row of `as` is one of the split, generations and places apart but for what they rule out. */
export function isOfSplit(split: SplitRows, as: string): Expression {
  const { rows, day, part, parts, generations, merchants, time } = split
  const publish = column('_publish', as)
  const at = column(partitionTime(tables[rows.table]).column, as)
  const parted = { kind: 'hashOf', text: column('merchant', as) } as const
  const cut = { kind: 'floorDivide', of: parted, by: parts } as const
  return and(
    { kind: 'in', of: column('_gen', as), literals: generations.map((value) => ({ type: 'whole', value })) },
    compare(publish, '>', whole(rows.after)),
    ...(rows.through === null ? [] : [compare(publish, '<=', whole(rows.through))]),
    ...(day === null ? [] : [compare(at, '>=', instant(day * dayMs)), compare(at, '<', instant((day + 1) * dayMs))]),
    ...(merchants === null ? [] : [anyOf(column('merchant', as), merchants)]),
    ...(parts === 1 ? [] : [compare(arithmetic(parted, '-', arithmetic(cut, '*', whole(parts))), '=', whole(part))]),
    // A refused hit lies where it was received.
    ...(rows.table === 'hits' && time.from !== null ? [compare(at, '>=', instant(time.from))] : []),
    ...(rows.table === 'hits' && time.to !== null ? [compare(at, '<', instant(time.to))] : []),
  )
}

/** The same of a row in JavaScript. */
export function splitTest(split: SplitRows): (row: LakeRow) => boolean {
  const { rows, day, part, parts, generations, merchants, time } = split
  const { column: dayColumn } = partitionTime(tables[rows.table])
  const { from, to } = rows.table === 'hits' ? time : { from: null, to: null }
  return (row) => {
    const publish = Number(row._publish)
    if (publish <= rows.after || (rows.through !== null && publish > rows.through)) return false
    if (day !== null && utcDay(Number(row[dayColumn])) !== day) return false
    if (!generations.includes(Number(row._gen))) return false
    if (merchants !== null && !merchants.includes(String(row.merchant))) return false
    if (parts > 1 && merchantPart(String(row.merchant), parts) !== part) return false
    const at = generationTime(rows.table, row)
    return (from === null || at >= from) && (to === null || at < to)
  }
}

/** Merchants with rows that answer. Columns: merchant. */
export function splitMerchantsSelect(split: AnsweringRows): Select {
  return {
    columns: [{ expression: column('merchant', 'hits'), as: 'merchant' }],
    from: { relation: { kind: 'table', table: 'hits', columns: splitColumns(split) }, as: 'hits' },
    where: and(isOfSplit(split, 'hits'), answers(split, 'hits')),
    distinct: 'distinct',
  }
}

/** Zones of the hits that hours are computed of. Columns: zone, hits. */
export function splitZonesSelect(split: SplitHours): Select {
  const zone = column('zone', 'hits')
  return {
    columns: [
      { expression: zone, as: 'zone' },
      { expression: { kind: 'count' }, as: 'hits' },
    ],
    from: {
      relation: { kind: 'select', select: splitHitsSelect(split, ['zone', 'merchant', '_gen', 'time']) },
      as: 'hits',
    },
    where: and(anyOf(column('merchant', 'hits'), split.of), answers(split, 'hits')),
    groupBy: [zone],
  }
}

/** Hits of the split as steps would take them now: what stands for the table `hits` in the query of its hours. */
export function splitHitsSelect(split: SplitHours, columns: readonly string[]): Select {
  const needed = [...columns, ...splitColumns(split), 'name', 'zone', '_src', '_part', '_off']
  return {
    columns: columns.map((name) => ({
      expression: name === 'zone' ? zoneOf(split, 'rows') : column(name, 'rows'),
      as: name,
    })),
    from: { relation: { kind: 'table', table: 'hits', columns: [...new Set(needed)] }, as: 'rows' },
    where: and(isOfSplit(split, 'rows'), ...beforeBarriers(split, 'rows'), ...notBlocked(split, 'rows')),
  }
}

/** The query over them: hours that begin in the split's day, or so shortly before that its hits belong there. */
export function splitQuestion(split: SplitHours): HourlyQuestion {
  const { answers: hitGenerations, of: merchants, generation, erased, day } = split
  if (day === null) throw new RangeError('hours are computed day by day')
  const range = { start: day * dayMs - longestHourMs, end: (day + 1) * dayMs }
  return { generation, hitGenerations, merchants, range, erased }
}

/** Whether an hour is of the places. */
export function isInPlaces(places: readonly GenerationPlace[], as: string): Expression {
  const at = column('bucket', as)
  return or(
    ...places.map(({ merchant, from, to }) =>
      and(
        boolean(true),
        ...(merchant === null ? [] : [compare(column('merchant', as), '=', text(merchant))]),
        ...(from === null ? [] : [compare(at, '>=', instant(from))]),
        ...(to === null ? [] : [compare(at, '<', instant(to))]),
      ),
    ),
  )
}

/** Places that may hold hours of the split: the others need not be asked for. */
export function placesOfSplit(split: Pick<SplitHours, 'places' | 'of' | 'day'>): readonly GenerationPlace[] {
  const { day } = split
  if (day === null) return split.places
  const start = day * dayMs - longestHourMs
  const merchants = new Set<string>(split.of)
  return split.places.filter(
    ({ merchant, from, to }) =>
      (merchant === null || merchants.has(merchant)) &&
      (from === null || from < (day + 1) * dayMs) &&
      (to === null || to > start),
  )
}

/** Two whose hours are together those of the split: by merchant, then by time down to an hour. Null: it cannot be cut. */
export function halvesOfHours(split: SplitHours): readonly [SplitHours, SplitHours] | null {
  const { of, places, day } = split
  if (of.length > 1) {
    const middle = of.length >> 1
    return [
      { ...split, of: of.slice(0, middle) },
      { ...split, of: of.slice(middle) },
    ]
  }
  const start = (day ?? 0) * dayMs - 2 * hourMs
  const end = ((day ?? 0) + 1) * dayMs
  const from = Math.max(start, Math.min(...places.map((place) => place.from ?? start)))
  const to = Math.min(end, Math.max(...places.map((place) => place.to ?? end)))
  const middle = Math.floor((from + to) / 2 / hourMs) * hourMs
  if (middle <= from || middle >= to) return null
  return [
    { ...split, places: cut(places, { from, to: middle }) },
    { ...split, places: cut(places, { from: middle, to }) },
  ]
}

function cut(places: readonly GenerationPlace[], { from, to }: { readonly from: number; readonly to: number }) {
  return places.flatMap((place) => {
    const [first, end] = [Math.max(place.from ?? from, from), Math.min(place.to ?? to, to)]
    return first < end ? [{ merchant: place.merchant, from: first, to: end }] : []
  })
}

function answers({ answers: map, day }: AnsweringRows, as: string): Expression {
  const range = day === null ? {} : { range: { start: day * dayMs, end: (day + 1) * dayMs } }
  return ofGenerationMap(map, 'hits', { as, time: 'time', ...range })
}

/** By zone, for an engine compiles no thousand of conditions. */
function zoneOf({ zones }: SplitHours, as: string): Expression {
  const zone = column('zone', as)
  if (zones.size === 0) return zone
  const branches = [...keysByValue(zones)].map(([value, merchants]) => ({
    when: anyOf(column('merchant', as), merchants),
    value: text(value),
  }))
  return { kind: 'case', branches, otherwise: zone }
}

function keysByValue(entries: Iterable<readonly [key: string, value: string]>): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>()
  for (const [key, value] of entries) {
    const keys = found.get(value)
    if (keys === undefined) found.set(value, [key])
    else keys.push(key)
  }
  return found
}

function beforeBarriers({ barriers }: SplitHours, as: string): readonly Expression[] {
  if (barriers === null) return []
  return [
    or(
      boolean(false),
      ...barriers.map(({ source, partition, next }) =>
        and(
          compare(column('_src', as), '=', text(source)),
          compare(column('_part', as), '=', whole(partition)),
          compare(column('_off', as), '<', whole(next)),
        ),
      ),
    ),
  ]
}

function notBlocked({ blocked }: SplitHours, as: string): readonly Expression[] {
  const pairs = [...blocked].flatMap(([merchant, names]) => names.map((name) => [merchant, name] as const))
  return [...keysByValue(pairs)].map(([name, merchants]) =>
    not(and(compare(column('name', as), '=', text(name)), anyOf(column('merchant', as), merchants))),
  )
}

/** By which a reader of a table of the lake skips files. */
export function splitFilter({ day, generations, merchants }: SplitRows) {
  const [only] = merchants ?? []
  return {
    ...(day !== null && { firstDay: day, lastDay: day }),
    generations,
    ...(merchants?.length === 1 && only !== undefined && { merchant: only }),
  }
}
