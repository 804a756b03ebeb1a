/**
 * Whatever a cluster does, and whatever it does while its books are read: they balance, or say that they cannot be read
 * now. And a hit that was accepted and is nowhere shows.
 */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { hourMs } from '../../core/event-time.ts'
import type { MerchantId, Offset } from '../../core/ids.ts'
import type { BooksQuestion } from '../core/books.ts'
import { type ClusterBooksOptions, takeClusterBooks } from '../core/cluster-books.ts'
import { ProblemError } from '../core/problem.ts'
import { type ClusterBooksWorld, createClusterBooksWorld, partitions, shops } from './cluster-books-world.ts'

const logs = ['log-a', 'log-b']
const always = { from: 0, to: 2 ** 45 }

type Step = (world: ClusterBooksWorld) => void | Promise<void>

const which = fc.integer({ min: 0, max: logs.length - 1 })
const partition = fc.integer({ min: 0, max: partitions - 1 })
const shop = fc.constantFrom(...shops)
const few = fc.integer({ min: 1, max: 6 })

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(which, shop, few).map(
      ([w, s, n]): Step =>
        (world) =>
          world.accept(w, s, n),
    ),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(which, few).map(
      ([w, n]): Step =>
        (world) =>
          world.forward(w, n, { kind: 'acked' }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(which, few, fc.subarray([0, 1, 2])).map(
      ([w, n, landed]): Step =>
        (world) =>
          world.forward(w, n, { kind: 'doubt', lands: (p) => landed.includes(p) }),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(which, few).map(
      ([w, n]): Step =>
        (world) =>
          world.flush(w, n),
    ),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(partition, few).map(
      ([p, n]): Step =>
        (world) =>
          world.commit(p, n),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(partition, shop, few).map(
      ([p, s, n]): Step =>
        (world) =>
          world.produce(p, s, n),
    ),
  },
  {
    weight: 1,
    arbitrary: partition.map(
      (p): Step =>
        (world) =>
          world.produceRubbish(p),
    ),
  },
  { weight: 1, arbitrary: fc.constant<Step>((world) => world.clock.advance(hourMs / 3)) },
)

/** Books of the world, with `meanwhile` happening around every call that reading them makes. */
function booksOf(world: ClusterBooksWorld, meanwhile: () => Promise<void>) {
  const { clock, store, feed } = world
  const around =
    <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      await meanwhile()
      const answer = await call(...args)
      await meanwhile()
      return answer
    }
  const options: ClusterBooksOptions = {
    store: { books: around((range) => store.books(range)) },
    scan: { ends: around(() => feed.ends()), read: around((ranges, onRecord) => feed.read(ranges, onRecord)) },
    clock,
    timers: {
      after(delayMs, action) {
        const cancel = clock.after(delayMs, action)
        void meanwhile().then(() => clock.advance(delayMs))
        return cancel
      },
    },
  }
  const take = takeClusterBooks(options)
  return async (question: BooksQuestion) => {
    try {
      const counts = await take(question)
      const { accepted, stored, duplicates, failed, dropped, inFlight } = counts
      const found = stored + duplicates + failed + Object.values(dropped).reduce((a, b) => a + b, 0) + inFlight
      return { ...counts, found, missing: accepted - found }
    } catch (error) {
      if (error instanceof ProblemError && error.status === 503) return undefined
      throw error
    }
  }
}

const still = async () => {}

/** Everything is forwarded and counted. */
async function deliver(world: ClusterBooksWorld): Promise<void> {
  for (const [at] of logs.entries()) {
    for (let round = 0; round < 2; round += 1) world.forward(at, Number.MAX_SAFE_INTEGER, { kind: 'acked' })
    await world.flush(at, Number.MAX_SAFE_INTEGER)
  }
}

/** And processed. */
async function settle(world: ClusterBooksWorld): Promise<void> {
  await deliver(world)
  for (let at = 0; at < partitions; at += 1) await world.commit(at, Number.MAX_SAFE_INTEGER)
}

function questions(world: ClusterBooksWorld): readonly BooksQuestion[] {
  const hour = Math.floor(world.clock.now() / hourMs) * hourMs
  return [
    always,
    { from: hour, to: hour + hourMs },
    { from: 0, to: hour },
    ...shops.slice(0, 2).map((merchant: MerchantId) => ({ ...always, merchant })),
  ]
}

it('books balance at every moment of any history, or cannot be read now', async () => {
  let read = 0
  let refused = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.array(step, { maxLength: 60 }), async (history, later) => {
      const world = await createClusterBooksWorld(logs)
      const meanwhile = later[Symbol.iterator]()
      const books = booksOf(world, async () => {
        await meanwhile.next().value?.(world)
      })
      for (const [at, each] of history.entries()) {
        await each(world)
        if (at % 5 !== 4) continue
        for (const question of questions(world)) {
          const counts = await books(question)
          expect(counts?.missing ?? 0).toBe(0)
          if (counts === undefined) refused += 1
          else read += 1
        }
      }
      await settle(world)
      const end = await booksOf(world, still)(always)
      expect(end).toMatchObject({ accepted: world.accepted, found: world.accepted, inFlight: 0 })
    }),
    { numRuns: 300 },
  )
  // Else the law above says nothing.
  expect(read).toBeGreaterThan(200)
  expect(refused).toBeGreaterThan(0)
})

it('books can be read at any time where ledgers flush, however the workers hurry', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (history) => {
      const world = await createClusterBooksWorld(logs)
      for (const each of history) await each(world)
      let turn = 0
      // Collectors take turns, and a worker commits before and after each: there is no moment when none is behind.
      const books = booksOf(world, async () => {
        turn += 1
        world.accept(turn, shops[turn % shops.length] as MerchantId, 2)
        world.forward(turn, 100, { kind: 'acked' })
        for (let at = 0; at < partitions; at += 1) await world.commit(at, 100)
        await world.flush(turn, 100)
      })
      for (const question of questions(world)) expect(await books(question)).toMatchObject({ missing: 0 })
    }),
    { numRuns: 100 },
  )
})

it('books show each hit that was acknowledged and lost, before it would have been processed and after', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), which, shop, few, async (history, w, s, n) => {
      const world = await createClusterBooksWorld(logs)
      for (const each of history) await each(world)
      world.accept(w, s, n)
      world.lose(w)
      await deliver(world)
      expect(await booksOf(world, still)(always)).toMatchObject({ missing: n })
      await settle(world)
      expect(await booksOf(world, still)(always)).toMatchObject({ missing: n, inFlight: 0 })
      expect(await booksOf(world, still)({ ...always, merchant: s })).toMatchObject({ missing: n })
    }),
    { numRuns: 200 },
  )
})

it('books show what retention took before a worker came to it', async () => {
  const world = await createClusterBooksWorld(logs)
  world.produce(0, shops[0] as MerchantId, 4)
  for (let i = 0; i < 5; i += 1) world.accept(0, shops[i] as MerchantId, 3)
  world.forward(0, 100, { kind: 'acked' })
  await world.flush(0, 100)
  const books = booksOf(world, still)
  expect(await books(always)).toMatchObject({ accepted: 15, inFlight: 15 })
  for (let at = 0; at < partitions; at += 1) world.feed.trim(at, 100 as Offset)
  expect(await books(always)).toMatchObject({ accepted: 15, inFlight: 0, missing: 15 })
})
