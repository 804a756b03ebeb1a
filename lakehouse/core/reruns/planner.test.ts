import { describe, expect, it } from 'vitest'
import { dayMs, utcDay, utcDayText } from '../../../core/event-time.ts'
import type { GenerationPlace } from '../../../core/generations.ts'
import type { ReleasePlans, RerunQuestion } from '../../../core/ports/rerun-service.ts'
import { rerunPlacesMax } from '../../../core/ports/rerun-store.ts'
import { type RerunExecutor, rerunSplitsMax } from '../../../core/ports/rerun-work.ts'
import { createRerunWorld, firstDay, shop } from './driver-under-test.ts'
import { createRerunPlanner } from './planner.ts'

const question: RerunQuestion = {
  ...{ pipeline: 'hits', snapshot: '1', sinks: null, from: null, to: null, merchant: null, via: null, recovers: null },
  ...{ dataSets: 'recorded', zones: 'recorded', promote: 'manual', plan: null, by: 'ada' },
}

async function setUp(more: Partial<RerunExecutor> = {}, rebuild: readonly ('hits' | 'hourly')[] = []) {
  const world = createRerunWorld()
  const merchant = { id: shop, name: 'Shop', timeZone: 'UTC', currency: 'EUR', blockedNames: [] }
  await world.store.createMerchant({ ...merchant, visitorSeed: '0000000000000000', retentionDays: null }, [])
  await world.accept(40)
  await world.publish()
  const plans: ReleasePlans = {
    of: async (pipeline) => (pipeline === 'hits' ? { live: 'old', release: 'new', rebuild } : undefined),
  }
  const executor = { ...world.executor, ...more }
  const planner = createRerunPlanner({ store: world.store, lake: world.lake, executor, plans, clock: world.clock })
  return { ...world, plan: (asked: Partial<RerunQuestion> = {}) => planner.plan({ ...question, ...asked }) }
}

describe('what a rerun would be', () => {
  it('says what it reads, makes and costs, and records nothing', async () => {
    const { plan, store } = await setUp()
    const { request, estimate } = await plan()
    expect(request).toEqual({
      ...{ pipeline: 'hits', snapshot: '1', sinks: ['hits', 'hourly'], plan: 'new', via: null, recovers: null },
      ...{ dataSets: 'recorded', zones: 'recorded', promote: 'manual', by: 'ada' },
      places: [{ merchant: null, from: null, to: null }],
    })
    expect(estimate).toMatchObject({
      ...{ generation: 2, snapshot: '1', publish: 1, places: 1, splits: 8, rows: 40, bytes: 4_000 },
      ...{ days: { first: firstDay, last: firstDay + 3 }, plan: { live: 'old', rerun: 'new' } },
      methods: { hits: 'operators', hourly: 'operators' },
    })
    // Four days of one merchant have 96 hours, but not more than there are rows.
    expect(estimate.buckets).toBe(40)
    expect(estimate.goesOnCosting).toMatch(
      /^from the catch-up until it is released every hit is processed by both plans/,
    )
    expect(await store.reruns({ limit: 1 })).toEqual([])
    expect(await store.pins('hits')).toEqual([])
  })

  it('has the next generation', async () => {
    const { plan, ask } = await setUp()
    await ask()
    expect((await plan()).estimate.generation).toBe(3)
  })

  it('makes the sinks that were named, else those that the new plan needs, else all', async () => {
    const { plan } = await setUp({}, ['hourly'])
    expect((await plan()).request.sinks).toEqual(['hourly'])
    expect((await plan({ sinks: ['hits'] })).request.sinks).toEqual(['hits'])
    expect((await plan({ recovers: null, plan: 'other' })).request.plan).toBe('other')
    const { plan: planAll } = await setUp()
    expect((await planAll()).request.sinks).toEqual(['hits', 'hourly'])
  })

  it('is of the days and the merchant that were named', async () => {
    const { plan } = await setUp()
    const days = { from: (firstDay + 1) * dayMs, to: (firstDay + 2) * dayMs }
    const { request, estimate } = await plan({ ...days, merchant: shop })
    expect(request.places).toEqual([{ ...days, merchant: shop }])
    expect(estimate.days).toEqual({ first: firstDay + 1, last: firstDay + 1 })
    expect(estimate.buckets).toBe(10)
  })

  it('is of no day whose hits are no longer kept: its hours, which stay, would be lost', async () => {
    const { plan, store, clock } = await setUp()
    await store.updateMerchant(shop, { retentionDays: 2 })
    const first = utcDay(clock.now()) - 2
    const day = utcDayText(first)
    const lost = `hits of ${shop} are kept from ${day} on, and hours of earlier days, which stay, would be lost: ask with --from ${day}`
    await expect(plan({ merchant: shop })).rejects.toThrow(lost)
    await expect(plan({ merchant: shop, from: (first - 1) * dayMs })).rejects.toThrow(lost)
    await expect(plan()).rejects.toThrow(`${lost}, or merchant by merchant`)
    for (const merchant of [shop, null]) {
      const { request } = await plan({ merchant, from: first * dayMs })
      expect(request.places).toEqual([{ merchant, from: first * dayMs, to: null }])
    }
  })

  it('makes hours of the present zone with the hits of it, for what is counted again goes by these', async () => {
    const { plan } = await setUp()
    await expect(plan({ zones: 'today', sinks: ['hourly'] })).rejects.toThrow('name the sink hits too')
    expect((await plan({ zones: 'today' })).request.sinks).toEqual(['hits', 'hourly'])
  })

  it('recovers refused hits in the places that have such', async () => {
    const places: GenerationPlace[] = [{ merchant: shop, from: firstDay * dayMs, to: (firstDay + 1) * dayMs }]
    const asked: unknown[] = []
    const { plan } = await setUp(
      {
        async failedPlaces(about) {
          asked.push(about)
          return places
        },
      },
      ['hourly'],
    )
    const { request } = await plan({ recovers: 'bad_currency' })
    expect(request).toMatchObject({ places, sinks: ['hits', 'hourly'], recovers: 'bad_currency' })
    expect(asked).toEqual([
      { reason: 'bad_currency', places: [{ merchant: null, from: null, to: null }], limit: rerunPlacesMax },
    ])
    await expect(plan({ recovers: '', sinks: ['hourly'] })).rejects.toThrow('name that sink too')
  })
})

