import { describe, expect, it } from 'vitest'
import { StateLimitError } from '../../core/errors.ts'
import type { Hit } from '../../core/hit.ts'
import type { MerchantId, Offset } from '../../core/ids.ts'
import { encodeHitBatch } from '../../schemas/avro/hit-batch.ts'
import type { MemoryBatch } from '../adapters/memory/memory-feed.ts'
import { batch, booksOf, createWorld, drain, hit, morning, rowsOf, runnerOn, until } from '../test/support/world.ts'
import type { EpochFacts } from './runner-options.ts'

const from = (log: string, place: number, ...hits: readonly Hit[]): MemoryBatch => ({
  payload: encodeHitBatch(batch(hits)),
  origin: { log, place },
})
const named = (...ids: readonly string[]) => ids.map((id) => hit({ id }))
const unreadable = { payload: Buffer.from('nobody can read this'), origin: { log: 'c1', place: 2 } }

describe('a record of several batches', () => {
  // offset 0:  c1/1 [a b]   c1/2 ????   c1/3 [c d]
  // index:          0 1         2            3 4
  it('gives each hit its index in the whole record, and one that nobody can read takes one', async () => {
    const world = await createWorld()
    world.feed.pushPack(0, [from('c1', 1, ...named('a', 'b')), unreadable, from('c1', 3, ...named('c', 'd'))])
    await drain(world)
    expect((await rowsOf(world, 'hits')).map((row) => [row.id, row._off, row._idx])).toEqual([
      ['a', 0, 0],
      ['b', 0, 1],
      ['c', 0, 3],
      ['d', 0, 4],
    ])
    expect(await rowsOf(world, 'failed_hits')).toMatchObject([{ reason: 'poison_record', _off: 0, _idx: 2 }])
  })

  it('is never divided between epochs', async () => {
    const world = await createWorld()
    for (const place of [0, 3]) {
      world.feed.pushPack(
        0,
        [0, 1, 2].map((n) => from('c1', place + n, ...named(`${place + n}`))),
      )
    }
    const epochs: EpochFacts[] = []
    await drain(world, { epochMaxHits: 1, onEpoch: (facts) => epochs.push(facts) })
    expect(epochs.map(({ records, counts }) => [records, counts.stored])).toEqual([
      [1, 3],
      [1, 3],
    ])
  })

  it('for which the state has no room is left alone as a whole', async () => {
    const world = await createWorld()
    world.feed.pushPack(0, [from('c1', 0, ...named('a'))])
    world.feed.pushPack(0, [from('c1', 1, ...named('b')), from('c1', 2, ...named('c'))])
    const room = { ids: 2 }
    const openState = async ({ saved }: { readonly saved: Uint8Array | null }) => {
      const seen = new Set<string>(saved === null ? [] : JSON.parse(Buffer.from(saved).toString()))
      return {
        firstSeen(_merchant: string, id: string) {
          if (seen.size >= room.ids) throw new StateLimitError('hits', seen.size + 1, room.ids)
          return seen.size < seen.add(id).size
        },
        bytes: 0,
        checkpoint: async () => ({ saved: Buffer.from(JSON.stringify([...seen])), obsolete: [] }),
        close: async () => {},
      }
    }
    const runner = runnerOn(world, { openState })
    await runner.start()
    await until(() => runner.state === 'blocked' && runner.positions[0]?.next === 1)
    expect((await rowsOf(world, 'hits')).map((row) => row.id)).toEqual(['a'])
    room.ids = 3
    world.clock.advance(10_000)
    await until(() => runner.state === 'running')
    await runner.stop()
    expect((await rowsOf(world, 'hits')).map((row) => row.id)).toEqual(['a', 'b', 'c'])
  })
})

describe('a batch that a collector forwards again', () => {
  it('is dropped whole and counted as such, in the same epoch, in a later one, and packed otherwise', async () => {
    const world = await createWorld()
    const [one, two, three] = [0, 1, 2].map((place) => from('c1', place, ...named(`${place}`, 'again')))
    if (one === undefined || two === undefined || three === undefined) throw new Error('three batches')
    world.feed.pushPack(0, [one, two])
    world.feed.pushPack(0, [one])
    const repeated: number[] = []
    const onEpoch = (facts: EpochFacts) => repeated.push(facts.repeatedForwards)
    await drain(world, { onEpoch })
    world.feed.pushPack(0, [one, two, three])
    await drain(world, { onEpoch })

    expect((await rowsOf(world, 'hits')).map((row) => [row.id, row._off, row._idx])).toEqual([
      ['0', 0, 0],
      ['again', 0, 1],
      ['1', 0, 2],
      // Those that were dropped keep their indexes.
      ['2', 2, 4],
    ])
    // `again` came with three batches that count: once stored, twice a repeat; what was forwarded again is in no book.
    expect(await booksOf(world)).toMatchObject({ stored: 4, duplicates: 2, accepted: 0, failed: 0 })
    expect(repeated).toEqual([1, 2])
    expect((await world.store.versionsSince(0)).positions).toMatchObject([{ next: 3, forwarded: { c1: 3 } }])
  })

  it('is dropped also where nobody can read it, and also where nothing else came', async () => {
    const world = await createWorld()
    world.feed.pushPack(0, [unreadable])
    await drain(world)
    world.feed.pushPack(0, [unreadable])
    await drain(world)
    expect(await rowsOf(world, 'failed_hits')).toHaveLength(1)
    expect((await world.store.versionsSince(0)).positions).toMatchObject([{ next: 2 }])
  })

  it('is told by the mark of its own log and partition', async () => {
    const world = await createWorld({ partitions: [0, 1] })
    world.feed.pushPack(0, [from('c1', 7, ...named('a'))])
    world.feed.pushPack(0, [from('c2', 3, ...named('b'))])
    world.feed.pushPack(1, [from('c1', 2, ...named('c'))])
    await drain(world)
    expect((await rowsOf(world, 'hits')).map((row) => row.id).sort()).toEqual(['a', 'b', 'c'])
    expect((await world.store.versionsSince(0)).positions.map(({ forwarded }) => forwarded)).toEqual([
      { c1: 8, c2: 4 },
      { c1: 3 },
    ])
  })
})

describe('what came past every collector', () => {
  it('is counted as accepted where it is met; what nobody can read as one hit of nobody', async () => {
    const world = await createWorld()
    world.feed.push(0, encodeHitBatch(batch(named('a', 'b', 'a'))))
    world.feed.push(0, Buffer.from('nobody can read this'))
    world.feed.pushPack(0, [from('c1', 0, ...named('c'))])
    await drain(world)
    expect(await booksOf(world)).toMatchObject({ accepted: 4, stored: 3, duplicates: 1, failed: 1 })
    expect(await booksOf(world, '' as MerchantId)).toMatchObject({ accepted: 1, failed: 1 })
  })
})

describe('a feed whose offsets skip', () => {
  it('is processed all the same', async () => {
    const world = await createWorld()
    world.feed.skipTo(0, 4 as Offset)
    world.feed.pushPack(0, [from('c1', 0, ...named('a'))])
    world.feed.skipTo(0, 9 as Offset)
    world.feed.pushPack(0, [from('c1', 1, ...named('b'))])
    await drain(world, { epochMaxHits: 1 })
    expect((await rowsOf(world, 'hits')).map((row) => [row.id, row._off])).toEqual([
      ['a', 4],
      ['b', 9],
    ])
    expect((await rowsOf(world, 'hits'))[0]?.received).toBe(morning)
  })
})
