/**
 * What the four golden plans (pipelines/plan/golden/plans.ts) give, each written by hand as one would who needs just this:
 * the controls of windows.bench.ts. Plain maps and objects; rows late and too late, corrections, early panes and the order
 * of panes are as the plans have them, for windows.bench.ts compares every row and pane, on clicks in disorder too. What
 * they lack: a limit of state, state that can be saved and divided, rows of wrong types refused.
 */
import type { Click } from '../pipelines/plan/golden/plans.ts'
import type { Clicks } from './clicks.ts'

/** `received` of a row is processing time too. */
export type ByHand = (clicks: Clicks, take: (given: unknown) => void) => void

const delayMs = 10_000
const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs
const pauseMs = 30 * minuteMs
const endOfTime = Number.POSITIVE_INFINITY

export const statelessByHand: ByHand = (clicks, take) => {
  for (let n = 0; n < clicks.length; n++) {
    const click = clicks.at(n)
    const { cents, robot, shop, page } = click
    if (cents < 0n) {
      take(refusal(click))
      continue
    }
    if (robot) continue
    take({ shop, page, cents })
    take({ shop, page: '', cents })
    if (cents > 0n) take({ shop, page, cents })
  }
}

interface Minute {
  readonly key: string
  readonly shop: string
  readonly page: string
  readonly end: number
  clicks: number
  cents: bigint
  unemitted: number
  number: number
  earlyAt: number
}

export const fixedCountByHand: ByHand = (clicks, take) => {
  const minutes = new Map<number, Map<string, Minute>>()
  /** Of equal delay, so they are due in this order. */
  const early: { readonly at: number; readonly minute: Minute }[] = []
  let [watermark, nextEnd, nextEarly] = [Number.NEGATIVE_INFINITY, endOfTime, 0]
  const give = (minute: Minute, timing: Timing, ending: Ending) => {
    const { shop, page, end, clicks: rows, cents, number } = minute
    const values = { clicks: rows, cents }
    const start = end - minuteMs
    take({ kind: 'upsert', key: { shop, page }, start, end, timing, number, ending, rows, values })
    minute.number += 1
    minute.unemitted = 0
    minute.earlyAt = endOfTime
  }
  const advance = (to: number) => {
    const before = watermark
    watermark = to
    if (to < nextEnd) return
    nextEnd = endOfTime
    for (const start of [...minutes.keys()].sort((a, b) => a - b)) {
      const end = start + minuteMs
      const gone = end + hourMs <= to
      if (end > before && end <= to) {
        const closing = [...(minutes.get(start) as Map<string, Minute>).values()].sort(byKey)
        for (const minute of closing) give(minute, 'on time', gone ? 'last' : 'open')
      }
      if (gone) minutes.delete(start)
      else nextEnd = Math.min(nextEnd, end > to ? end : end + hourMs)
    }
  }
  for (let n = 0; n < clicks.length; n++) {
    const click = clicks.at(n)
    const { shop, page, at, received, cents } = click
    for (let due = early[nextEarly]; due !== undefined && due.at <= received; due = early[nextEarly]) {
      if (due.minute.earlyAt === due.at) give(due.minute, 'early', 'open')
      nextEarly += 1
    }
    if (nextEarly > 10_000) {
      early.splice(0, nextEarly)
      nextEarly = 0
    }
    const start = at - (at % minuteMs)
    const end = start + minuteMs
    let groups = minutes.get(start)
    if (cents < 0n) take(refusal(click))
    else if (end + hourMs <= watermark) take(click)
    else {
      if (groups === undefined) {
        groups = new Map()
        minutes.set(start, groups)
        nextEnd = Math.min(nextEnd, end > watermark ? end : end + hourMs)
      }
      const key = `${shop}\n${page}`
      let minute = groups.get(key)
      if (minute === undefined) {
        minute = { key, shop, page, end, clicks: 1, cents, unemitted: 1, number: 0, earlyAt: endOfTime }
        groups.set(key, minute)
      } else {
        minute.clicks += 1
        minute.cents += cents
        minute.unemitted += 1
      }
      if (end <= watermark) give(minute, 'late', 'open')
      else if (minute.earlyAt === endOfTime) {
        minute.earlyAt = received + 10_000
        early.push({ at: minute.earlyAt, minute })
      }
    }
    if (received - delayMs > watermark) advance(received - delayMs)
  }
  advance(endOfTime)
}

interface Visitors {
  readonly key: { readonly key: string; readonly set: string; readonly value: string }
  readonly name: string
  readonly hashes: Set<bigint>
  rows: number
  most: bigint
}

