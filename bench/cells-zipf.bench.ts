/**
 * Which share of buckets comes from cells when 2,000 merchants look at rolling windows: 24 hours by hour, 7 and 30 days by
 * day, in equal parts, each merchant as often as its place in a Zipf law says (1.0), while an epoch a minute commits the
 * hits of whoever had any, by the same law. All by a simulated clock over a memory engine, so the figure is the same on
 * every machine. A day is lived through before the one that counts: caches of a running system are not empty.
 *
 * The control is a cache that never misses; the ratio is the share. Buckets that were asked of the engine are told apart:
 * those that hold the present, which may have changed; others that touch a UTC day of the present one, which did not
 * change, but cells are right for a version of whole days; and those that were never asked for or thrown out for lack of
 * room (`defaultCellsMaxBytes`).
 */

import { Draws } from '../cli/seed/random.ts'
import { ManualClock } from '../core/adapters/memory/manual-clock.ts'
import { utcDay } from '../core/event-time.ts'
import type { Offset } from '../core/ids.ts'
import type { Merchant } from '../core/ports/control-store.ts'
import type { BucketRange, HitsGroup, QueryEngine } from '../core/ports/query-engine.ts'
import { calendarBucket, localDate } from '../core/time/calendar.ts'
import { createCells } from '../gateway/core/cells.ts'
import { createTimeSeries } from '../gateway/core/time-series.ts'
import { createVersions } from '../gateway/core/versions.ts'
import { createMemoryControlStore } from '../lakehouse/adapters/memory/memory-control-store.ts'
import type { Bench } from './runner.ts'
import { benchMerchant } from './support/seeded-batches.ts'

const shops = 2_000
const hitsPerDay = 1_000_000
/** Of all merchants together; a dashboard that is open asks each few seconds. */
const questionsPerMinute = 120
const minuteMs = 60_000
const minutesPerDay = 1_440
const dayMs = minutesPerDay * minuteMs
const start = Date.parse('2026-06-28T00:00:00Z')
const zones = ['Europe/Berlin', 'America/New_York', 'Asia/Kolkata']
const windows = ['24 hours', '7 days', '30 days'] as const

interface Tally {
  cells: number
  all: number
}

interface Day {
  readonly windows: ReadonlyMap<string, Tally>
  /** Buckets asked of the engine. */
  readonly asked: { present: number; sameDay: number; absent: number }
}

/** What happened on the day that counts. */
async function simulatedDay(): Promise<Day> {
  const merchants = Array.from({ length: shops }, (_, n) => benchMerchant(`shop-${n}`, zones[n % 3] ?? 'UTC'))
  const draws = new Draws(11)
  const clock = new ManualClock(start)
  const store = createMemoryControlStore()
  const { fence } = await store.acquirePartitions('hits', 'log', 'bench', [0])
  // The poll is a timer of a second; here the commit itself tells.
  const versions = createVersions({ store, timers: clock, pollMs: 3 * dayMs })
  await versions.start()
  const asked = { present: 0, sameDay: 0, absent: 0 }
  const cells = createCells({ engine: smallEngine(clock, asked), store, versions })
  const freshness = { read: () => clock.now() }
  const timeSeries = createTimeSeries({ cells, versions, freshness, clock, timers: clock })
  const perMinute = hitsPerDay / minutesPerDay / harmonic(shops)
  const tallies = new Map<string, Tally>(windows.map((window) => [window, { cells: 0, all: 0 }]))

  for (let minute = 0; minute < 2 * minutesPerDay; minute++) {
    const touched = merchants
      // At least one hit in this minute, where they come independently of each other.
      .filter((_, n) => draws.chance(1 - Math.exp(-perMinute / (n + 1))))
      .map(({ id, timeZone }) => ({
        merchant: id,
        day: utcDay(calendarBucket('hour', timeZone, clock.now()).start),
      }))
    await commit(minute, touched)
    if (minute === minutesPerDay) Object.assign(asked, { present: 0, sameDay: 0, absent: 0 })
    for (let n = 0; n < questionsPerMinute; n++) {
      const merchant = merchants[Math.min(shops - 1, Math.floor(shops ** draws.unit()) - 1)] as Merchant
      const window = draws.pick(windows)
      const parameters = parametersOf(window, merchant, clock.now())
      const search = new URLSearchParams(parameters).toString()
      const { body } = await timeSeries.answer({ merchant, search, parameters })
      const tally = tallies.get(window)
      if (tally === undefined || minute < minutesPerDay) continue
      const { cache, rollup } = servedFrom(String(body))
      tally.cells += cache
      tally.all += cache + rollup
    }
    clock.advance(minuteMs)
  }
  versions.stop()
  return { windows: tallies, asked }

  async function commit(next: number, touched: Parameters<typeof store.commitEpoch>[0]['touched']): Promise<void> {
    const received = clock.now()
    const moved = { partition: 0, from: next as Offset, next: (next + 1) as Offset, checkpoint: null }
    await store.commitEpoch({
      ...{ job: 'hits', source: 'log', plan: 'plan', fence, staged: [], touched, books: [] },
      partitions: [{ ...moved, watermark: received, received, forwarded: {} }],
    })
    await versions.refresh()
  }
}

