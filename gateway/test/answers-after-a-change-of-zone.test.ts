/**
 * Whatever zones a merchant had, whenever they changed, and whatever was made anew meanwhile: an answer is a recount of the
 * hits, or is refused with `zone_not_aligned`.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dayMs, hourMs, minuteMs } from '../../core/event-time.ts'
import type { Merchant } from '../../core/ports/control-store.ts'
import type { Rerun } from '../../core/ports/rerun-store.ts'
import { testLength } from '../../core/test/length.ts'
import { type CalendarUnit, calendarBucket } from '../../core/time/calendar.ts'
import { planBuckets } from '../core/planner.ts'
import { ProblemError } from '../core/problem.ts'
import { askNumbers, type Numbers } from '../core/query/ask-numbers.ts'
import { formerZoneMarginMs } from '../core/stored-hours.ts'
import { beginning, createZonesWorld, type ZonesWorld } from './zones-world.ts'

const zones = ['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Asia/Kathmandu', 'Australia/Lord_Howe']
const zone = fc.constantFrom(...zones)
const collector = fc.constantFrom(0 as const, 1 as const)
const late = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 3 * 60 }).map((seconds) => seconds * 1_000) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 4 * 24 * 6 }).map((tens) => tens * 10 * minuteMs) },
)
const place = fc.oneof(
  { weight: 3, arbitrary: fc.constant([null, null] as const) },
  fc.tuple(fc.integer({ min: -3, max: 1 }), fc.integer({ min: 2, max: 6 })),
)
const aStep = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('receive' as const),
      collector,
      hits: fc.array(late, { minLength: 1, maxLength: 8 }),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('commit' as const), collector }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.constantFrom(20 * 1_000, 70 * 1_000, formerZoneMarginMs, 17 * minuteMs, 5 * hourMs, dayMs),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('almost' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('change' as const), zone }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('rerun' as const),
      zones: fc.constantFrom('today' as const, 'today' as const, 'recorded' as const),
      place,
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('catchUp' as const, 'promote' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('rollBack' as const, 'release' as const, 'cancel' as const) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('maintain' as const, 'maintain' as const, 'publish' as const) }),
  },
)
type Step = typeof aStep extends fc.Arbitrary<infer S> ? S : never

const wait = (ms: number): Step => ({ do: 'wait', ms })
const hear = (collector: 0 | 1, ...hits: number[]): Step => ({ do: 'receive', collector, hits })
/** Shortly before a half hour: who has just asked for the zone goes by it over that. */
const overAHalfHour = fc
  .tuple(collector, zone)
  .map(([at, to]): readonly Step[] => [
    ...[{ do: 'almost' } as const, hear(at, dayMs), { do: 'change', zone: to } as const],
    ...[wait(50_000), hear(at, 0, 5_000), { do: 'commit', collector: at } as const],
  ])
/** Hits of a former zone wait, or do not, while hours are made anew. */
const madeAnew = fc
  .tuple(collector, zone, fc.boolean(), place)
  .map(([at, to, isBehind, made]): readonly Step[] => [
    ...[
      hear(at, 0, 3 * dayMs + 7 * minuteMs),
      { do: 'change', zone: to } as const,
      wait(formerZoneMarginMs + minuteMs),
    ],
    ...(isBehind ? [] : [{ do: 'commit', collector: at } as const]),
    ...[{ do: 'rerun', zones: 'today', place: made } as const, { do: 'catchUp' } as const],
    ...[{ do: 'commit', collector: at } as const, { do: 'promote' } as const],
  ])
const derived: readonly Step[] = [{ do: 'commit', collector: 0 }, wait(2 * dayMs), { do: 'maintain' }]
const scenes = fc
  .array(
    fc.oneof(
      { weight: 8, arbitrary: aStep.map((step): readonly Step[] => [step]) },
      { weight: 1, arbitrary: overAHalfHour },
      { weight: 1, arbitrary: madeAnew },
      { weight: 1, arbitrary: fc.constant(derived) },
    ),
    { minLength: 4, maxLength: 24 },
  )
  .map((all) => all.flat())

