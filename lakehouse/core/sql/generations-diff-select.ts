/**
 * How the hours of a generation differ from those that answer without it: of each breakdown (and merchant) and metric how
 * many buckets there are, how many differ, both totals and the largest difference. Rows of `hourly` are merged first, as
 * every reader does. A bucket here is an hour of one value of a breakdown.
 */
import { type GenerationEntry, type GenerationPlace, placesMeet } from '../../../core/generations.ts'
import type { BucketRange } from '../../../core/ports/query-engine.ts'
import { type ChangedNumber, type GenerationMetric, generationMetrics } from '../../../core/ports/rerun-work.ts'
import { breakdownSketchSize, firstGeneration, totalSketchSize } from '../../../schemas/tables.ts'
import {
  and,
  anyOf,
  arithmetic,
  boolean,
  column,
  compare,
  type Expression,
  falling,
  instant,
  named,
  or,
  orElse,
  type Select,
  type Source,
  sumOrZero,
  text,
  whole,
} from './ast.ts'
import { answering, type PlacedRows } from './of-generations.ts'

export interface GenerationsQuestion {
  readonly generation: number
  readonly places: readonly GenerationPlace[]
  /** Of `hourly`, in order, without those of the generation. */
  readonly before: readonly GenerationEntry[]
  /** Of the hours of the places only those in it. */
  readonly within?: BucketRange
}

/** Where the selects below take the numbers of both sides from: `numbersSelect`, or a table that holds its rows. */
export type NumbersSource = Pick<Select, 'with' | 'from'>

/** The numbers of both sides, a row an hour and value: small, whatever the sketches were they are made of. */
export function numbersSelect(question: GenerationsQuestion): Select {
  return {
    with: [
      { name: 'sided', select: sidedRows(question) },
      { name: 'merged', select: merged },
    ],
    ...numbers,
  }
}

export function numbersOf(question: GenerationsQuestion): NumbersSource {
  const { with: relations = [], ...select } = numbersSelect(question)
  return { with: [...relations, { name: 'numbers', select }], from: named('numbers') }
}

/** One row a breakdown, over all merchants. */
export function totalsSelect(numbers: NumbersSource): Select {
  return { ...numbers, columns: answerColumns(['breakdown']), groupBy: [column('breakdown')] }
}

/** One row a merchant of these and breakdown. */
export function merchantsSelect(numbers: NumbersSource, merchants: readonly string[]): Select {
  const keys = ['merchant', 'breakdown']
  return {
    ...numbers,
    columns: answerColumns(keys),
    where: anyOf(column('merchant'), merchants),
    groupBy: keys.map((key) => column(key)),
  }
}

/** Merchants with differences, those with most first: merchant. */
export function changedMerchantsSelect({ with: relations = [], from }: NumbersSource, limit: number): Select {
  return {
    with: [...relations, { name: 'by_merchant', select: { ...byMerchant, from } }],
    columns: [{ expression: { kind: 'texts', of: [column('merchant')] }, as: 'merchant' }],
    from: named('by_merchant'),
    where: compare(column('changed'), '>', whole(0)),
    orderBy: [falling(column('changed')), column('merchant')],
    limit,
  }
}

/** One row: compared, changed. */
export function merchantCountsSelect({ with: relations = [], from }: NumbersSource): Select {
  return {
    with: [...relations, { name: 'by_merchant', select: { ...byMerchant, from } }],
    columns: [
      { expression: { kind: 'count' }, as: 'compared' },
      { expression: { kind: 'count', where: compare(column('changed'), '>', whole(0)) }, as: 'changed' },
    ],
    from: named('by_merchant'),
  }
}

export const changeColumns = ['buckets', 'changed', 'before', 'after', 'largest'] as const

/** `revenue_changed`. */
export function changeColumn(metric: GenerationMetric, name: (typeof changeColumns)[number]): string {
  return `${metric}_${name}`
}

/** What the column `largest` holds; null where nothing differs. */
export function readLargest(json: string): ChangedNumber | null {
  const [merchant, bucket, breakdown, value, before, after] = JSON.parse(json)
  return before === after ? null : { merchant, bucket: Number(bucket), breakdown, value, before, after }
}

type Side = 'before' | 'after'
const sides: readonly Side[] = ['before', 'after']
const keys = ['merchant', 'bucket', 'breakdown', 'value']
const sumColumns = { hits: 'hits', pageviews: 'pageviews', orders: 'orders', revenue: 'revenue_micros' } as const

/** Rows of the places that belong to a side. */
function sidedRows({ generation, places, before, within }: GenerationsQuestion): Select {
  const rows: Source = {
    relation: { kind: 'table', table: 'hourly', columns: [...keys, '_gen', 'visitors', ...Object.values(sumColumns)] },
    as: 'rows',
  }
  const own = column('_gen', 'rows')
  const entries = before.filter((entry) => places.some((place) => placesMeet(place, entry)))
  const range = within ?? rangeOf(places)
  const placed: PlacedRows = { as: 'rows', time: 'bucket', ...(range && { range }) }
  const answers = answering({ base: firstGeneration, entries }, 'hourly', placed)
  return {
    columns: [
      ...keys.map((name) => ({ expression: orEmpty(name), as: name })),
      ...['visitors', ...Object.values(sumColumns)].map((name) => ({ expression: column(name, 'rows'), as: name })),
      { expression: compare(own, '=', whole(generation)), as: 'is_after' },
    ],
    from: rows,
    // Conditions on the map say nothing of the range: they hold for rows within it.
    where: and(
      ...inRange(range),
      inPlaces(places, placed),
      or(compare(own, '=', whole(generation)), compare(own, '=', answers)),
    ),
  }
}