function parametersOf(window: (typeof windows)[number], { timeZone }: Merchant, now: number): Record<string, string> {
  const metrics = 'hits,pageviews,visitors'
  if (window === '24 hours') return { metrics, interval: 'hour' }
  const before = window === '7 days' ? 6 : 29
  const today = Date.parse(localDate(timeZone, now))
  const from = new Date(today - before * dayMs).toISOString().slice(0, 10)
  return { metrics, interval: 'day', from }
}

function servedFrom(body: string): { readonly cache: number; readonly rollup: number } {
  const [, text] = /"servedFrom":(\{[^}]*\})/.exec(body) ?? []
  if (text === undefined) throw new Error(`no servedFrom in ${body}`)
  return JSON.parse(text)
}

/** A group for each bucket asked, with numbers that do not matter; counts what it is asked. */
function smallEngine(clock: ManualClock, asked: Day['asked']): Pick<QueryEngine, 'hits' | 'visits'> {
  const count = ({ start, end }: BucketRange) => {
    const now = clock.now()
    if (now >= start && now < end) asked.present += 1
    else if (utcDay(end - 1) >= utcDay(now)) asked.sameDay += 1
    else asked.absent += 1
  }
  return {
    visits: async () => [],
    hits: async ({ pieces }) => {
      pieces.forEach(count)
      return pieces.map(
        ({ bucket }): HitsGroup => ({
          ...{ bucket, values: [], other: false, hits: 100n, pageviews: 70n, orders: 1n, revenueMicros: 12_500_000n },
          visitors: { kept: 60, largest: 5n },
        }),
      )
    },
  }
}

function harmonic(count: number): number {
  let sum = 0
  for (let n = 1; n <= count; n++) sum += 1 / n
  return sum
}

let share: number | undefined

async function shareFromCells(): Promise<number> {
  if (share !== undefined) return share
  const { windows: tallies, asked } = await simulatedDay()
  const percent = (part: number, all: number) => `${((100 * part) / all).toFixed(1)} %`
  for (const [window, { cells, all }] of tallies) {
    console.log(`  ${window}: ${percent(cells, all)} of ${all.toLocaleString('en')} buckets from cells`)
  }
  const { present, sameDay, absent } = asked
  const misses = present + sameDay + absent
  console.log(
    `  asked of the engine: ${percent(present, misses)} hold the present, ${percent(sameDay, misses)} others of its UTC day, ` +
      `${percent(absent, misses)} were in no cell`,
  )
  const sum = (of: (tally: Tally) => number) => [...tallies.values()].reduce((total, tally) => total + of(tally), 0)
  share = sum(({ cells }) => cells) / sum(({ all }) => all)
  return share
}

export const benches: readonly Bench[] = [
  {
    name: 'buckets from cells, 2,000 merchants by Zipf',
    unit: 'of all buckets',
    control: { name: 'a cache that never misses', run: async () => 1 },
    candidate: { name: 'cells', run: shareFromCells },
  },
]
