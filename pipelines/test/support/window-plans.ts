/** Random plans with windows over the feed of hits, what a sink holds of their rows in the end, and a recount of the hits. */
import fc from 'fast-check'
import type { EventTime } from '../../../core/event-time.ts'
import type { FeedHit } from '../../../core/hit.ts'
import type { LakeRow } from '../../../core/tables.ts'
import { calendarBucket } from '../../../core/time/calendar.ts'
import { failedHitsTable, sessionsTable } from '../../../schemas/tables.ts'
import { hitFeed } from '../../jobs/hit-feed.ts'
import { failedHits } from '../../jobs/hit-sinks.ts'
import { count, sum } from '../../plan/aggregates.ts'
import { type PipelineBuilder, pipeline } from '../../plan/builder.ts'
import type { Pipeline } from '../../plan/draft.ts'
import { paneTable, type RunFacts, upsertTable } from '../../plan/sinks.ts'
import { type AnyWindow, calendar, fixed, hopping, session } from '../../plan/windows.ts'
import type { SideInputs } from '../../runtime/side-inputs.ts'

export const minutes = 60_000
export const hours = 60 * minutes
/** How long behind its end a window still takes hits: longer than any hit of these tests is behind. */
export const latenessMs = 48 * hours
export const delayMs = 1 * minutes

export const noInputs: SideInputs = { context: {}, dataSets: {}, beginEpoch: () => {}, prepare: async () => {} }

/** What windows are over: merchant and zone of the hit, its name, and an amount. */
interface Bought {
  readonly merchant: string
  readonly name: string
  readonly zone: string
  readonly amount: bigint
}

const windows = {
  fixed: fixed('10m', { offset: '3m' }),
  hopping: hopping('30m', { every: '20m' }),
  session: session('20m', { atMost: '1h' }),
  calendar: calendar('day', { zone: () => 'Europe/Berlin' }),
} satisfies Record<string, AnyWindow<Bought>>

export interface WindowPlan {
  readonly window: keyof typeof windows
  readonly panes: 'accumulating' | 'discarding'
  readonly early: { readonly every: '5m' } | { readonly afterRows: number } | null
  readonly late: number | null
  readonly onClose: 'always' | 'where something came'
}

export const windowPlan: fc.Arbitrary<WindowPlan> = fc
  .record({
    window: fc.constantFrom('fixed', 'hopping', 'session', 'calendar'),
    panes: fc.constantFrom('accumulating', 'discarding'),
    early: fc.constantFrom(null, { every: '5m' }, { afterRows: 1 }, { afterRows: 3 }),
    late: fc.constantFrom(null, 1, 2),
    onClose: fc.constantFrom('always', 'where something came'),
  } as const)
  .filter(({ window, panes }) => window !== 'session' || panes === 'accumulating') as fc.Arbitrary<WindowPlan>

/** Hits named `secret` are refused, `noise` is dropped, and a repeat within an hour is a duplicate. */
const boughtOf = (p: PipelineBuilder<object>) => {
  const { good, bad } = p
    .read(hitFeed, { eventTime: (h) => h.time, watermark: { from: (h) => h.received, delay: '1m' } })
    .dedupe('once', { key: ['merchant', 'id'], within: '48h' })
    .filter('no-noise', (h) => h.name !== 'noise')
    .split('judge', judge, { to: { good: 'rows', bad: 'refused' } })
  bad.write(failedHits)
  return good.map('bought', bought, {
    columns: { merchant: 'string', name: 'string', zone: 'string', amount: 'bigint' },
  })
}

function judge(row: FeedHit) {
  if (row.name === 'broken') throw new Error('a bug in the step')
  return row.name === 'secret' ? ({ to: 'bad', row, reason: 'secret' } as const) : ({ to: 'good', row } as const)
}

function bought({ merchant, name, zone, revenue }: FeedHit): Bought {
  return { merchant, name, zone, amount: revenue?.micros ?? 0n }
}

const jobs = { all: [sessionsTable, failedHitsTable] }
const state = { maxBytes: 100_000_000 }

/** A plan that writes its panes to `sessions`, whose columns hold what of a pane there is. */
export function windowPipeline({ window, panes, early, late, onClose }: WindowPlan): Pipeline {
  const rule = {
    ...{ on: 'close' as const, onClose },
    ...(early !== null && { early }),
    ...(late !== null && { late: { afterRows: late } }),
  }
  return pipeline(
    'windows',
    (p) => {
      const grouped = boughtOf(p)
        .window('windows', windows[window] as AnyWindow<Bought>, { lateness: '48h' })
        .groupBy('by', ['merchant', 'name'])
        .aggregate({ hits: count(), amount: sum('amount') })
      if (panes === 'accumulating') grouped.emit({ ...rule, panes }).write(upsertTable(sessionsTable, paneRow))
      else grouped.emit({ ...rule, panes }).write(paneTable(sessionsTable, paneRow))
    },
    { jobs, state },
  )
}

interface AnyBoughtPane {
  readonly kind: string
  readonly key: { readonly merchant: string; readonly name: string }
  readonly start: number
  readonly end: number
  readonly timing: string
  readonly number: number
  readonly values: { readonly hits: number; readonly amount: bigint } | null
}

export function paneRow({ kind, key, start, end, timing, number, values }: AnyBoughtPane, run: RunFacts): LakeRow {
  return {
    ...{ merchant: key.merchant, start, end, visitor: key.name, session: kind },
    ...{ hits: values?.hits ?? 0, pageviews: number, orders: 0, revenue_micros: values?.amount ?? null },
    ...{ bounce: false, duration_ms: 0, name: timing, page: null, exit_page: null, source: null, country: null },
    ...{ device: null, browser: null, campaign: null },
    ...{ _src: run.source, _part: run.partition, _off: 0, _idx: 0, _gen: run.generation },
  }
}