export const hoppingDistinctByHand: ByHand = (clicks, take) => {
  const seen = new Map<string, number>()
  const windows = { total: new Map<number, Map<string, Visitors>>(), page: new Map<number, Map<string, Visitors>>() }
  let [watermark, nextEnd] = [Number.NEGATIVE_INFINITY, endOfTime]
  const advance = (to: number) => {
    watermark = to
    if (to < nextEnd) return
    nextEnd = endOfTime
    for (const set of ['total', 'page'] as const) {
      for (const start of [...windows[set].keys()].sort((a, b) => a - b)) {
        const end = start + 10 * minuteMs
        if (end > to) {
          nextEnd = Math.min(nextEnd, end)
          continue
        }
        for (const group of [...(windows[set].get(start) as Map<string, Visitors>).values()].sort(byName)) {
          const { key, hashes, rows, most } = group
          const smallest = BigInt64Array.from(hashes)
            .sort()
            .subarray(0, set === 'total' ? 1_025 : 257)
          const values = { visitors: [...smallest], most }
          take({ kind: 'partial', key, start, end, timing: 'on time', number: 0, ending: 'last', rows, values })
        }
        windows[set].delete(start)
      }
    }
  }
  const add = (set: 'total' | 'page', start: number, value: string, { shop, hash, cents }: Click) => {
    let groups = windows[set].get(start)
    if (groups === undefined) {
      groups = new Map()
      windows[set].set(start, groups)
      nextEnd = Math.min(nextEnd, start + 10 * minuteMs)
    }
    const name = `${shop}\n${value}`
    let group = groups.get(name)
    if (group === undefined) {
      group = { key: { key: shop, set, value }, name, hashes: new Set(), rows: 0, most: cents }
      groups.set(name, group)
    }
    group.hashes.add(hash)
    group.rows += 1
    if (cents > group.most) group.most = cents
  }
  for (let n = 0; n < clicks.length; n++) {
    const click = clicks.at(n)
    const { shop, visitor, page, at, received, cents } = click
    if (cents < 0n) take(refusal(click))
    else {
      const before = seen.get(`${shop}\n${visitor}`)
      if (before === undefined || received - before >= 1_000) {
        seen.set(`${shop}\n${visitor}`, received)
        const last = at - (at % minuteMs)
        for (let start = last - 9 * minuteMs; start <= last; start += minuteMs) {
          if (start + 10 * minuteMs <= watermark) continue
          add('total', start, '', click)
          add('page', start, page, click)
        }
      }
    }
    if (received - delayMs > watermark) advance(received - delayMs)
  }
  advance(endOfTime)
}

interface Seen {
  readonly at: number
  readonly page: string
  readonly cents: bigint
}

interface Visit {
  readonly of: Visitor
  start: number
  end: number
  /** Where the longest length cuts it. */
  limit: number
  clicks: number
  unemitted: number
  number: number
  entry: string
  exit: string
  cents: bigint
  given: { readonly start: number; readonly end: number; readonly number: number } | null
  closed: boolean
}

/** Its rows are kept as long as its visits are: one that comes before the first moves where they are cut. */
interface Visitor {
  readonly key: { readonly shop: string; readonly visitor: string }
  readonly rows: Seen[]
  visits: Visit[]
  /** Where the pause after the rows that were dropped ends: what comes before goes on from them. */
  reach: number
}

const limitOf = (at: number, before: number) => (at < before ? (Math.floor(at / dayMs) + 1) * dayMs : at + dayMs)

