/** What is emitted into a topic holds every accepted hit, in order but for stretches that came again; readers drop these. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { createMemoryFeed, type SendFault } from '../../../core/adapters/memory/memory-feed.ts'
import { memoryObjectStore } from '../../../core/adapters/memory/memory-object-store.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { EmitRefusedError } from '../../../core/errors.ts'
import { partitionOf } from '../../../core/partition-of.ts'
import { decodeHistoryBatch } from '../../../schemas/avro/history.ts'
import { memoryFeed } from '../../adapters/memory/memory-feed.ts'
import { during } from '../../test/support/world.ts'
import { createPace } from '../rerun/pace.ts'
import { liveWorld, memoryLakes, type RerunWorld, traffic } from '../rerun/test/rerun-world.ts'
import { type EmitToFeedOptions, emitToFeed, progressObject } from './emit-to-feed.ts'
import { historyFeed } from './history-feed.ts'
import { historyBatchMaxHits } from './limits.ts'
import { compareKeys } from './order.ts'
import { type Accepted, acceptedOf, begunOn, everything } from './test/emit-world.ts'

const lakes = memoryLakes()
const { signal } = new AbortController()

function optionsOf(world: RerunWorld, changes: Partial<EmitToFeedOptions> = {}, partitions = 3) {
  const clock = new ManualClock()
  const topic = createMemoryFeed(partitions)
  const output = 'kafka:history'
  const begin = async () => begunOn(world, everything, output)
  const options: EmitToFeedOptions = {
    ...{ lake: world.rerun, store: world.store, pace: async () => {}, timers: clock, begin, output },
    ...{ writer: topic.writer(), objects: memoryObjectStore(), emission: 'all', request: everything },
    ...{ groupMaxHits: 9, chunkMaxHits: 4 },
    ...changes,
  }
  return { clock, topic, options }
}

type Topic = ReturnType<typeof createMemoryFeed>

/** All partitions, as a reader of the topic has them, in the order of emissions. */
async function readBack(topic: Topic, emission = 'all'): Promise<readonly Accepted['hit'][]> {
  const clock = new ManualClock()
  const feed = memoryFeed({ source: 'topic', partitions: [...topic.records.keys()], timers: clock })
  for (const [partition, records] of topic.records.entries()) {
    for (const { value } of records) feed.push(partition, value)
  }
  const found: { readonly hour: number; readonly hit: Accepted['hit'] }[] = []
  for (const partition of feed.partitions) {
    const reader = historyFeed({ feed, emission, clock })
    for await (const { entries } of reader.read(partition, { next: 0 as never, last: null }, signal)) {
      expect(entries.every(({ hit }) => partitionOf(hit.merchant, topic.records.length) === partition)).toBe(true)
      found.push(...entries)
    }
  }
  return inOrder(found)
}

function inOrder(entries: readonly { readonly hour: number; readonly hit: Accepted['hit'] }[]) {
  const keyed = entries.map(({ hour, hit }) => {
    const { merchant, source, position } = hit
    return { key: { hour, merchant, source, ...position }, hit }
  })
  return keyed.sort((a, b) => compareKeys(a.key, b.key)).map(({ hit }) => hit)
}

const hitsOf = (all: readonly Accepted[]) => all.map(({ hit }) => hit)
const someTraffic = () => fc.sample(traffic, { numRuns: 6, seed: 5 }).flat()
const someWorld = async () => liveWorld(await lakes.open(), [someTraffic()])
const fault = fc.constantFrom<SendFault | 'ok'>('ok', 'ok', 'before', 'after', 'half')

