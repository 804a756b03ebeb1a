/**
 * Workers that sleep, and jobs that stand apart, while an erasure is carried out: in the end nothing of the erased hits is
 * stored or counted, and nothing else is lost, whoever learnt of the erasure when.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../core/adapters/memory/seeded-random.ts'
import { dayMs, minuteMs } from '../../core/event-time.ts'
import type { ControlStore, EpochCommit } from '../../core/ports/control-store.ts'
import { rowsOf } from '../../core/ports/lake.contract.ts'
import type { TableName } from '../../core/tables.ts'
import { hitsPipeline } from '../../pipelines/jobs/hits.ts'
import { type JobOptions, jobsOf } from '../../pipelines/runtime/plan-jobs.ts'
import type { StreamRunnerOptions } from '../../pipelines/runtime/runner-options.ts'
import {
  at,
  batch,
  booksOf,
  createWorld,
  drain,
  during,
  hit,
  merchant,
  merged,
  morning,
  push,
  runnerOn,
  shop,
  until,
  type World,
} from '../../pipelines/test/support/world.ts'
import { createMemoryControlStore } from '../adapters/memory/memory-control-store.ts'
import { createMemoryDerive } from '../adapters/memory/memory-derive.ts'
import { createMemoryLake, MemoryLakeState } from '../adapters/memory/memory-lake.ts'
import { createMaintenance } from '../core/maintenance/rounds.ts'
import { createPublisher } from '../core/publisher.ts'

const [warehouse, rollups] = jobsOf(hitsPipeline) as [JobOptions, JobOptions]
const tables: readonly TableName[] = ['hits', 'failed_hits', 'hourly']

/** `apart`: the jobs of a cluster, where readers see what is published. */
async function createSystem(how: 'one job' | 'apart') {
  const plain = await createWorld()
  const { clock } = plain
  const store = how === 'apart' ? createMemoryControlStore({ visible: 'published' }) : plain.store
  if (how === 'apart') await store.createMerchant(merchant(shop), [])
  const memory = { state: new MemoryLakeState(), random: seededRandom(3), clock }
  const bare = createMemoryLake(memory)
  const lake = { ...bare, ...createMemoryDerive({ ...memory, lake: bare }) }
  const world: World = { ...plain, store, lake }
  const common = { store, lake, clock, timers: clock, owner: 'one' }
  const publisher = createPublisher({ ...common, tables, discardGraceMs: 1 })
  const failures: unknown[] = []
  const rounds = createMaintenance({
    ...common,
    ...(how === 'one job' ? { reads: 'pending' } : { reads: 'published', jobs: jobNames }),
    onError: (error) => failures.push(error),
  })
  return {
    world,
    store,
    clock,
    failures,
    async erase(visitor: string) {
      const now = clock.now()
      const subject = { kind: 'visitor', value: visitor } as const
      await store.eraseHits({ merchant: shop, subject, through: now, by: 'test', now })
    },
    async rounds(count: number) {
      for (let n = 0; n < count; n++) {
        clock.advance(10 * minuteMs)
        await publisher.publishNow()
        await rounds.runNow()
      }
    },
    states: async () => (await store.erasures({ limit: 10 })).map(({ state }) => state),
    /** What is left: hits by visitor, and what the hours add up to. */
    async left() {
      const hits = await rowsOf(lake, await store.tableView('hits'))
      const hours = merged(await rowsOf(lake, await store.tableView('hourly')))
      return {
        stored: hits.map(({ visitor }) => visitor).sort(),
        counted: [...hours.values()].reduce((sum, hour) => sum + Number(hour.hits), 0),
      }
    },
  }
}

const jobNames = { hits: warehouse.job, hourly: rollups.job }
/** More than what is needed for any erasure of days that are over. */
const untilRemoved = 20

/** A store whose epochs wait when they are about to be committed, as a process that sleeps does. */
function sleeping(store: ControlStore) {
  let wake = () => {}
  const awake = new Promise<void>((resolve) => {
    wake = resolve
  })
  const seen: EpochCommit[] = []
  const commitEpoch: ControlStore['commitEpoch'] = async (commit) => {
    seen.push(commit)
    await awake
    return store.commitEpoch(commit)
  }
  return { store: { ...store, commitEpoch }, seen, wake: () => wake() }
}