export const sessionsByHand: ByHand = (clicks, take) => {
  const visitors = new Map<string, Visitor>()
  /** By the second in which they may end or go; looked at again then. */
  const due = new Map<number, Visit[]>()
  let [watermark, looked] = [Number.NEGATIVE_INFINITY, Number.NaN]
  const give = (visit: Visit, timing: Timing, ending: Ending) => {
    const { start, end, clicks: rows, entry, exit, cents, number, given } = visit
    const { key } = visit.of
    if (given !== null && (given.start !== start || given.end !== end)) {
      take({ kind: 'retract', key, ...given, timing, ending: 'last', rows: 0, values: null })
    }
    const values = { clicks: rows, entry, exit, cents }
    take({ kind: 'upsert', key, start, end, timing, number, ending, rows, values })
    visit.given = { start, end, number }
    visit.number += 1
    visit.unemitted = 0
  }
  const look = (visit: Visit, at: number) => {
    const soonest = Math.ceil(at / 1_000)
    const second = soonest > looked ? soonest : looked + 1
    const others = due.get(second)
    if (others === undefined) due.set(second, [visit])
    else others.push(visit)
  }
  const open = (of: Visitor, { at, page, cents }: Seen, before: number): Visit => {
    const limit = limitOf(at, before)
    const facts = { clicks: 1, unemitted: 1, number: 0, entry: page, exit: page, cents, given: null, closed: false }
    const visit: Visit = { of, start: at, end: Math.min(at + pauseMs, limit), limit, ...facts }
    of.visits.push(visit)
    look(visit, visit.end)
    return visit
  }
  const append = (visit: Visit, { at, page, cents }: Seen) => {
    visit.end = Math.min(at + pauseMs, visit.limit)
    visit.closed = visit.end <= watermark
    visit.clicks += 1
    visit.unemitted += 1
    visit.exit = page
    visit.cents += cents
  }
  const add = (of: Visitor, row: Seen) => {
    const visit = of.visits.at(-1)
    const last = of.rows.at(-1)
    of.rows.push(row)
    const before = last === undefined ? of.reach : last.at + pauseMs
    if (visit === undefined || row.at >= before || row.at >= visit.limit) return open(of, row, before)
    append(visit, row)
    return visit
  }
  /** All of a visitor's visits anew, for a row came before others. Those that are given are taken back first. */
  const again = (of: Visitor, row: Seen) => {
    const rows = [...of.rows, row].sort((a, b) => a.at - b.at)
    for (const { given } of of.visits) {
      if (given === null) continue
      take({ kind: 'retract', key: of.key, ...given, timing: 'early', ending: 'last', rows: 0, values: null })
    }
    of.visits = []
    of.rows.length = 0
    for (const one of rows) add(of, one)
  }
  const drop = (visit: Visit) => {
    const { of } = visit
    of.visits.splice(of.visits.indexOf(visit), 1)
    const first = of.rows.findIndex(({ at }) => at >= visit.start)
    const dropped = of.rows.splice(first, visit.clicks)
    of.reach = (dropped.at(-1)?.at ?? 0) + pauseMs
    if (of.visits.length === 0) look(visit, of.reach + 5 * minuteMs)
  }
  const advance = (to: number) => {
    watermark = to
    const seconds = to === endOfTime ? [...due.keys()].sort((a, b) => a - b) : []
    for (let next = looked + 1; next * 1_000 <= to && to !== endOfTime; next++) seconds.push(next)
    for (const second of seconds) {
      looked = second
      for (const visit of due.get(second) ?? []) {
        const { of } = visit
        if (!of.visits.includes(visit)) {
          if (of.visits.length === 0 && of.reach + 5 * minuteMs <= to)
            visitors.delete(`${of.key.shop}\n${of.key.visitor}`)
          continue
        }
        const goes = visit.end + 5 * minuteMs
        if (visit.end > to) look(visit, visit.end)
        else if (visit.closed && goes > to) look(visit, goes)
        else {
          if (!visit.closed) give(visit, 'on time', goes <= to ? 'last' : 'open')
          else if (visit.unemitted > 0) give(visit, 'late', 'last')
          visit.closed = true
          if (goes <= to) drop(visit)
          else look(visit, goes)
        }
      }
      due.delete(second)
    }
  }
  for (let n = 0; n < clicks.length; n++) {
    const click = clicks.at(n)
    const { shop, visitor, page, at, received, cents } = click
    if (Number.isNaN(looked)) looked = Math.floor((received - 10 * hourMs) / 1_000)
    if (cents < 0n) take(refusal(click))
    else {
      const key = `${shop}\n${visitor}`
      let of = visitors.get(key)
      if (of === undefined) {
        of = { key: { shop, visitor }, rows: [], visits: [], reach: Number.NEGATIVE_INFINITY }
        visitors.set(key, of)
      }
      const row: Seen = { at, page, cents }
      const last = of.rows.at(-1)
      if (last !== undefined && at < last.at) again(of, row)
      else {
        const visit = add(of, row)
        if (visit.closed ? visit.unemitted >= 10 : visit.unemitted >= 100) {
          give(visit, visit.closed ? 'late' : 'early', 'open')
        }
      }
    }
    if (received - delayMs > watermark) advance(received - delayMs)
  }
  advance(endOfTime)
}

type Timing = 'early' | 'on time' | 'late'
type Ending = 'last' | 'open'

const byKey = (a: Minute, b: Minute) => (a.key < b.key ? -1 : 1)
const byName = (a: Visitors, b: Visitors) => (a.name < b.name ? -1 : 1)

function refusal(row: Click) {
  return { step: 'judge', reason: 'negative_amount', row }
}
