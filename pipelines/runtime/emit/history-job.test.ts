/** A plan over an emitted topic makes, as a generation of its own, the rows that a rerun makes; the live job is not touched. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { createMemoryFeed } from '../../../core/adapters/memory/memory-feed.ts'
import { memoryObjectStore } from '../../../core/adapters/memory/memory-object-store.ts'
import { dayMs } from '../../../core/event-time.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import { createHasher } from '../../../core/sketch/hasher.ts'
import type { LakeRow, TableName } from '../../../core/tables.ts'
import { memoryFeed } from '../../adapters/memory/memory-feed.ts'
import { createHitsJob } from '../../jobs/hits.ts'
import {
  comparable,
  executorOf,
  firstDay,
  liveWorld,
  memoryLakes,
  merchants,
  type RerunWorld,
  requestOf,
  rerun,
  scan,
  traffic,
} from '../rerun/test/rerun-world.ts'
import { emitToFeed } from './emit-to-feed.ts'
import { type HistoryJobOptions, runHistoryJob } from './history-job.ts'
import { historyGenerationMin } from './limits.ts'
import { begunOn, everything } from './test/emit-world.ts'

const hasher = await createHasher()
const lakes = memoryLakes()
const { signal } = new AbortController()
const generation = historyGenerationMin
const tables = ['hits', 'failed_hits', 'hourly'] as const

/** The emission twice in the topic from some record on, as a stop leaves it, with records of nobody between. */
async function emittedTopic(world: RerunWorld, again: number) {
  const clock = new ManualClock()
  const topic = createMemoryFeed(2)
  const output = 'kafka:history'
  await emitToFeed(
    {
      ...{ lake: world.rerun, store: world.store, pace: async () => {}, timers: clock, output },
      ...{ writer: topic.writer(), objects: memoryObjectStore(), emission: 'all', request: everything },
      ...{ begin: async () => begunOn(world, everything, output), groupMaxHits: 9, chunkMaxHits: 4 },
    },
    signal,
  )
  const feed = memoryFeed({ source: 'history-topic', partitions: [0, 1], timers: clock })
  for (const [partition, records] of topic.records.entries()) {
    const at = Math.max(0, records.length - again)
    for (const { value } of records) feed.push(partition, value)
    feed.push(partition, Buffer.from('nobody can read this'))
    for (const { value } of records.slice(at)) feed.push(partition, value)
  }
  return { feed, clock }
}

async function jobOf(world: RerunWorld, again = 3): Promise<HistoryJobOptions> {
  const { feed, clock } = await emittedTopic(world, again)
  const { plan, inputs } = createHitsJob({
    ...{ store: world.store, visitorHash: hasher.visitorHash, country: () => 'DE', dataSets: { country: '1' } },
    userAgents: {
      read: (text) => ({ bot: text?.includes('bot') ?? false, device: 'desktop', browser: null, os: null }),
    },
  })
  return {
    ...{ job: 'hits-history', generation, emission: 'all', plan, inputs, feed, clock, owner: 'test', tables },
    ...{ store: world.store, lake: world.lake, objects: memoryObjectStore(), epochMaxHits: 5 },
  }
}

/** Rows of the generation that count: of files that a commit named. */
async function made(world: RerunWorld, table: TableName): Promise<readonly LakeRow[]> {
  const view = await world.store.tableView(table)
  const rows = await scan(world.lake, table, null, view.pending)
  return rows.filter(({ _gen }) => _gen === generation)
}

async function expectRowsOfRerun(world: RerunWorld): Promise<void> {
  // What nobody can decode is in no emission.
  const again = await rerun(executorOf(world), { request: requestOf({ via: 'stream' }), rows: world.rows })
  for (const table of tables) {
    const rows = await scan(world.lake, table, null, again.staged)
    const expected = table === 'failed_hits' ? rows.filter(({ merchant }) => merchant !== '') : rows
    expect(comparable(table, await made(world, table)), table).toEqual(comparable(table, expected))
  }
}

