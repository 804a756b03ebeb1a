/** The same plan over what the lake holds makes what the stream made: every column of every row, of every table. */
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { dayMs } from '../../../core/event-time.ts'
import type { GenerationPlace, GenerationSink } from '../../../core/generations.ts'
import type { TableName } from '../../../core/tables.ts'
import { testLength } from '../../../core/test/length.ts'
import {
  comparable,
  everywhere,
  executorOf,
  firstDay,
  liveWorld,
  localLakes,
  type Made,
  memoryLakes,
  merchants,
  type RerunWorld,
  requestOf,
  rerun,
  scan,
  traffic,
} from './test/rerun-world.ts'

const tablesOf = { hits: ['hits', 'failed_hits'], hourly: ['hourly'] } as const

async function expectEqual(world: RerunWorld, made: Made, table: TableName, places = everywhere): Promise<void> {
  const again = comparable(table, await scan(world.lake, table, null, made.staged))
  expect(again).toEqual(comparable(table, await world.live(table), places))
}

const day = (n: number | null) => (n === null ? null : firstDay + n * dayMs)
const stretch = fc
  .tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 1, max: 3 }))
  .map(([from, days]) => ({ from: day(from), to: day(from + days) }))
const somePlaces: fc.Arbitrary<readonly GenerationPlace[]> = fc.oneof(
  fc.constant(everywhere),
  stretch.map((of) => [{ merchant: null, ...of }]),
  fc
    .uniqueArray(fc.constantFrom(...merchants), { minLength: 1 })
    .chain((chosen) => fc.tuple(...chosen.map((merchant) => stretch.map((of) => ({ merchant, ...of }))))),
  fc.constant([{ merchant: null, from: null, to: day(2) }]),
  fc.constant([{ merchant: merchants[1] as never, from: day(1), to: null }]),
)

/** Of every batch that is read, and never but at the end. */
const flushes = fc.constantFrom(
  { rows: 1, bytes: 1e9, panes: 1e9 },
  { rows: 1e9, bytes: 1, panes: 1e9 },
  { rows: 1e9, bytes: 1e9, panes: 1 },
  { rows: 1e9, bytes: 1e9, panes: 1e9 },
)

for (const [name, lakes, runs] of [
  ['in memory', memoryLakes(), 60],
  ['in a folder', localLakes(), testLength('RERUN_EQUALS_LIVE_RUNS', { short: 6, full: 60 })],
] as const) {
  describe(`a rerun by operators of a lake ${name}`, () => {
    afterAll(() => lakes.close())

    it('makes the rows of hits, failed_hits and hourly that the stream made, whatever of the places is asked for', async () => {
      const sinks = fc.constantFrom<readonly GenerationSink[]>(['hits', 'hourly'], ['hits'], ['hourly'])
      await fc.assert(
        fc.asyncProperty(traffic, somePlaces, sinks, flushes, async (all, places, asked, limits) => {
          const world = await liveWorld(await lakes.open(), [all])
          const request = requestOf({ places, sinks: asked, via: 'stream' })
          const made = await rerun(executorOf({ ...world, limits }), { request, rows: world.rows })
          for (const sink of request.sinks) {
            for (const table of tablesOf[sink]) await expectEqual(world, made, table, places)
          }
          const others = new Set(request.sinks.flatMap((sink): readonly string[] => tablesOf[sink]))
          expect(made.staged.filter(({ table }) => !others.has(table))).toEqual([])
        }),
        { numRuns: runs },
      )
    })

    it('makes them in any order of splits, and again under another attempt', async () => {
      await fc.assert(
        fc.asyncProperty(traffic, async (all) => {
          const world = await liveWorld(await lakes.open(), [all])
          const executor = executorOf(world)
          const request = requestOf({ via: 'stream' })
          const first = await rerun(executor, { request, rows: world.rows })
          const again = await rerun(executor, { request, rows: world.rows, order: 'backwards' })
          for (const table of ['hits', 'failed_hits', 'hourly'] as const) {
            await expectEqual(world, first, table)
            await expectEqual(world, again, table)
          }
          expect(new Set([...first.staged, ...again.staged].map((file) => file.name)).size).toBe(
            first.staged.length + again.staged.length,
          )
        }),
        { numRuns: Math.ceil(runs / 4) },
      )
    })

    it('makes them in two phases, cut by publication and by what jobs write themselves', async () => {
      await fc.assert(
        fc.asyncProperty(traffic, traffic, fc.integer({ min: 0, max: 30 }), async (before, after, next) => {
          const world = await liveWorld(await lakes.open(), [before, after])
          const executor = executorOf(world)
          const request = requestOf({ via: 'stream' })
          const backfill = world.rows.map((rows) => ({ ...rows, through: 1 }))
          const catchUp = world.rows.map((rows) => ({ ...rows, after: 1 }))
          const at = [0, 1].map((partition) => ({ job: 'hits', source: 'log-1', partition, next: next as never }))
          const made = [
            await rerun(executor, { request, rows: backfill }),
            await rerun(executor, { request, rows: catchUp, phase: 'catch-up', barriers: { hits: at } }),
          ]
          const staged = made.flatMap((each) => each.staged)
          await expectEqual(world, { outputs: [], staged }, 'hourly')
          for (const table of ['hits', 'failed_hits'] as const) {
            const live = await world.live(table)
            const left = live.filter((row) => Number(row._publish) === 1 || Number(row._off) < next)
            expect(comparable(table, await scan(world.lake, table, null, staged))).toEqual(comparable(table, left))
          }
        }),
        { numRuns: Math.ceil(runs / 4) },
      )
    })
  })
}
