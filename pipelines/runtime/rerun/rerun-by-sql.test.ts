/** Hours by SQL are the hours by operators: of the same rows, places, barriers, erasures and zones. */
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { dayMs } from '../../../core/event-time.ts'
import type { GenerationPlace } from '../../../core/generations.ts'
import type { ErasedHits } from '../../../core/ports/erasure-store.ts'
import { testLength } from '../../../core/test/length.ts'
import {
  comparable,
  everywhere,
  executorOf,
  firstDay,
  liveWorld,
  localLakes,
  merchants,
  type Rerun,
  type RerunTools,
  requestOf,
  rerun,
  scan,
  traffic,
} from './test/rerun-world.ts'

const lakes = localLakes()
// Merchants of a split one by one.
const inParts = localLakes({ hoursMaxHits: 1 })
afterAll(async () => {
  await lakes.close()
  await inParts.close()
})

async function hours(
  tools: RerunTools,
  via: 'stream' | 'sql',
  work: Omit<Rerun, 'request'> & Pick<Partial<Rerun>, 'request'>,
) {
  const request = requestOf({ sinks: ['hourly'], ...work.request, via })
  const executor = executorOf(tools)
  expect(await executor.refusal(request)).toBeNull()
  expect(await executor.methods(request)).toEqual({ hourly: via === 'sql' ? 'sql' : 'operators' })
  const made = await rerun(executor, { ...work, request })
  expect(new Set(made.staged.map(({ table }) => table)).size).toBeLessThan(2)
  return { made, rows: comparable('hourly', await scan(tools.lake, 'hourly', null, made.staged)) }
}

const day = (n: number) => firstDay + n * dayMs
const places = fc.constantFrom<readonly GenerationPlace[]>(
  everywhere,
  [{ merchant: null, from: day(1), to: day(2) }],
  [
    { merchant: merchants[0] as never, from: null, to: day(3) },
    { merchant: merchants[1] as never, from: day(2), to: day(3) },
  ],
)

const runs = testLength('RERUN_BY_SQL_RUNS', { short: 4, full: 40 })

describe('hours of a rerun by SQL', () => {
  it('are those of operators and of the stream, whatever the places', async () => {
    await fc.assert(
      fc.asyncProperty(traffic, places, fc.constantFrom(lakes, inParts), async (all, of, from) => {
        const world = await liveWorld(await from.open(), [all])
        const request = requestOf({ places: of, sinks: ['hourly'] })
        const sql = await hours(world, 'sql', { request, rows: world.rows })
        const stream = await hours(world, 'stream', { request, rows: world.rows })
        expect(sql.rows).toEqual(stream.rows)
        expect(sql.rows).toEqual(comparable('hourly', await world.live('hourly'), of))
        const days = (made: typeof sql.made) =>
          new Set(made.outputs.flatMap((each) => each.days.map(({ merchant, day: at }) => `${merchant} ${at}`)))
        expect(days(sql.made)).toEqual(days(stream.made))
      }),
      { numRuns: runs },
    )
  })

  it('leave out what is erased, what a merchant refuses by now, and what jobs write themselves', async () => {
    const erased = fc.array(
      fc.record({
        merchant: fc.constantFrom(...merchants),
        subject: fc.constantFrom<ErasedHits['subject']>({ kind: 'visitor', value: 'v1' }, { kind: 'merchant' }),
        through: fc.integer({ min: 0, max: 60 }).map((n) => day(5) + n),
      }),
      { maxLength: 3 },
    )
    await fc.assert(
      fc.asyncProperty(traffic, erased, fc.integer({ min: 0, max: 30 }), async (all, gone, next) => {
        const world = await liveWorld(await lakes.open(), [all])
        for (const each of gone) await world.store.eraseHits({ ...each, by: 'test', now: 1 })
        for (const id of merchants) await world.store.updateMerchant(id, { blockedNames: ['secret', 'search'] })
        const barrier = { job: 'hits', source: 'log-1', partition: 0, next: next as never }
        const work = { rows: world.rows, phase: 'catch-up', barriers: { hourly: [barrier] } } as const
        const stream = await hours(world, 'stream', work)
        expect((await hours(world, 'sql', work)).rows).toEqual(stream.rows)
        expect(stream.rows.every(({ _part }) => _part === 0)).toBe(true)
      }),
      { numRuns: runs },
    )
  })

  it('are hours of the zone that a merchant has now, where that is asked for', async () => {
    await fc.assert(
      fc.asyncProperty(traffic, async (all) => {
        const world = await liveWorld(await lakes.open(), [all])
        const store = {
          ...world.store,
          async merchantsById(ids: Parameters<typeof world.store.merchantsById>[0]) {
            const found = await world.store.merchantsById(ids)
            return found.map((each) => (each.id === 'tea' ? { ...each, timeZone: 'Asia/Kathmandu' } : each))
          },
        }
        const request = requestOf({ zones: 'today', sinks: ['hourly'] })
        const stream = await hours({ ...world, store }, 'stream', { request, rows: world.rows })
        const sql = await hours({ ...world, store }, 'sql', { request, rows: world.rows })
        const ofHits = (rows: typeof sql.rows) => rows.filter(({ merchant }) => merchant !== '')
        // Hits that were refused for their zone are none of the table's, and are counted by operators in both.
        expect(ofHits(sql.rows)).toEqual(ofHits(stream.rows))
        for (const { merchant, bucket } of sql.rows) {
          expect((Number(bucket) / 60_000) % 60).toBe(merchant === 'tea' ? 15 : 0)
        }
      }),
      { numRuns: runs },
    )
  })
})
