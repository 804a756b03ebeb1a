/** Whoever has which partition when, and whatever happens to it: every record is once in what is committed. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { StaleEpochError } from '../../core/errors.ts'
import { type MemoryGroup, type MemoryMember, memoryGroup } from '../adapters/memory/memory-group.ts'
import type { StreamRunner } from '../runtime/stream-runner.ts'
import { type Failure, failingPorts, failures } from './support/failing-ports.ts'
import { type Expected, send, trafficOver } from './support/traffic.ts'
import {
  batch,
  booksOf,
  createWorld,
  during,
  hit,
  merged,
  nextTurn,
  push,
  rowsOf,
  runnerOn,
  until,
  type World,
} from './support/world.ts'

const partitions = [0, 1, 2]

/** One more member is given all partitions, and runs until everything is committed. */
async function finish(world: World, group: MemoryGroup): Promise<void> {
  const member = group.join()
  group.assign([], [], [], partitions)
  const runner = runnerOn(world, { assignment: member, owner: 'last' })
  await runner.start()
  await during(world, untilCommitted(world, runner))
  await runner.stop()
}

async function untilCommitted(world: World, runner: StreamRunner): Promise<void> {
  for (const partition of world.feed.partitions) {
    const end = await world.feed.end(partition)
    await until(() => {
      runner.kick()
      return (runner.positions.find((each) => each.partition === partition)?.next ?? 0) >= end
    })
  }
}

async function expectOnce(world: World, expected: Expected): Promise<void> {
  expect((await rowsOf(world, 'hits')).map((row) => row.id).sort()).toEqual(expected.stored)
  const { accepted, duplicates, failed } = expected
  expect(await booksOf(world)).toMatchObject({ stored: expected.stored.length, accepted, duplicates, failed })
  expect(await rowsOf(world, 'failed_hits')).toHaveLength(failed)
  const hours = [...merged(await rowsOf(world, 'hourly')).values()]
  expect(hours.reduce((sum, hour) => sum + Number(hour.hits), 0)).toBe(expected.counted)
}

const step = fc.oneof(
  // By member: a partition to each of three, or to nobody.
  fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 3, maxLength: 3 }).map((owners) => ({
    do: 'assign' as const,
    given: [0, 1, 2].map((member) => partitions.filter((partition) => owners[partition] === member)),
  })),
  fc.record({ do: fc.constantFrom('sleep' as const, 'wake' as const), member: fc.nat({ max: 2 }) }),
  fc.record({ do: fc.constant('kick' as const), member: fc.nat({ max: 2 }) }),
  fc.record({ do: fc.constant('turns' as const), count: fc.integer({ min: 1, max: 30 }) }),
  fc.record({ do: fc.constant('time' as const), ms: fc.constantFrom(300, 2_500) }),
)

const trouble = fc.record({
  point: fc.integer({ min: 1, max: 60 }),
  failure: fc.constantFrom(...(Object.keys(failures) as Failure[])),
})

describe('members of a group', () => {
  it('commit every record exactly once, whatever is assigned to whom, whoever sleeps through it, and wherever one fails', async () => {
    await fc.assert(
      fc.asyncProperty(
        trafficOver(partitions.length),
        fc.array(step, { minLength: 3, maxLength: 25 }),
        fc.tuple(trouble, trouble, trouble),
        async (traffic, steps, troubles) => {
          const world = await createWorld({ partitions })
          const expected = send(world, traffic)
          const group = memoryGroup()
          const members = troubles.map(({ point, failure }, i) => {
            const assignment: MemoryMember = group.join()
            const { ports, release } = failingPorts(world, point, failure)
            const runner = runnerOn({ ...world, ...ports }, { assignment, owner: `m${i}`, epochMaxHits: 3 })
            return { assignment, release, runner }
          })
          for (const { runner } of members) await runner.start()
          for (const each of steps) {
            if (each.do === 'assign') group.assign(...each.given)
            else if (each.do === 'turns') for (let i = 0; i < each.count; i++) await nextTurn()
            else if (each.do === 'time') world.clock.advance(each.ms)
            else if (each.do === 'kick') members[each.member]?.runner.kick()
            else members[each.member]?.assignment[each.do]()
            await nextTurn()
          }
          await finish(world, group)
          await expectOnce(world, expected)
          // Those that were stopped in the middle of a call go on with it now.
          for (const { release, assignment } of members) {
            release()
            assignment.wake()
          }
          for (let turn = 0; turn < 20; turn++) {
            await nextTurn()
            world.clock.advance(1_000)
          }
          await expectOnce(world, expected)
          expect(members.map(({ runner }) => runner.state)).not.toContain('failed')
        },
      ),
      { numRuns: 200 },
    )
  }, 120_000)
})

