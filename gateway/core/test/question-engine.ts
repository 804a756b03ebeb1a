/**
 * A query engine that counts over a list of hits, plainly: the same questions as the real ones answer, no tables. A stored
 * piece is counted like any other: what derived rows hold is what the hits say.
 */
import { TooManyGroupsError } from '../../../core/errors.ts'
import type { Merchant } from '../../../core/ports/control-store.ts'
import type {
  Dimension,
  Filter,
  HitsGroup,
  HitsQuestion,
  Question,
  VisitsGroup,
  VisitsQuestion,
} from '../../../core/ports/query-engine.ts'
import { loadBucket } from '../../../core/sketch/quantiles.ts'
import { calendarBucket } from '../../../core/time/calendar.ts'
import { visitsOf } from '../../../core/visits-of.ts'

export interface ShopHit {
  readonly merchant: Merchant
  readonly time: number
  readonly name: string
  readonly visitor: bigint
  /** Revenue in the merchant's currency. */
  readonly micros: bigint
  /** Besides `name` and `bot`; left out: no value. */
  readonly dimensions?: Readonly<Partial<Record<Dimension, string>>>
  readonly bot?: boolean
  readonly session?: string
  readonly loadMs?: number
  readonly otherRevenue?: { readonly currency: string; readonly micros: bigint }
}

export function hitsGroups(question: HitsQuestion, all: readonly ShopHit[]): readonly HitsGroup[] {
  const hits = counted(question, all)
  const groups = grouped(question, hits, (hit) => {
    // The rollup knows no more of a hit's time than its stored hour.
    return question.from === 'rollup' ? calendarBucket('hour', hit.merchant.timeZone, hit.time).start : hit.time
  })
  return groups.map(({ bucket, values, hits: inside }) => {
    const hashes = [...new Set(inside.map(({ visitor }) => visitor))].sort((a, b) => (a < b ? -1 : 1))
    const kept = hashes.slice(0, question.sketchSize)
    const has = (part: HitsQuestion['parts'][number]) => question.parts.includes(part)
    return {
      bucket,
      values,
      other: false,
      hits: BigInt(inside.length),
      pageviews: BigInt(inside.filter(({ name }) => name === 'page_view').length),
      orders: BigInt(inside.filter(({ name }) => name === 'purchase').length),
      revenueMicros: inside.reduce((sum, { micros }) => sum + micros, 0n),
      ...(has('visitors') && { visitors: { kept: kept.length, largest: kept.at(-1) ?? null } }),
      ...(has('load') && { load: histogram(inside) }),
      ...(has('otherRevenue') && { otherRevenue: otherRevenue(inside) }),
    }
  })
}

export function visitsGroups(question: VisitsQuestion, all: readonly ShopHit[]): readonly VisitsGroup[] {
  const rows = all.map((hit, _off) => ({
    time: hit.time,
    visitor: String(hit.visitor),
    session: hit.session ?? null,
    bot: hit.bot === true,
    _part: 0,
    _off,
    _idx: 0,
  }))
  const visits = new Map(
    visitsOf(rows, question.rule).map((visit) => [
      all[Number(visit[0]._off)] as ShopHit,
      visit.map(({ _off }) => all[Number(_off)] as ShopHit),
    ]),
  )
  const groups = grouped(question, counted(question, [...visits.keys()]), ({ time }) => time)
  return groups.map(({ bucket, values, hits: firsts }) => {
    const inside = firsts.map((first) => visits.get(first) ?? [])
    const sum = (of: (visit: readonly ShopHit[]) => number) => BigInt(inside.reduce((all, visit) => all + of(visit), 0))
    return {
      bucket,
      values,
      other: false,
      sessions: BigInt(inside.length),
      bounces: sum((visit) => (visit.length === 1 ? 1 : 0)),
      durationMs: sum((visit) => (visit.at(-1)?.time ?? 0) - (visit[0]?.time ?? 0)),
      pageviews: sum((visit) => visit.filter(({ name }) => name === 'page_view').length),
    }
  })
}

function counted(question: Question, hits: readonly ShopHit[]): readonly ShopHit[] {
  const speaksOfBots = question.dimensions.includes('bot') || JSON.stringify(question.filter).includes('"bot"')
  return hits.filter((hit) => {
    if (hit.merchant.id !== question.merchant || (hit.bot === true && !speaksOfBots)) return false
    return question.filter === null || holds(question.filter, hit)
  })
}

function grouped(question: Question, hits: readonly ShopHit[], timeOf: (hit: ShopHit) => number) {
  const groups = new Map<string, { bucket: number; values: readonly string[]; hits: ShopHit[] }>()
  for (const hit of hits) {
    const at = timeOf(hit)
    const bucket = question.pieces.find(({ start, end }) => at >= start && at < end)?.bucket
    if (bucket === undefined) continue
    const values = question.dimensions.map((dimension) => dimensionValue(dimension, hit))
    const key = JSON.stringify([bucket, ...values])
    const group = groups.get(key)
    if (group === undefined) groups.set(key, { bucket, values, hits: [hit] })
    else group.hits.push(hit)
  }
  if (groups.size > question.maxGroups) throw new TooManyGroupsError(question.maxGroups)
  return [...groups.values()]
}

export function holds(filter: Filter, hit: ShopHit): boolean {
  if ('dimension' in filter) {
    const value = dimensionValue(filter.dimension, hit)
    const is = filter.values.includes(value)
    const contains = filter.values.some((each) => value.includes(each))
    return { is, is_not: !is, contains, contains_not: !contains }[filter.op]
  }
  if (filter.op === 'not') return !holds(filter.filter, hit)
  return filter.op === 'and'
    ? filter.filters.every((each) => holds(each, hit))
    : filter.filters.some((each) => holds(each, hit))
}

export function dimensionValue(dimension: Dimension, hit: ShopHit): string {
  if (dimension === 'name') return hit.name
  if (dimension === 'bot') return String(hit.bot === true)
  return hit.dimensions?.[dimension] ?? ''
}

function histogram(hits: readonly ShopHit[]) {
  const counts = new Map<number, bigint>()
  for (const { loadMs } of hits) {
    if (loadMs !== undefined) counts.set(loadBucket(loadMs), (counts.get(loadBucket(loadMs)) ?? 0n) + 1n)
  }
  return [...counts].sort(([a], [b]) => a - b).map(([bucket, n]) => ({ bucket, n }))
}

function otherRevenue(hits: readonly ShopHit[]) {
  const sums = new Map<string, bigint>()
  for (const { otherRevenue: other } of hits) {
    if (other !== undefined) sums.set(other.currency, (sums.get(other.currency) ?? 0n) + other.micros)
  }
  return [...sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([currency, micros]) => ({ currency, micros }))
}