describe('a rerun that cannot be', () => {
  const refused = (asked: Promise<unknown>, says: string) =>
    expect(asked).rejects.toMatchObject({ code: 'rerun_refused', message: expect.stringContaining(says) })

  it('is refused: of a pipeline there is not', async () => {
    const { plan } = await setUp()
    await refused(plan({ pipeline: 'sessions' }), "no pipeline 'sessions'")
  })

  it('is refused: from a snapshot that hits lacks, and says where it is of another table', async () => {
    const { plan, snapshots, publish, accept } = await setUp()
    await expect(plan({ snapshot: '2' })).rejects.toMatchObject({ code: 'SNAPSHOT_NOT_FOUND', snapshot: '2' })
    await accept(3)
    await publish(['hourly'])
    expect(snapshots.hourly).toHaveLength(2)
    await refused(plan({ snapshot: '2' }), '2 is a snapshot of hourly')
  })

  it('is refused: by a plan that does not fit', async () => {
    const { plan } = await setUp({ refusal: async () => 'its windows keep state between epochs' })
    await refused(plan(), 'its windows keep state between epochs')
  })

  it('is refused: to recover what was never refused, or in too many places', async () => {
    const none = await setUp()
    await refused(none.plan({ recovers: 'bad_currency' }), 'no hits were refused as bad_currency there')
    const place = { merchant: shop, from: 0, to: dayMs }
    const many = await setUp({ failedPlaces: async () => Array.from({ length: rerunPlacesMax + 1 }, () => place) })
    await refused(many.plan({ recovers: '' }), `more than ${rerunPlacesMax}`)
  })

  it('is refused: in too many parts', async () => {
    const { executor } = createRerunWorld()
    const one = { ...(await setUp()).executor }
    const rows = { table: 'hits', snapshot: '1', after: 0, through: 1 } as const
    const [split] = await one.splits('backfill', [rows], [{ merchant: null, from: null, to: null }])
    const many = Array.from({ length: rerunSplitsMax + 1 }, () => split).flatMap((each) => each ?? [])
    const { plan } = await setUp({ ...executor, splits: async () => many })
    await refused(plan(), `${rerunSplitsMax} are the most`)
  })
})
