/**
 * Generations: rows of a sink that one version of a plan made, from the first hit to the last. Several may stand side by
 * side in one table (`_gen`); which of them answers is said, place by place, by the generation map (design.md, section 6).
 */
import { firstGeneration } from '../schemas/tables.ts'
import type { MerchantId } from './ids.ts'
import type { LakeRow, TableName } from './tables.ts'

/**
 * Sinks that a rerun makes anew. Hits refused by a step go with `hits`; `sessions` and `daily` are derived of whatever
 * generation of these answers.
 */
export const generationSinks = ['hits', 'hourly'] as const
export type GenerationSink = (typeof generationSinks)[number]

/**
 * Rows of a merchant (null: of all) whose time lies in [from, to), ms, both at UTC midnight; null: from the first, to the
 * last and all to come. A row's time is `generationTime`: of a hit when it happened, of an hour its start.
 */
export interface GenerationPlace {
  readonly merchant: MerchantId | null
  readonly from: number | null
  readonly to: number | null
}

/**
 * Which time of a row decides of which place it is, ms. A refused hit is where it would be had it been stored, so that a hit
 * is in one generation whatever became of it; one that nobody could decode has only the time it was received at.
 */
export function generationTime(table: TableName, row: LakeRow): number {
  switch (table) {
    case 'hits':
      return row.time as number
    case 'failed_hits':
      return (row.time ?? row.received) as number
    case 'sessions':
      return row.start as number
    case 'hourly':
    case 'daily':
      return row.bucket as number
  }
}

/** In its place this generation answers. Of entries that share a place the last one counts. */
export interface GenerationEntry extends GenerationPlace {
  readonly sink: GenerationSink
  readonly generation: number
}

/** A stretch of time that one generation answers; null: without end. */
export interface GenerationStretch {
  readonly from: number | null
  readonly to: number | null
  readonly generation: number
}

/** Which generation answers where, of all merchants: entries in order, the last promoted last, and `base` elsewhere. */
export interface GenerationMap {
  readonly base: number
  readonly entries: readonly GenerationEntry[]
}

/** Of one merchant: stretches as `generationsOf` gives them. */
export type MerchantGenerations = Readonly<Record<GenerationSink, readonly GenerationStretch[]>>

/** Before anything was promoted. */
export const firstGenerations: GenerationMap = { base: firstGeneration, entries: [] }

/**
 * The map as changes of it leave it. What a store lists of a generation that covers all for good is an entry too, so `base`
 * is the first one's.
 */
export function generationMap(
  changes: readonly (GenerationEntry & { readonly answers: boolean; readonly order: number })[],
): GenerationMap {
  const answering = changes.filter(({ answers }) => answers).sort((a, b) => a.order - b.order)
  const entries = answering.map(({ sink, merchant, from, to, generation }) => ({
    sink,
    merchant,
    from,
    to,
    generation,
  }))
  return { base: firstGeneration, entries }
}

/** Everything that the map says of a merchant. */
export function merchantGenerations({ base, entries }: GenerationMap, merchant: MerchantId): MerchantGenerations {
  const of = (sink: GenerationSink) => generationsOf(entries, { sink, merchant, base })
  return { hits: of('hits'), hourly: of('hourly') }
}

/** Which generation answers a row, by its merchant and time. Stretches are made once a merchant. */
export function generationFinder(
  map: GenerationMap,
  sink: GenerationSink,
): (merchant: string, timeMs: number) => number {
  const { base, entries } = map
  const found = new Map<string, readonly GenerationStretch[]>()
  return (merchant, timeMs) => {
    let stretches = found.get(merchant)
    if (stretches === undefined) {
      stretches = generationsOf(entries, { sink, merchant: merchant as MerchantId, base })
      found.set(merchant, stretches)
    }
    return generationAt(stretches, timeMs)
  }
}

/** Of stretches that cover all time. */
export function generationAt(stretches: readonly GenerationStretch[], timeMs: number): number {
  const [first] = stretches
  if (first === undefined) throw new RangeError('stretches of generations cover all time')
  return (stretches.findLast(({ from }) => timeMs >= startOf(from)) ?? first).generation
}

/** Generations of the stretches that meet the range, each once, rising. */
export function generationsWithin(
  stretches: readonly GenerationStretch[],
  range: { readonly from: number; readonly to: number },
): readonly number[] {
  const met = stretchesWithin(stretches, range).map(({ generation }) => generation)
  return [...new Set(met)].sort((a, b) => a - b)
}