const of = (visitor: string, id: string) => batch([hit({ id, visitor })])

describe('a worker that sleeps while an erasure is carried out', () => {
  it('commits nothing of it when it wakes, makes its epoch again and goes on', async () => {
    const { world, store, clock, erase, rounds, states, left, failures } = await createSystem('one job')
    push(world, [of('v1', 'before')])
    await drain(world)
    push(world, [of('v1', 'a'), of('v2', 'b')])
    const asleep = sleeping(store)
    const errors: unknown[] = []
    const runner = runnerOn({ ...world, store: asleep.store as World['store'] }, { onError: (e) => errors.push(e) })
    await runner.start()
    clock.advance(1)
    await until(() => runner.state === 'running')
    // The epoch is open, and was begun before anybody asked.
    await during(
      world,
      until(() => asleep.seen.length > 0),
    )
    await erase('v1')
    clock.advance(2 * dayMs)
    await rounds(untilRemoved)
    expect(await states()).toEqual(['removed'])
    expect(await left()).toEqual({ stored: [], counted: 0 })

    asleep.wake()
    await during(world, runner.stop())
    expect(runner.state).toBe('stopped')
    expect(asleep.seen.map(({ erasuresKnown }) => erasuresKnown)).toEqual([0, 1])
    expect(await left()).toEqual({ stored: ['v2'], counted: 1 })
    expect(await booksOf(world)).toMatchObject({ stored: 2, dropped: { erased: 1 }, failed: 0 })
    expect([errors, failures]).toEqual([[], []])
  })

  it('commits what it has where nobody has begun to carry the erasure out, and that is taken out then', async () => {
    const { world, store, clock, erase, rounds, states, left } = await createSystem('one job')
    push(world, [of('v1', 'a'), of('v2', 'b')])
    const asleep = sleeping(store)
    const runner = runnerOn({ ...world, store: asleep.store as World['store'] })
    await runner.start()
    await during(
      world,
      until(() => asleep.seen.length > 0),
    )
    await erase('v1')
    asleep.wake()
    await during(world, runner.stop())
    expect(asleep.seen).toHaveLength(1)
    expect(await left()).toEqual({ stored: ['v1', 'v2'], counted: 2 })
    clock.advance(2 * dayMs)
    await rounds(untilRemoved)
    expect(await states()).toEqual(['removed'])
    expect(await left()).toEqual({ stored: ['v2'], counted: 1 })
  })
})

