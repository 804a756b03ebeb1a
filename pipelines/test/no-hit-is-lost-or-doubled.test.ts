/** Whatever call of an epoch fails, in whatever way: every accepted hit ends in exactly one place, and the books say so. */
import { describe, expect, it } from 'vitest'
import { hourMs } from '../../core/event-time.ts'
import { type Failure, failingPorts, failures } from './support/failing-ports.ts'
import {
  at,
  batch,
  booksOf,
  createWorld,
  drain,
  hit,
  merged,
  nextTurn,
  push,
  pushBytes,
  rowsOf,
  runnerOn,
  shop,
  type World,
} from './support/world.ts'

const epochMaxHits = 3

/** Seven records: repeats inside an epoch and across epochs, a blocked name, a poison record, hits of two hours. */
async function script(): Promise<World> {
  const world = await createWorld()
  push(world, [
    batch([hit({ id: 'a' }), hit({ id: 'b', visitor: 'v2', time: at(-hourMs) }), hit({ id: 'a' })]),
    batch([hit({ id: 'c', name: 'secret' })]),
  ])
  pushBytes(world, Buffer.from('poison'))
  push(world, [
    batch([hit({ id: 'b' }), hit({ id: 'd', name: 'purchase', revenue: { micros: 5n, currency: 'EUR' } })]),
    batch([hit({ id: 'e' })]),
    batch([hit({ id: 'f' }), hit({ id: 'a' }), hit({ id: 'g' })]),
  ])
  return world
}

async function expectEverythingOnce(world: World): Promise<void> {
  expect((await rowsOf(world, 'hits')).map((row) => row.id).sort()).toEqual(['a', 'b', 'd', 'e', 'f', 'g'])
  expect((await rowsOf(world, 'failed_hits')).map((row) => row.reason).sort()).toEqual([
    'blocked_name',
    'poison_record',
  ])
  expect(await booksOf(world)).toMatchObject({ stored: 6, duplicates: 3, failed: 2, dropped: {} })
  const hours = merged(await rowsOf(world, 'hourly'))
  expect(
    [...hours].map(([key, { hits, orders, revenue, visitors }]) => [key, hits, orders, revenue, visitors.length]),
  ).toEqual([
    ['shop 2026-03-01T08:00:00.000Z', 1n, 0n, 0n, 1],
    ['shop 2026-03-01T09:00:00.000Z', 5n, 1n, 5n, 1],
  ])
}

/** The state that was saved knows all ids and nothing else; and nothing is left over but what is committed. */
async function expectTheRightState(world: World): Promise<void> {
  push(world, [batch(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'new'].map((id) => hit({ id })))])
  await drain(world)
  expect(await booksOf(world, shop)).toMatchObject({ stored: 7, duplicates: 10 })
  expect(await world.objects.list('checkpoints/')).toHaveLength(1)
}

describe.each(Object.keys(failures) as Failure[])('a call that %s', (failure) => {
  it('loses nothing and counts nothing twice, at every call of every epoch', async () => {
    let point = 1
    for (let more = true; more; point++) {
      const world = await script()
      const { ports, reached, release } = failingPorts(world, point, failure)
      const runner = runnerOn({ ...world, ...ports }, { epochMaxHits, owner: 'first' })
      const started = runner.start().then(
        () => runner.stop(),
        () => 'refused to start',
      )
      let over = false
      void started.then(() => {
        over = true
      })
      // Time passes for its waits between tries. One that hangs is given up some turns after it did.
      for (let turn = 0, hanging = 0; !over && hanging < 50; turn++) {
        await nextTurn()
        if (turn % 3 === 2) world.clock.advance(1_000)
        if (reached() && failure.startsWith('is where')) hanging += 1
      }
      await drain(world, { epochMaxHits, owner: 'second' })
      await expectEverythingOnce(world)

      release()
      for (let turn = 0; turn < 30; turn++) await nextTurn()
      await expectEverythingOnce(world)
      await expectTheRightState(world)
      more = reached()
    }
    expect(point).toBeGreaterThan(20)
  })
})