/** Generations that may answer rows of the sink, of these merchants (all where left out) and this time; each once, rising. */
export function generationsOfMap(
  { base, entries }: GenerationMap,
  sink: GenerationSink,
  rows: {
    readonly merchants?: readonly string[]
    readonly range?: { readonly from: number; readonly to: number }
  } = {},
): readonly number[] {
  const { merchants, range = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY } } = rows
  const own = entries.filter((entry) => entry.sink === sink)
  const named = new Set(own.flatMap(({ merchant }) => (merchant === null ? [] : [merchant])))
  const all: readonly string[] = merchants ?? [...named]
  const found = new Set<number>()
  const add = (merchant: string | null) => {
    const stretches = generationsOf(own, { sink, merchant: merchant as MerchantId, base })
    for (const generation of generationsWithin(stretches, range)) found.add(generation)
  }
  // Merchants that no place names are all alike.
  if (merchants === undefined || all.some((merchant) => !named.has(merchant as MerchantId))) add(null)
  for (const merchant of all) if (named.has(merchant as MerchantId)) add(merchant)
  return [...found].sort((a, b) => a - b)
}

/**
 * Which generation answers a merchant's rows of a sink: stretches that cover all time, rising, without overlap, those that
 * touch of different generations. Without entries it is `base` for ever.
 */
export function generationsOf(
  entries: readonly GenerationEntry[],
  { sink, merchant, base }: { readonly sink: GenerationSink; readonly merchant: MerchantId; readonly base: number },
): readonly GenerationStretch[] {
  let stretches: readonly GenerationStretch[] = [{ from: null, to: null, generation: base }]
  for (const entry of entries) {
    if (entry.sink !== sink || (entry.merchant !== null && entry.merchant !== merchant)) continue
    stretches = laidOver(stretches, entry)
  }
  return stretches
}

/** The part of `stretches` that meets [from, to): never empty for a range that is not. */
export function stretchesWithin(
  stretches: readonly GenerationStretch[],
  range: { readonly from: number; readonly to: number },
): readonly GenerationStretch[] {
  return stretches.filter(({ from, to }) => startOf(from) < range.to && endOf(to) > range.from)
}

/** Whether every row of `inner` is one of `outer`. */
export function coversPlace(outer: GenerationPlace, inner: GenerationPlace): boolean {
  if (outer.merchant !== null && outer.merchant !== inner.merchant) return false
  return startOf(outer.from) <= startOf(inner.from) && endOf(outer.to) >= endOf(inner.to)
}

/** Whether some row can be of both. */
export function placesMeet(a: GenerationPlace, b: GenerationPlace): boolean {
  if (a.merchant !== null && b.merchant !== null && a.merchant !== b.merchant) return false
  return startOf(a.from) < endOf(b.to) && startOf(b.from) < endOf(a.to)
}

/** Whether a row of the merchant with this time is of the place. */
export function isInPlace(place: GenerationPlace, merchant: string, timeMs: number): boolean {
  if (place.merchant !== null && place.merchant !== merchant) return false
  return timeMs >= startOf(place.from) && timeMs < endOf(place.to)
}

function laidOver(stretches: readonly GenerationStretch[], over: GenerationStretch): readonly GenerationStretch[] {
  const { from, to, generation } = over
  const before = stretches.flatMap((each) =>
    startOf(each.from) < startOf(from) ? [{ ...each, to: earlier(each.to, from) }] : [],
  )
  const after = stretches.flatMap((each) =>
    endOf(each.to) > endOf(to) ? [{ ...each, from: later(each.from, to) }] : [],
  )
  return joined([...before, { from, to, generation }, ...after])
}

function joined(stretches: readonly GenerationStretch[]): readonly GenerationStretch[] {
  const all: GenerationStretch[] = []
  for (const each of stretches) {
    const last = all.at(-1)
    if (last?.generation === each.generation) all[all.length - 1] = { ...last, to: each.to }
    else all.push(each)
  }
  return all
}

const startOf = (from: number | null) => from ?? Number.NEGATIVE_INFINITY
const endOf = (to: number | null) => to ?? Number.POSITIVE_INFINITY
const earlier = (to: number | null, start: number | null) => (endOf(to) <= startOf(start) ? to : start)
const later = (from: number | null, end: number | null) => (startOf(from) >= endOf(end) ? from : end)
