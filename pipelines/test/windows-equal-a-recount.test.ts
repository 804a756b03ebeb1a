/** Whatever windows a plan keeps, whatever happens to its runner: what its tables hold in the end is a recount of the hits. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { EventTime, ReceivedTime } from '../../core/event-time.ts'
import type { Hit } from '../../core/hit.ts'
import type { MerchantId } from '../../core/ids.ts'
import { memoryGroup } from '../adapters/memory/memory-group.ts'
import type { StreamRunnerOptions } from '../runtime/runner-options.ts'
import type { StreamRunner } from '../runtime/stream-runner.ts'
import { type Failure, failingPorts, failures } from './support/failing-ports.ts'
import {
  type CountedHit,
  heldOf,
  latenessMs,
  minutes,
  noInputs,
  recountOf,
  type WindowPlan,
  windowPipeline,
  windowPlan,
} from './support/window-plans.ts'
import {
  batch,
  booksOf,
  createWorld,
  during,
  hit,
  nextTurn,
  push,
  rowsOf,
  runnerOn,
  until,
  type World,
} from './support/world.ts'

interface DrawnHit {
  readonly id: number
  readonly merchant: number
  readonly name: string
  /** Behind the clock as it comes. */
  readonly secondsAgo: number
  readonly amount: number
}

/** Hits that come together, and what then happens before the next ones do. */
interface Step {
  readonly hits: readonly DrawnHit[]
  readonly waitMs: number
}

const merchants = 9

const drawnHit: fc.Arbitrary<DrawnHit> = fc.record({
  id: fc.nat(60),
  // Of one merchant so many that its visits go on for hours.
  merchant: fc.oneof({ arbitrary: fc.constant(0), weight: 2 }, fc.nat(merchants - 1)),
  name: fc.constantFrom('view', 'view', 'buy', 'noise', 'secret', 'broken'),
  secondsAgo: fc.nat(5 * 3_600),
  amount: fc.integer({ min: 0, max: 9 }),
})
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({
    hits: fc.array(drawnHit, { maxLength: 12 }),
    waitMs: fc.constantFrom(0, 700, 3 * minutes, 12 * minutes, 90 * minutes),
  }),
  { minLength: 1, maxLength: 8 },
)

/** Which hits count, and what the books say of the rest: told as they are sent. */
class Expected {
  readonly counted: CountedHit[] = []
  readonly books = { stored: 0, duplicates: 0, failed: 0, noise: 0 }
  readonly #seen = new Set<string>()
  /** Times differ, so that no order decides which session a hit is of. */
  #sent = 0

  /** Puts the hits into the feed, one record each, in the partition of their merchant. */
  send(world: World, hits: readonly DrawnHit[]): void {
    const { partitions } = world.feed
    for (const drawn of hits) {
      const time = world.clock.now() - drawn.secondsAgo * 1_000 + (this.#sent++ % 1_000)
      const one = hitOf(drawn, time)
      const merchant = `m${drawn.merchant}` as MerchantId
      const received = world.clock.now() as ReceivedTime
      push(world, [batch([one], { merchant, received })], partitions[drawn.merchant % partitions.length])
      this.#expect(drawn, merchant, time)
    }
  }

  #expect({ id, name, amount }: DrawnHit, merchant: string, time: number): void {
    const key = `${merchant} ${id}`
    if (this.#seen.has(key)) {
      this.books.duplicates += 1
      return
    }
    this.#seen.add(key)
    if (name === 'noise') this.books.noise += 1
    else if (name === 'secret' || name === 'broken') this.books.failed += 1
    else {
      this.books.stored += 1
      this.counted.push({ merchant, name, time, amount: BigInt(amount) })
    }
  }
}

function hitOf({ id, name, amount }: DrawnHit, time: number): Hit {
  return hit({ id: `${id}`, name, time: time as EventTime, revenue: { micros: BigInt(amount), currency: 'EUR' } })
}

const worldOf = (partitions: number) =>
  createWorld({
    partitions: Array.from({ length: partitions }, (_, n) => n),
    merchants: Array.from({ length: merchants }, (_, n) => `m${n}`),
  })

const optionsOf = (plan: WindowPlan): Partial<StreamRunnerOptions> => ({
  ...{ plan: windowPipeline(plan), inputs: noInputs, epochMaxHits: 3 },
})

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await nextTurn()
}

/** Time passes, in steps, for whoever waits for it. */
async function pass(world: World, ms: number): Promise<void> {
  const stepMs = Math.max(1, Math.ceil(ms / 8))
  for (let passed = 0; passed < ms; passed += stepMs) {
    world.clock.advance(Math.min(stepMs, ms - passed))
    await turns(12)
  }
}

/** A runner reads everything, and the clock goes on until no window can be kept. */
async function finish(world: World, options: Partial<StreamRunnerOptions>): Promise<void> {
  const runner = runnerOn(world, { ...options, owner: 'last' })
  await runner.start()
  await readBy(world, [runner])
  await pass(world, 3 * latenessMs)
  await during(world, runner.stop(), 10)
}