/** What sinks hold, by key and window: `hits amount`. */
export type Held = Readonly<Record<string, string>>

/**
 * Of upserts the highest number of each key and window, unless that one was taken back; parts are added.
 * @throws Error where a pane is there twice
 */
export function heldOf(rows: readonly LakeRow[]): Held {
  const seen = new Set<string>()
  const held = new Map<string, { number: number; hits: number; amount: bigint }>()
  for (const { merchant, visitor, start, end, session: kind, pageviews, hits, revenue_micros: amount } of rows) {
    const name = nameOf({ merchant: `${merchant}`, name: `${visitor}` }, start as number, end as number)
    const pane = `${name} ${kind} ${pageviews}`
    if (seen.has(pane)) throw new Error(`${pane} is there twice`)
    seen.add(pane)
    const before = held.get(name) ?? { number: -1, hits: 0, amount: 0n }
    const number = Number(pageviews)
    if (kind === 'partial') {
      held.set(name, {
        number,
        hits: before.hits + Number(hits),
        amount: before.amount + BigInt((amount ?? 0) as bigint),
      })
      continue
    }
    // The number of a retraction is that of the pane it takes back.
    if (number < before.number || (number === before.number && kind !== 'retract')) continue
    held.set(name, { number, hits: Number(hits), amount: BigInt((amount ?? 0) as bigint) })
  }
  return sortedHeld(
    [...held].filter(([, { hits }]) => hits > 0).map(([name, { hits, amount }]) => [name, `${hits} ${amount}`]),
  )
}

/** What windows of the plan hold of these hits, counted anew. Hits of a key all have different times. */
export function recountOf({ window }: WindowPlan, hits: readonly CountedHit[]): Held {
  const found = new Map<string, { hits: number; amount: bigint }>()
  for (const [key, some] of byKey(hits)) {
    for (const { start, end, of } of windowsOf(window, some)) {
      const amount = of.reduce((total, each) => total + each.amount, 0n)
      found.set(nameOf(key, start, end), { hits: of.length, amount })
    }
  }
  return sortedHeld([...found].map(([name, { hits: n, amount }]) => [name, `${n} ${amount}`]))
}

export interface CountedHit {
  readonly merchant: string
  readonly name: string
  readonly time: number
  readonly amount: bigint
}

interface Counted {
  readonly start: number
  readonly end: number
  readonly of: readonly CountedHit[]
}

function windowsOf(window: WindowPlan['window'], hits: readonly CountedHit[]): readonly Counted[] {
  if (window === 'session') return sessionsOf(hits)
  const found = new Map<string, { start: number; end: number; of: CountedHit[] }>()
  for (const hit of hits) {
    for (const { start, end } of boundsOf(window, hit.time)) {
      const known = found.get(`${start}`) ?? { start, end, of: [] }
      known.of.push(hit)
      found.set(`${start}`, known)
    }
  }
  return [...found.values()]
}

function boundsOf(window: 'fixed' | 'hopping' | 'calendar', time: number) {
  if (window === 'calendar') return [calendarBucket('day', 'Europe/Berlin', time as EventTime)]
  const { size, every, offset } =
    window === 'fixed'
      ? { size: 10 * minutes, every: 10 * minutes, offset: 3 * minutes }
      : { size: 30 * minutes, every: 20 * minutes, offset: 0 }
  const last = Math.floor((time - offset) / every) * every + offset
  const starts: number[] = []
  for (let start = last; start + size > time; start -= every) starts.push(start)
  return starts.map((start) => ({ start, end: start + size }))
}

/** Pauses of 20 minutes end one, and an hour; one that goes on behind such a cut ends with the hour of the clock. */
function sessionsOf(hits: readonly CountedHit[]): readonly Counted[] {
  const [pause, longest] = [20 * minutes, 60 * minutes]
  const found: { start: number; end: number; limit: number; reach: number; of: CountedHit[] }[] = []
  for (const hit of hits.toSorted((a, b) => a.time - b.time)) {
    const { time } = hit
    const last = found.at(-1)
    if (last !== undefined && time < last.end) {
      last.of.push(hit)
      last.reach = time + pause
      last.end = Math.min(last.reach, last.limit)
    } else {
      const goesOn = last !== undefined && time < last.reach
      const limit = goesOn ? (Math.floor(time / longest) + 1) * longest : time + longest
      found.push({ start: time, end: Math.min(time + pause, limit), limit, reach: time + pause, of: [hit] })
    }
  }
  return found
}

function byKey(hits: readonly CountedHit[]) {
  const keys = new Map<string, { key: { merchant: string; name: string }; of: CountedHit[] }>()
  for (const hit of hits) {
    const { merchant, name } = hit
    const known = keys.get(`${merchant} ${name}`) ?? { key: { merchant, name }, of: [] }
    known.of.push(hit)
    keys.set(`${merchant} ${name}`, known)
  }
  return [...keys.values()].map(({ key, of }) => [key, of] as const)
}

const nameOf = (key: { readonly merchant: string; readonly name: string }, start: number, end: number) =>
  `${key.merchant} ${key.name} ${new Date(start).toISOString()} ${new Date(end).toISOString()}`
const sortedHeld = (held: readonly (readonly [string, string])[]): Held =>
  Object.fromEntries(held.toSorted(([a], [b]) => (a < b ? -1 : 1)))