describe('an emission into a topic', () => {
  it('gives a reader every accepted hit once, with its original position, whatever sends and stops it met', async () => {
    await fc.assert(
      fc.asyncProperty(
        traffic,
        fc.array(fault, { maxLength: 30 }),
        fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 4 }),
        fc.constantFrom(1, 3),
        async (all, faults, stops, partitions) => {
          const world = await liveWorld(await lakes.open(), [all])
          const limits = { groupMaxHits: 12, chunkMaxHits: 6 }
          const { clock, topic, options } = optionsOf(world, limits, partitions)
          topic.faults.push(...faults)
          for (const stop of stops) {
            let puts = 0
            // The process dies as it was about to record how far it is.
            const objects = {
              ...options.objects,
              put: async (name: string, body: Uint8Array) => {
                puts += 1
                if (puts > stop) throw new Error('stopped')
                await options.objects.put(name, body)
              },
            }
            const life = emitToFeed({ ...options, objects, writer: topic.writer() }, signal)
            await during({ clock }, life).catch((error) => expect(String(error)).toContain('stopped'))
          }
          const done = await during({ clock }, emitToFeed({ ...options, writer: topic.writer() }, signal))
          const expected = hitsOf(await acceptedOf(world))
          expect(await readBack(topic)).toEqual(expected)
          expect(done).toMatchObject({ state: 'done', mark: { hits: expected.length } })
        },
      ),
      { numRuns: 40 },
    )
  })

  it('packs hits of one merchant, keyed by it, up to the limit of a record', async () => {
    const { topic, options } = optionsOf(await someWorld())
    await emitToFeed(options, signal)
    const batches = topic.records.flat().map(({ key, value }) => ({ key, batch: decodeHistoryBatch(value) }))
    expect(batches.length).toBeGreaterThan(5)
    for (const { key, batch } of batches) {
      expect(batch.merchant).toBe(key)
      expect(new Set(batch.entries.map(({ hit }) => hit.merchant)).size).toBe(1)
      expect(batch.entries.length).toBeLessThanOrEqual(historyBatchMaxHits)
    }
    expect(batches.some(({ batch }) => batch.entries.length > 1)).toBe(true)
  })

  it('shares a topic with another emission, each read by its name', async () => {
    const { topic, options } = optionsOf(await someWorld())
    await emitToFeed(options, signal)
    const once = await readBack(topic)
    await emitToFeed({ ...options, writer: topic.writer(), emission: 'again' }, signal)
    expect(await readBack(topic)).toEqual(once)
    expect(await readBack(topic, 'again')).toEqual(once)
    expect(await readBack(topic, 'nobody')).toEqual([])
  })

  it('does nothing once it is done, and keeps its progress as an object', async () => {
    const { topic, options } = optionsOf(await someWorld())
    const done = await emitToFeed(options, signal)
    const count = topic.records.flat().length
    expect(await emitToFeed({ ...options, writer: topic.writer() }, signal)).toEqual(done)
    expect(topic.records.flat()).toHaveLength(count)
    expect(await options.objects.get(progressObject('all'))).toBeDefined()
  })

  it('is refused where the topic was made anew since it began', async () => {
    const { topic, options } = optionsOf(await someWorld())
    const onMark = () => {
      throw new Error('stopped')
    }
    await expect(emitToFeed({ ...options, onMark }, signal)).rejects.toThrow('stopped')
    topic.wipe()
    await expect(emitToFeed({ ...options, writer: topic.writer() }, signal)).rejects.toThrow(EmitRefusedError)
  })

  it('keeps to its rate', async () => {
    const world = await someWorld()
    const all = (await acceptedOf(world)).length
    const clock = new ManualClock()
    const { topic, options } = optionsOf(world, { pace: createPace(10, { clock, timers: clock }) })
    const sentAt: number[] = []
    const onMark = () => sentAt.push(clock.monotonic())
    await during({ clock }, emitToFeed({ ...options, timers: clock, onMark }, signal), 50)
    expect(clock.monotonic()).toBeGreaterThanOrEqual((all / 10 - 1) * 1_000)
    expect(clock.monotonic()).toBeLessThan((all / 10 + 2) * 1_000)
    expect(topic.records.flat().length).toBeGreaterThan(0)
    // Of any second no more than the second's hits, what was saved up of the one before, and a chunk.
    for (const at of sentAt) {
      const within = sentAt.filter((other) => other >= at && other < at + 1_000).length
      expect(within * 4).toBeLessThanOrEqual(10 + 10 + 4)
    }
  })
})

describe('random bytes', () => {
  it('are no history', () => {
    const random = seededRandom(4)
    expect(() => decodeHistoryBatch(Buffer.from(random.bytes(50)))).toThrow(/no batch of history/)
  })
})
