import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dayMs, hourMs, minuteMs } from '../../core/event-time.ts'
import type { GenerationSink } from '../../core/generations.ts'
import type { Rerun } from '../../core/ports/rerun-store.ts'
import { generationRestMs } from '../../lakehouse/core/maintenance/generations-round.ts'
import {
  answers,
  buckets,
  createGenerationsWorld,
  type GenerationsWorld,
  inMemory,
  merchants,
  midnight,
  recount,
  tea,
} from './generations-world.ts'

const aHit = fc.record({
  merchant: fc.constantFrom(...merchants),
  time: fc.integer({ min: -9 * 24 * 2, max: -1 }).map((half) => midnight + half * 30 * minuteMs + 7),
  visitor: fc.constantFrom('v', 'w'),
})
const day = fc.integer({ min: -7, max: 0 }).map((n) => midnight + n * dayMs)
const aPlace = fc
  .record({ merchant: fc.constantFrom(null, ...merchants), from: fc.option(day), to: fc.option(day) })
  .filter(({ from, to }) => from === null || to === null || from < to)
const aStep = fc.oneof(
  fc.record({ do: fc.constant('commit' as const), hits: fc.array(aHit, { minLength: 1, maxLength: 12 }) }),
  fc.record({
    do: fc.constant('rerun' as const),
    place: aPlace,
    sinks: fc.constantFrom<readonly GenerationSink[]>(['hits', 'hourly'], ['hits', 'hourly'], ['hits'], ['hourly']),
  }),
  fc.record({
    do: fc.constantFrom('promote' as const, 'rollBack' as const, 'release' as const),
    which: fc.nat({ max: 9 }),
  }),
  fc.record({ do: fc.constantFrom('maintain' as const, 'maintain' as const, 'publish' as const) }),
)
type Step = typeof aStep extends fc.Arbitrary<infer S> ? S : never

async function take(of: GenerationsWorld, step: Step, open: Rerun[]): Promise<void> {
  const pick = (states: readonly Rerun['state'][], which: number) => {
    const able = open.filter(({ state }) => states.includes(state))
    return able[which % Math.max(1, able.length)]
  }
  const replace = (rerun: Rerun) =>
    open.splice(
      open.findIndex(({ id }) => id === rerun.id),
      1,
      rerun,
    )
  switch (step.do) {
    case 'commit':
      return of.commit(step.hits)
    case 'rerun': {
      const made = await of.rerun([step.place], step.sinks).catch(() => undefined)
      if (made !== undefined) open.push(made)
      return
    }
    case 'promote': {
      const rerun = pick(['ready', 'rolled_back'], step.which)
      if (rerun !== undefined) replace(await of.promote(rerun))
      return
    }
    case 'rollBack': {
      const rerun = open.findLast(({ state }) => state === 'promoted')
      if (rerun !== undefined) replace(await of.rollBack(rerun).catch(() => rerun))
      return
    }
    case 'release': {
      const rerun = pick(['promoted'], step.which)
      if (rerun !== undefined) replace(await of.reruns.release(rerun))
      return
    }
    case 'publish':
      return of.publisher.publishNow()
    case 'maintain':
      of.clock.advance(generationRestMs)
      await of.publisher.publishNow()
      await of.maintenance.runNow()
  }
}

describe('numbers while generations are made, promoted, rolled back and released', () => {
  it('are those of the generation that answers, kept, derived or counted anew', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(aHit, { minLength: 10, maxLength: 40 }),
        fc.array(aStep, { maxLength: 14 }),
        async (hits, steps) => {
          const of = await createGenerationsWorld(inMemory)
          const kept = of.cellsOver()
          const open: Rerun[] = []
          await of.commit(hits)
          for (const step of steps) {
            await take(of, step, open)
            await of.versions.refresh()
            for (const merchant of merchants) {
              const expected = recount(of, merchant)
              expect({ step: step.do, ...(await answers(kept, merchant)) }).toEqual({ step: step.do, ...expected })
              expect(await answers(of.cellsOver(), merchant)).toEqual(expected)
            }
          }
          expect(of.failures).toEqual([])
        },
      ),
      { numRuns: 25 },
    )
  })

  it('of days and visits are derived of what answers, again after each change of the map', async () => {
    const of = await createGenerationsWorld(inMemory)
    const cells = of.cellsOver()
    const merchant = tea
    await of.commit(
      [-5, -4, -3].flatMap((n) =>
        [1, 2, 3].map((h) => ({ merchant, visitor: 'v', time: midnight + n * dayMs + h * 3 * hourMs })),
      ),
    )
    const served = async () => {
      await of.versions.refresh()
      const asked = {
        merchant,
        buckets: buckets(midnight - 5 * dayMs, dayMs, 3),
        dimensions: [],
        filter: null,
        asOf: 0,
      }
      const days = await cells.hits({ ...asked, source: { from: 'rollup', breakdown: 'total' }, parts: [] })
      const visits = await cells.visits(asked)
      return [...days.served, ...visits.served].join(' ')
    }
    const maintain = () => take(of, { do: 'maintain' }, [])
    const stored = 'daily daily daily sessions sessions sessions'
    await maintain()
    expect(await served()).toBe(stored)
    const place = { merchant, from: midnight - 4 * dayMs, to: midnight - 3 * dayMs }
    let rerun = await of.rerun([place], ['hits', 'hourly'])
    expect(await served()).toBe('cache cache cache cache cache cache')
    rerun = await of.promote(rerun)
    // Visits of the days around hang on it too.
    expect(await served()).toBe('cache rollup cache raw raw raw')
    await maintain()
    expect(await served()).toBe('cache cache cache cache cache cache')
    cells.clear()
    expect(await served()).toBe(stored)
    rerun = await of.rollBack(rerun)
    expect(await served()).toBe('cache rollup cache raw raw raw')
    await maintain()
    cells.clear()
    expect(await served()).toBe(stored)
    expect(await answers(cells, merchant)).toEqual(recount(of, merchant))
    // A gateway that has not heard of a change yet does not go by what was derived since.
    const before = recount(of, merchant)
    of.versions.stop()
    await of.promote(rerun)
    await maintain()
    expect(await answers(of.cellsOver(), merchant)).toEqual(before)
    await of.versions.refresh()
    expect(await answers(of.cellsOver(), merchant)).toEqual(recount(of, merchant))
    expect(recount(of, merchant)).not.toEqual(before)
  })
})