describe('a hit that was counted by the hours’ job and left out by the other, for it was erased between', () => {
  const run = (world: World, job: JobOptions, more: Partial<StreamRunnerOptions> = {}) =>
    drain(world, { ...job, ...more })

  it('is counted no more once the erasure is carried out', async () => {
    const { world, clock, store, erase, rounds, states, left, failures } = await createSystem('apart')
    push(world, [of('v1', 'a'), of('v2', 'b')])
    await run(world, rollups)
    await erase('v1')
    await run(world, warehouse)
    await rounds(2)
    expect(await left()).toEqual({ stored: ['v2'], counted: 2 })
    expect(await states()).toEqual(['asked'])
    clock.advance(2 * dayMs)
    await rounds(untilRemoved)
    expect(await states()).toEqual(['removed'])
    expect(await left()).toEqual({ stored: ['v2'], counted: 1 })
    expect(await store.droppedDays({ limit: 10 })).toEqual([])
    expect(failures).toEqual([])
  })

  it('is waited for while the other job is behind, however long', async () => {
    const { world, clock, erase, rounds, states, left } = await createSystem('apart')
    push(world, [of('v2', 'b')])
    await run(world, rollups)
    await run(world, warehouse)
    push(world, [of('v1', 'a')])
    await run(world, rollups)
    await erase('v1')
    clock.advance(2 * dayMs)
    await rounds(untilRemoved)
    expect(await states()).toEqual(['asked'])
    await run(world, warehouse)
    await rounds(untilRemoved)
    expect(await states()).toEqual(['removed'])
    expect(await left()).toEqual({ stored: ['v2'], counted: 1 })
  })

  it('is one of the erasure that its epoch knew, also where others of the merchant come all the time', async () => {
    const { world, clock, store, erase, rounds, left } = await createSystem('apart')
    push(world, [of('v1', 'a'), of('v2', 'b')])
    await run(world, rollups)
    await erase('v1')
    await run(world, warehouse)
    clock.advance(2 * dayMs)
    for (let n = 0; n < 4; n++) {
      await rounds(1)
      await erase(`other-${n}`)
    }
    expect(await left()).toEqual({ stored: ['v2'], counted: 1 })
    expect((await store.erasure(1))?.state).not.toBe('asked')
  })

  it('leaves its day to be counted only where another job counts: one job reports none', async () => {
    const { world, store, erase } = await createSystem('one job')
    await erase('v1')
    push(world, [of('v1', 'a')])
    await drain(world)
    expect(await store.droppedDays({ limit: 10 })).toEqual([])
  })

  it('is told by its day in any zone, and the day before where its hour may have begun there', async () => {
    const { world, store, erase } = await createSystem('apart')
    await erase('v1')
    const midnight = Math.floor(morning / dayMs) * dayMs - morning
    push(world, [batch([hit({ id: 'a', visitor: 'v1', time: at(midnight + 5 * minuteMs) })])])
    await run(world, warehouse)
    push(world, [batch([hit({ id: 'b', visitor: 'v1', time: at(midnight - 5 * minuteMs) })])])
    await run(world, warehouse)
    const day = Math.floor(morning / dayMs)
    const reported = (await store.droppedDays({ limit: 10 })).map((each) => each.day)
    expect(reported).toEqual([day - 1, day, day - 1])
  })

  it('ends an epoch when it has so many days of them to tell', async () => {
    const { world, store, erase } = await createSystem('apart')
    await erase('v1')
    const noon = morning - 9 * 60 * minuteMs + 12 * 60 * minuteMs
    push(
      world,
      [0, 1, 2, 3, 4].map((n) => batch([hit({ id: `h${n}`, visitor: 'v1', time: at(noon - morning - n * dayMs) })])),
    )
    await run(world, warehouse, { epochMaxErasedDays: 2 })
    const epochs = (await store.droppedDays({ limit: 10 })).map(({ epoch }) => epoch)
    const first = epochs[0] ?? 0
    expect(epochs.map((epoch) => epoch - first)).toEqual([0, 0, 1, 1, 2])
  })

  it('or the other way round, or not erased at all: what is left is what no erasure names', async () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ send: fc.constantFrom('v1', 'v2', 'v3') }) },
      { weight: 2, arbitrary: fc.record({ run: fc.constantFrom('warehouse' as const, 'rollups' as const) }) },
      { weight: 1, arbitrary: fc.record({ erase: fc.constantFrom('v1', 'v2') }) },
      { weight: 1, arbitrary: fc.record({ pass: fc.constantFrom(1, 40 * minuteMs, dayMs) }) },
      { weight: 1, arbitrary: fc.record({ rounds: fc.constantFrom(1, 3) }) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 20 }), async (steps) => {
        const { world, clock, erase, rounds, states, left, failures } = await createSystem('apart')
        const sent: { readonly visitor: string; readonly received: number }[] = []
        const through = new Map<string, number>()
        for (const each of steps) {
          if ('send' in each) {
            const received = clock.now()
            push(world, [batch([hit({ id: `h${sent.length}`, visitor: each.send })], { received: received as never })])
            sent.push({ visitor: each.send, received })
          } else if ('run' in each) await run(world, each.run === 'warehouse' ? warehouse : rollups)
          else if ('erase' in each) {
            await erase(each.erase)
            through.set(each.erase, clock.now())
          } else if ('pass' in each) clock.advance(each.pass)
          else await rounds(each.rounds)
        }
        await run(world, rollups)
        await run(world, warehouse)
        clock.advance(2 * dayMs)
        await rounds(untilRemoved)
        const kept = sent.filter(({ visitor, received }) => received > (through.get(visitor) ?? 0))
        expect((await states()).filter((state) => state !== 'removed')).toEqual([])
        expect(await left()).toEqual({ stored: kept.map(({ visitor }) => visitor).sort(), counted: kept.length })
        expect(failures).toEqual([])
      }),
      { numRuns: 40 },
    )
  }, 120_000)
})