describe('a runner with an assignment', () => {
  async function memberOf(world: World, given: readonly number[] = partitions) {
    const group = memoryGroup()
    const member = group.join()
    group.assign(given)
    return { group, member, runner: runnerOn(world, { assignment: member }) }
  }

  it('works on the partitions it is given, and on no other', async () => {
    const world = await createWorld({ partitions })
    for (const partition of partitions) push(world, [batch([hit({ id: `${partition}` })])], partition)
    const { runner } = await memberOf(world, [0, 2])
    await runner.start()
    await until(() => world.clock.pendingTimers > 2)
    await runner.stop()
    expect((await rowsOf(world, 'hits')).map((row) => row._part).sort()).toEqual([0, 2])
    expect(runner.positions.map(({ partition }) => partition)).toEqual([0, 2])
  })

  it('that is given nothing waits, takes nothing, and begins when it is given something', async () => {
    const world = await createWorld({ partitions })
    push(world, [batch([hit()])], 1)
    const { group, runner } = await memberOf(world, [])
    await runner.start()
    for (let turn = 0; turn < 10; turn++) await nextTurn()
    expect((await world.store.acquirePartitions('hits', 'log-1', 'test', [1])).fence).toBe(1)
    group.assign([1])
    await during(
      world,
      until(() => runner.positions[0]?.next === 1),
    )
    await runner.stop()
    expect(runner.state).toBe('stopped')
  })

  it('that loses a partition drops what it has not committed, and the next owner does it again', async () => {
    const world = await createWorld({ partitions: [0] })
    push(world, [batch([hit()])])
    const { group, runner } = await memberOf(world, [0])
    const heir = group.join()
    const next = runnerOn(world, { assignment: heir, owner: 'heir' })
    await runner.start()
    await next.start()
    await until(() => world.clock.pendingTimers > 1)
    group.assign([], [0])
    await until(() => {
      next.kick()
      return next.positions[0]?.next === 1
    })
    await Promise.all([runner.stop(), next.stop()])
    expect(await rowsOf(world, 'hits')).toHaveLength(1)
    expect(next.positions).toMatchObject([{ next: 1 }])
    expect(runner.error).toBeNull()
  })

  it('given the same partitions anew goes on where it is', async () => {
    const world = await createWorld({ partitions })
    push(world, [batch([hit()])])
    const { group, runner } = await memberOf(world)
    await runner.start()
    await until(() => world.clock.pendingTimers > partitions.length)
    group.assign([...partitions].reverse())
    for (let turn = 0; turn < 5; turn++) await nextTurn()
    await runner.stop()
    expect((await world.store.acquirePartitions('hits', 'log-1', 'test', [1])).fence).toBe(2)
    expect(await rowsOf(world, 'hits')).toHaveLength(1)
  })

  it('that slept through a takeover cannot commit, learns from the group what is its own, and goes on', async () => {
    const world = await createWorld({ partitions: [0, 1] })
    push(world, [batch([hit({ id: 'a' })])], 0)
    push(world, [batch([hit({ id: 'b' })])], 1)
    const { group, member, runner } = await memberOf(world, [0, 1])
    const errors: unknown[] = []
    const sleeper = runnerOn(world, { assignment: member, onError: (error) => errors.push(error) })
    await sleeper.start()
    await until(() => world.clock.pendingTimers > 2)
    member.sleep()
    const heir = runnerOn(world, { assignment: group.join(), owner: 'heir' })
    group.assign([1], [0])
    await heir.start()
    await until(() => world.clock.pendingTimers > 4)
    heir.kick()
    await until(() => heir.positions[0]?.next === 1)
    sleeper.kick()
    await during(
      world,
      until(() => sleeper.positions.length === 1 && sleeper.positions[0]?.next === 1),
    )
    await Promise.all([sleeper.stop(), heir.stop(), runner.stop()])
    expect(errors.map((error) => (error as StaleEpochError).code)).toEqual(['EPOCH_STALE'])
    expect((await rowsOf(world, 'hits')).map((row) => row.id).sort()).toEqual(['a', 'b'])
  })

  it('stops with what it has processed: the rest of the feed is for others', async () => {
    const world = await createWorld({ partitions: [0] })
    push(world, [batch([hit({ id: 'a' })])])
    const { runner } = await memberOf(world, [0])
    await runner.start()
    await until(() => world.clock.pendingTimers > 1)
    const stopped = runner.stop()
    push(world, [batch([hit({ id: 'b' })])])
    await stopped
    expect((await rowsOf(world, 'hits')).map((row) => row.id)).toEqual(['a'])
  })

  it('ends on damage only when it meets it again after asking whether the partition is its own', async () => {
    const world = await createWorld({ partitions: [0] })
    push(world, [batch([hit()])])
    const { runner: first } = await memberOf(world, [0])
    await first.start()
    await until(() => world.clock.pendingTimers > 1)
    await first.stop()
    for (const name of await world.objects.list('checkpoints/')) await world.objects.remove(name)
    const { group } = await memberOf(world, [])
    const member = group.join()
    const told: string[] = []
    const runner = runnerOn(world, {
      assignment: member,
      onError: (error, then) => told.push(`${(error as StaleEpochError).code} ${then}`),
    })
    await runner.start()
    group.assign([], [0])
    await during(world, runner.ended)
    expect(told).toEqual(['CHECKPOINT_CORRUPT retrying', 'CHECKPOINT_CORRUPT stopped'])
    expect(runner.state).toBe('failed')
  })
})