const orEmpty = (name: string) => (name === 'value' ? orElse(column(name, 'rows'), text('')) : column(name, 'rows'))

function inRange(range: BucketRange | undefined): readonly Expression[] {
  if (range === undefined) return []
  const at = column('bucket', 'rows')
  return [compare(at, '>=', instant(range.start)), compare(at, '<', instant(range.end))]
}

/** Rows of the places as those that a generation of a map of their own would answer: however many there are. */
const ofPlaces = 1

function inPlaces(places: readonly GenerationPlace[], rows: PlacedRows): Expression {
  const entries = places.map((place) => ({ ...place, sink: 'hourly' as const, generation: ofPlaces }))
  return compare(answering({ base: 0, entries }, 'hourly', rows), '=', whole(ofPlaces))
}

/** All hours of the places lie in it; undefined where it has no end. */
function rangeOf(places: readonly GenerationPlace[]): BucketRange | undefined {
  const starts = places.map(({ from }) => from ?? Number.NEGATIVE_INFINITY)
  const ends = places.map(({ to }) => to ?? Number.POSITIVE_INFINITY)
  const [start, end] = [Math.min(...starts), Math.max(...ends)]
  return Number.isFinite(start) && Number.isFinite(end) ? { start, end } : undefined
}

function ofSide(side: Side, of: Expression): Expression {
  const isAfter = compare(column('is_after'), '=', boolean(side === 'after'))
  return { kind: 'case', branches: [{ when: isAfter, value: of }] }
}

const merged: Select = {
  columns: [
    ...keys.map((name) => ({ expression: column(name), as: name })),
    ...sides.flatMap((side) => [
      ...Object.entries(sumColumns).map(([metric, name]) => ({
        expression: sumOrZero(ofSide(side, column(name))),
        as: `${metric}_${side}`,
      })),
      { expression: { kind: 'unionOf', lists: ofSide(side, column('visitors')) } as const, as: `hashes_${side}` },
    ]),
  ],
  from: named('sided'),
  groupBy: keys.map((name) => column(name)),
}

const numbers: Select = {
  columns: [
    ...[...keys, ...sides.flatMap((side) => Object.keys(sumColumns).map((metric) => `${metric}_${side}`))].map(
      (name) => ({ expression: column(name), as: name }),
    ),
    ...sides.map((side) => ({ expression: visitors(column(`hashes_${side}`)), as: `visitors_${side}` })),
  ],
  from: named('merged'),
}

function visitors(list: Expression): Expression {
  const estimate = (k: number): Expression => ({ kind: 'distinctEstimate', list, k })
  const isTotal = compare(column('breakdown'), '=', text('total'))
  return {
    kind: 'case',
    branches: [{ when: isTotal, value: estimate(totalSketchSize) }],
    otherwise: estimate(breakdownSketchSize),
  }
}

const [sideBefore, sideAfter] = sides.map((side) => (metric: GenerationMetric) => column(`${metric}_${side}`)) as [
  (metric: GenerationMetric) => Expression,
  (metric: GenerationMetric) => Expression,
]
const differs = (metric: GenerationMetric) => compare(sideBefore(metric), '<>', sideAfter(metric))

const byMerchant: Omit<Select, 'from'> = {
  columns: [
    { expression: column('merchant'), as: 'merchant' },
    { expression: { kind: 'count', where: or(...generationMetrics.map(differs)) }, as: 'changed' },
  ],
  groupBy: [column('merchant')],
}

function answerColumns(by: readonly string[]): Select['columns'] {
  return [
    { expression: { kind: 'texts', of: by.map((key) => column(key)) }, as: 'keys' },
    ...generationMetrics.flatMap((metric): Select['columns'] => [
      { expression: { kind: 'count' }, as: changeColumn(metric, 'buckets') },
      { expression: { kind: 'count', where: differs(metric) }, as: changeColumn(metric, 'changed') },
      { expression: sumOrZero(sideBefore(metric)), as: changeColumn(metric, 'before') },
      { expression: sumOrZero(sideAfter(metric)), as: changeColumn(metric, 'after') },
      { expression: largest(metric), as: changeColumn(metric, 'largest') },
    ]),
  ]
}

/** Of equal differences one of the latest hour. */
function largest(metric: GenerationMetric): Expression {
  const [was, is] = [sideBefore(metric), sideAfter(metric)]
  const distance: Expression = {
    kind: 'case',
    branches: [{ when: compare(was, '<', is), value: arithmetic(is, '-', was) }],
    otherwise: arithmetic(was, '-', is),
  }
  const asText = (of: Expression): Expression => ({ kind: 'asText', of })
  const bucket: Expression = { kind: 'epochMs', of: column('bucket') }
  const shown = [column('merchant'), asText(bucket), column('breakdown'), column('value'), asText(was), asText(is)]
  const by = [distance, bucket, ...['merchant', 'breakdown', 'value'].map((name) => column(name))]
  return { kind: 'maxBy', of: { kind: 'texts', of: shown }, by }
}