async function take(of: ZonesWorld, step: Step, open: Rerun[]): Promise<void> {
  const move = async (states: readonly Rerun['state'][], how: (rerun: Rerun) => Promise<Rerun>) => {
    const at = open.findLastIndex(({ state }) => states.includes(state))
    if (at < 0) return
    open[at] = await how(open[at] as Rerun)
  }
  switch (step.do) {
    case 'receive':
      return of.receive(step.collector, step.hits)
    case 'commit':
      return of.commit(step.collector)
    case 'wait':
      await of.clock.advance(step.ms)
      return
    case 'almost':
      await of.clock.advance(30 * minuteMs - (of.clock.now() % (30 * minuteMs)) + 30 * minuteMs - 35_000)
      return
    case 'change':
      await of.changeZone(step.zone)
      return
    case 'rerun': {
      const [from, to] = step.place
      const days = from === null ? { from, to: null } : of.days(from, to)
      const made = await of.begin(step.zones, days).catch((error: unknown) => {
        if (!(error instanceof ProblemError)) throw error
        expect(['zone_settling', 'rerun_overlaps']).toContain(error.code)
        return undefined
      })
      if (made !== undefined) open.push(made)
      return
    }
    case 'catchUp':
      return move(['backfilling'], (rerun) => of.catchUp(rerun))
    case 'promote':
      return move(['ready', 'rolled_back'], (rerun) => of.promote(rerun))
    case 'rollBack':
      return move(['promoted'], (rerun) => of.rollBack(rerun))
    case 'release':
      return move(['promoted'], (rerun) => of.release(rerun))
    case 'cancel':
      return move(['backfilling', 'ready', 'rolled_back'], (rerun) => of.cancel(rerun))
    case 'publish':
      return of.publisher.publishNow()
    case 'maintain':
      await of.publisher.publishNow()
      return of.maintenance.runNow()
  }
}

const dayBefore = (at: number, zoneOf: string) => calendarBucket('day', zoneOf, at - 5 * dayMs).start

/** All of the last days, in units of a zone. */
function bucketsOf(of: ZonesWorld, unit: CalendarUnit | null, in_: string) {
  const range = { fromMs: dayBefore(beginning, in_), toMs: of.clock.now() + 1, endsNow: true }
  return planBuckets({ unit, zone: in_, range })
}

async function ask(
  of: ZonesWorld,
  cells: ReturnType<ZonesWorld['cells']>,
  unit: CalendarUnit | null,
  in_: string,
  merchant: Merchant,
) {
  const buckets = bucketsOf(of, unit, in_)
  const asked = {
    zone: in_,
    buckets,
    dimensions: [],
    filter: null,
    needs: { hits: ['visitors'], visits: false },
  } as const
  const numbers = await askNumbers(cells, { ...asked, merchant, asOf: 0, now: of.clock.now() })
  return { numbers, buckets }
}

function countsOf({ rows }: Numbers, buckets: number) {
  const counts = Array.from({ length: buckets }, () => [0, 0])
  for (const { bucket, hits } of rows) counts[bucket] = [Number(hits?.hits ?? 0n), hits?.visitors?.count ?? 0]
  return counts
}

function recount(of: ZonesWorld, buckets: readonly { readonly start: number; readonly end: number }[]) {
  return buckets.map(({ start, end }) => {
    const own = of.committed.filter(({ time }) => time >= start && time < end)
    return [own.length, new Set(own.map(({ n }) => n % 3)).size]
  })
}

const questions: readonly (CalendarUnit | null)[] = ['hour', 'day', 'month', null]
const plenty = 1_000_000
const runs = testLength('ZONES_TEST_RUNS', { short: 12, full: 1_000 })

describe('after changes of a merchant’s time zone', () => {
  it('every answer is a recount of the hits, or is refused where hours do not line up', async () => {
    const met = { rollup: 0, daily: 0, raw: 0, refused: 0, again: 0 }
    await fc.assert(
      fc.asyncProperty(zone, scenes, async (first, steps) => {
        const of = await createZonesWorld(first)
        const [rich, poor] = [of.cells(plenty), of.cells(0)]
        const atFirst = await of.present()
        const open: Rerun[] = []
        for (const step of steps) {
          await take(of, step, open)
          await of.versions.refresh()
          for (const in_ of new Set([(await of.present()).timeZone, 'UTC', 'Asia/Kolkata'])) {
            for (const unit of questions) {
              const expected = recount(of, bucketsOf(of, unit, in_))
              // Cells of before may answer, and must be right; those of somebody else show what is stored.
              // These go by the merchant as it was at first: they have not heard of any change.
              for (const [cells, merchant] of [
                [rich, await of.present()],
                [of.cells(plenty), atFirst],
              ] as const) {
                const { numbers, buckets } = await ask(of, cells, unit, in_, merchant)
                expect(countsOf(numbers, buckets.length), `${unit} in ${in_} after ${step.do}`).toEqual(expected)
                for (const each of ['rollup', 'daily', 'raw'] as const) met[each] += numbers.served[each]
              }
              try {
                const answer = await ask(of, poor, unit, in_, await of.present())
                expect(countsOf(answer.numbers, answer.buckets.length)).toEqual(expected)
                met.again += 1
              } catch (error) {
                expect((error as ProblemError).code).toBe('zone_not_aligned')
                met.refused += 1
              }
            }
          }
        }
        expect(of.failures).toEqual([])
      }),
      { numRuns: runs },
    )
    for (const [what, times] of Object.entries(met)) expect(times, what).toBeGreaterThan(0)
  }, 1_200_000)
})