describe('a job over a history topic', () => {
  it('makes the rows that a rerun makes, repeats in the topic or not', async () => {
    await fc.assert(
      fc.asyncProperty(traffic, fc.integer({ min: 0, max: 9 }), async (all, again) => {
        const world = await liveWorld(await lakes.open(), [all])
        const options = await jobOf(world, again)
        const before = await Promise.all(tables.map((table) => world.live(table)))
        const { poison } = await runHistoryJob(options, signal)
        expect(poison).toBe(2)
        await expectRowsOfRerun(world)
        expect(await Promise.all(tables.map((table) => world.live(table)))).toEqual(before)
      }),
      { numRuns: 30 },
    )
  })

  it('makes them once where it is stopped at any of its calls, and run again', async () => {
    const all = fc.sample(traffic, { numRuns: 3, seed: 5 }).flat()
    for (let stop = 1, ended = false; !ended; stop += 1) {
      const world = await liveWorld(await lakes.open(), [all])
      const options = await jobOf(world)
      let calls = 0
      const mortal = <T extends object>(port: T): T =>
        new Proxy(port, {
          get(of, name) {
            const member: unknown = Reflect.get(of, name)
            if (typeof member !== 'function') return member
            return async (...args: unknown[]) => {
              calls += 1
              if (calls === stop && stop % 2 === 0) throw new Error('stopped')
              const result = await Reflect.apply(member, of, args)
              if (calls === stop) throw new Error('stopped')
              return result
            }
          },
        })
      const dying = { ...options, store: mortal(options.store), lake: mortal(options.lake) }
      const objects = mortal(options.objects as ObjectStore)
      ended = await runHistoryJob({ ...dying, objects }, signal).then(
        () => true,
        () => false,
      )
      await runHistoryJob(options, signal)
      await expectRowsOfRerun(world)
    }
  })

  it('takes only what is new when it is run again', async () => {
    const world = await liveWorld(await lakes.open(), [fc.sample(traffic, { numRuns: 2, seed: 5 }).flat()])
    const options = await jobOf(world)
    expect((await runHistoryJob(options, signal)).hits).toBeGreaterThan(10)
    expect(await runHistoryJob(options, signal)).toEqual({ hits: 0, repeats: 0, erased: 0, others: 0, poison: 0 })
  })

  it('leaves out what was erased since it was emitted', async () => {
    const world = await liveWorld(await lakes.open(), [fc.sample(traffic, { numRuns: 2, seed: 5 }).flat()])
    const options = await jobOf(world)
    const through = firstDay + 30 * dayMs
    for (const merchant of merchants) {
      const subject = { kind: 'visitor', value: 'v1' } as const
      await world.store.eraseHits({ merchant, subject, through, by: 'test', now: through })
    }
    expect((await runHistoryJob(options, signal)).erased).toBeGreaterThan(0)
    const rows = await made(world, 'hits')
    expect(rows.length).toBeGreaterThan(0)
    expect(rows.filter(({ visitor }) => visitor === 'v1')).toEqual([])
  })

  it('takes no generation that a rerun may be given', async () => {
    const world = await liveWorld(await lakes.open(), [[]])
    const options = await jobOf(world)
    await expect(runHistoryJob({ ...options, generation: historyGenerationMin - 1 }, signal)).rejects.toThrow(
      RangeError,
    )
  })

  it('counts no hit in the books again', async () => {
    const world = await liveWorld(await lakes.open(), [fc.sample(traffic, { numRuns: 2, seed: 5 }).flat()])
    const sums = async () => {
      const { accepted, stored, duplicates, failed } = await world.store.books({ from: 0, to: Number.MAX_SAFE_INTEGER })
      return { accepted, stored, duplicates, failed }
    }
    const before = await sums()
    expect(before.stored).toBeGreaterThan(0)
    await runHistoryJob(await jobOf(world), signal)
    expect(await sums()).toEqual(before)
  })
})
