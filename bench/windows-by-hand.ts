/**
 * What the four golden plans (pipelines/plan/golden/plans.ts) give, each written by hand as one would who needs just this:
 * the controls of windows.bench.ts. Plain maps and objects. They know of their input that no row is late, and that the rows
 * of a visitor come in order.
 */
import type { Click } from '../pipelines/plan/golden/plans.ts'

export type ByHand = (clicks: readonly Click[], take: (given: unknown) => void) => void

const delayMs = 10_000
const minuteMs = 60_000
const pauseMs = 30 * minuteMs

export const statelessByHand: ByHand = (clicks, take) => {
  for (const { cents, robot, shop, page } of clicks) {
    if (cents < 0n || robot) continue
    take({ shop, page, cents })
    take({ shop, page: '', cents })
    if (cents > 0n) take({ shop, page, cents })
  }
}

export const fixedCountByHand: ByHand = (clicks, take) => {
  const windows = new Map<number, Map<string, { shop: string; page: string; clicks: number; cents: bigint }>>()
  let [watermark, nextEnd] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
  const close = () => {
    nextEnd = Number.POSITIVE_INFINITY
    for (const [start, groups] of windows) {
      const end = start + minuteMs
      if (end > watermark) {
        nextEnd = Math.min(nextEnd, end)
        continue
      }
      for (const { shop, page, clicks: rows, cents } of groups.values()) {
        take(paneOf('upsert', { shop, page }, { start, end, rows }, { clicks: rows, cents }))
      }
      windows.delete(start)
    }
  }
  for (const { shop, page, at, received, cents } of clicks) {
    if (cents >= 0n) {
      const start = at - (at % minuteMs)
      let groups = windows.get(start)
      if (groups === undefined) {
        groups = new Map()
        windows.set(start, groups)
        nextEnd = Math.min(nextEnd, start + minuteMs)
      }
      const key = `${shop}\n${page}`
      const group = groups.get(key)
      if (group === undefined) groups.set(key, { shop, page, clicks: 1, cents })
      else {
        group.clicks += 1
        group.cents += cents
      }
    }
    watermark = Math.max(watermark, received - delayMs)
    if (watermark >= nextEnd) close()
  }
  watermark = Number.POSITIVE_INFINITY
  close()
}

interface Visitors {
  readonly key: { readonly key: string; readonly set: string; readonly value: string }
  readonly hashes: Set<bigint>
  rows: number
  most: bigint
}

export const hoppingDistinctByHand: ByHand = (clicks, take) => {
  const seen = new Map<string, number>()
  const windows = new Map<number, Map<string, Visitors>>()
  let [watermark, nextEnd] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
  const close = () => {
    nextEnd = Number.POSITIVE_INFINITY
    for (const [start, groups] of windows) {
      const end = start + 10 * minuteMs
      if (end > watermark) {
        nextEnd = Math.min(nextEnd, end)
        continue
      }
      for (const { key, hashes, rows, most } of groups.values()) {
        const visitors = [
          ...BigInt64Array.from(hashes)
            .sort()
            .subarray(0, key.set === 'total' ? 1_025 : 257),
        ]
        take(paneOf('partial', key, { start, end, rows }, { visitors, most }))
      }
      windows.delete(start)
    }
  }
  const add = (start: number, key: Visitors['key'], { hash, cents }: Click) => {
    let groups = windows.get(start)
    if (groups === undefined) {
      groups = new Map()
      windows.set(start, groups)
      nextEnd = Math.min(nextEnd, start + 10 * minuteMs)
    }
    const name = `${key.set}\n${key.key}\n${key.value}`
    let group = groups.get(name)
    if (group === undefined) {
      group = { key, hashes: new Set(), rows: 0, most: cents }
      groups.set(name, group)
    }
    group.hashes.add(hash)
    group.rows += 1
    if (cents > group.most) group.most = cents
  }
  for (const click of clicks) {
    const { shop, visitor, page, at, received, cents } = click
    if (cents >= 0n) {
      const before = seen.get(`${shop}\n${visitor}`)
      if (before === undefined || received - before >= 1_000) {
        seen.set(`${shop}\n${visitor}`, received)
        const first = at - (at % minuteMs) - 9 * minuteMs
        for (let start = first; start <= at; start += minuteMs) {
          add(start, { key: shop, set: 'total', value: '' }, click)
          add(start, { key: shop, set: 'page', value: page }, click)
        }
      }
    }
    watermark = Math.max(watermark, received - delayMs)
    if (watermark >= nextEnd) close()
  }
  watermark = Number.POSITIVE_INFINITY
  close()
}

interface Visit {
  readonly shop: string
  readonly visitor: string
  readonly start: number
  last: number
  clicks: number
  unemitted: number
  number: number
  readonly entry: string
  exit: string
  cents: bigint
}

export const sessionsByHand: ByHand = (clicks, take) => {
  const open = new Map<string, Visit>()
  let [watermark, lookAt] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]
  const give = (visit: Visit, timing: 'early' | 'on time') => {
    const { shop, visitor, start, last, clicks: rows, entry, exit, cents, number } = visit
    const pane = paneOf(
      'upsert',
      { shop, visitor },
      { start, end: last + pauseMs, rows },
      { clicks: rows, entry, exit, cents },
    )
    take({ ...pane, timing, number })
    visit.number += 1
    visit.unemitted = 0
  }
  // Once a minute: to look at all visits for each row would be slow, and a visit that comes again closes its last one.
  const close = () => {
    for (const [key, visit] of open) {
      if (visit.last + pauseMs > watermark) continue
      give(visit, 'on time')
      open.delete(key)
    }
  }
  for (const { shop, visitor, page, at, received, cents } of clicks) {
    if (cents >= 0n) {
      const key = `${shop}\n${visitor}`
      let visit = open.get(key)
      if (visit !== undefined && at >= visit.last + pauseMs) {
        give(visit, 'on time')
        visit = undefined
      }
      if (visit === undefined) {
        const facts = { clicks: 1, unemitted: 1, number: 0, entry: page, exit: page, cents }
        open.set(key, { shop, visitor, start: at, last: at, ...facts })
      } else {
        visit.last = at
        visit.clicks += 1
        visit.unemitted += 1
        visit.exit = page
        visit.cents += cents
        if (visit.unemitted >= 100) give(visit, 'early')
      }
    }
    watermark = Math.max(watermark, received - delayMs)
    if (watermark < lookAt) continue
    close()
    lookAt = watermark + minuteMs
  }
  watermark = Number.POSITIVE_INFINITY
  close()
}

function paneOf(
  kind: 'upsert' | 'partial',
  key: object,
  of: { readonly start: number; readonly end: number; readonly rows: number },
  values: object,
) {
  return { kind, key, start: of.start, end: of.end, timing: 'on time', number: 0, rows: of.rows, values }
}