/** Until the runners have committed all that was sent, or `over` says that they never will. */
async function readBy(world: World, runners: readonly StreamRunner[], over = () => false): Promise<void> {
  const isRead = () => {
    for (const runner of runners) runner.kick()
    // Whoever had a partition before still tells how far it was then.
    const positions = runners.flatMap((runner) => runner.positions)
    return [...world.places].every(([partition, sent]) =>
      positions.some((each) => each.partition === partition && each.next >= sent),
    )
  }
  await during(
    world,
    until(() => over() || isRead()),
    10,
  )
}

async function expectRecount(world: World, plan: WindowPlan, expected: Expected): Promise<void> {
  expect(heldOf(await rowsOf(world, 'sessions'))).toEqual(recountOf(plan, expected.counted))
  const { stored, duplicates, failed, noise } = expected.books
  const dropped = noise === 0 ? {} : { 'no-noise': noise }
  expect(await booksOf(world)).toMatchObject({ stored, duplicates, failed, dropped })
  expect(await rowsOf(world, 'failed_hits')).toHaveLength(failed)
}

describe('what the tables of a plan with windows hold', () => {
  it('is a recount of its hits, over one partition, two or seven, with any epochs and any pauses', async () => {
    await fc.assert(
      fc.asyncProperty(windowPlan, steps, fc.constantFrom(1, 2, 7), async (plan, script, partitions) => {
        const world = await worldOf(partitions)
        const expected = new Expected()
        const options = optionsOf(plan)
        const runner = runnerOn(world, options)
        await runner.start()
        for (const { hits, waitMs } of script) {
          expected.send(world, hits)
          if (waitMs > 0) await readBy(world, [runner])
          await pass(world, waitMs)
        }
        await during(world, runner.stop(), 10)
        await finish(world, options)
        await expectRecount(world, plan, expected)
      }),
      { numRuns: 60 },
    )
  }, 240_000)

  it('is a recount when owners become two of three, and then five, in the middle', async () => {
    await fc.assert(
      fc.asyncProperty(windowPlan, steps, fc.constantFrom(1, 2, 7), async (plan, script, partitions) => {
        const world = await worldOf(partitions)
        const expected = new Expected()
        const group = memoryGroup()
        const members = Array.from({ length: 5 }, (_, n) => {
          const assignment = group.join()
          return runnerOn(world, { ...optionsOf(plan), assignment, owner: `m${n}` })
        })
        for (const member of members) await member.start()
        for (const [n, { hits, waitMs }] of script.entries()) {
          const owners = n < script.length / 3 ? 3 : n < (2 * script.length) / 3 ? 2 : 5
          group.assign(
            ...Array.from({ length: owners }, (_, m) => world.feed.partitions.filter((p) => p % owners === m)),
          )
          expected.send(world, hits)
          if (waitMs > 0) await readBy(world, members)
          await pass(world, waitMs)
        }
        group.assign()
        await during(world, Promise.all(members.map((member) => member.stop())), 10)
        expect(members.map(({ state }) => state)).toEqual(members.map(() => 'stopped'))
        await finish(world, optionsOf(plan))
        await expectRecount(world, plan, expected)
      }),
      { numRuns: 60 },
    )
  }, 240_000)
})

const everyKind: readonly WindowPlan[] = [
  { window: 'fixed', panes: 'discarding', early: { afterRows: 1 }, late: 1, onClose: 'always' },
  { window: 'hopping', panes: 'accumulating', early: { every: '5m' }, late: null, onClose: 'where something came' },
  { window: 'session', panes: 'accumulating', early: { every: '5m' }, late: 1, onClose: 'always' },
  { window: 'calendar', panes: 'discarding', early: { every: '5m' }, late: 2, onClose: 'always' },
]

/** Hits on time, late, repeated, refused; and a pause after each lot in which time alone brings panes about. */
const script: readonly Step[] = [
  { hits: [drawn(1, 'view', 0), drawn(2, 'view', 1_200), drawn(1, 'view', 0)], waitMs: 6 * minutes },
  { hits: [drawn(3, 'view', 900), drawn(4, 'secret', 0), drawn(5, 'buy', 0)], waitMs: 90 * minutes },
  { hits: [drawn(6, 'view', 7_000), drawn(7, 'broken', 0), drawn(8, 'view', 60)], waitMs: 30 * minutes },
]

function drawn(id: number, name: string, secondsAgo: number): DrawnHit {
  return { id, merchant: 0, name, secondsAgo, amount: id }
}

describe.each(everyKind)('what a plan with $window windows holds', (plan) => {
  it.each(Object.keys(failures) as Failure[])(
    'is a recount wherever a call %s',
    async (failure) => {
      let point = 1
      for (let more = true; more; point++) {
        const world = await worldOf(1)
        const expected = new Expected()
        const { ports, reached, release } = failingPorts(world, point, failure)
        const runner = runnerOn({ ...world, ...ports }, { ...optionsOf(plan), owner: 'first' })
        let refused = false
        const started = runner.start().catch(() => {
          refused = true
        })
        const isOver = () => refused || (failure.startsWith('is where') && reached())
        await Promise.race([started, until(isOver)])
        for (const { hits, waitMs } of script) {
          expected.send(world, hits)
          await readBy(world, [runner], isOver)
          await pass(world, waitMs)
        }
        await finish(world, optionsOf(plan))
        await expectRecount(world, plan, expected)

        release()
        await turns(30)
        await expectRecount(world, plan, expected)
        void runner.stop()
        more = reached()
      }
      expect(point).toBeGreaterThan(20)
    },
    120_000,
  )
})
