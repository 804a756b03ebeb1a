import { describe, expect, it } from 'vitest'
import { CorruptTableError } from '../../../core/errors.ts'
import { dayMs } from '../../../core/event-time.ts'
import type { Rerun } from '../../../core/ports/rerun-store.ts'
import { rerunSplitsMax } from '../../../core/ports/rerun-work.ts'
import { rerunReminderMs } from '../../../core/rerun-reminder.ts'
import { begunWorld, firstDay, isIn, lastNote, notesOf, type RerunWorld, withExecutor } from './driver-under-test.ts'
import { rerunChoresEveryMs, rerunPollMs, rerunStopGraceMs, rerunUnpublishedMaxBytes } from './limits.ts'

const cancel = async ({ store, clock }: RerunWorld, id: number) => {
  const revision = (await store.rerun(id))?.revision ?? 0
  return store.cancelRerun(id, { revision, now: clock.now(), by: 'ada' })
}

describe('what waits for its turn', () => {
  it('is worked off oldest first, one at a time; its snapshot is kept meanwhile', async () => {
    const world = await begunWorld()
    const day = (n: number) => ({ merchant: null, from: (firstDay + n) * dayMs, to: (firstDay + n + 1) * dayMs })
    for (const n of [0, 1]) await world.ask({ places: [day(n)] })
    const order: string[] = []
    const onMoved = ({ id, state }: Rerun) => order.push(`${id} ${state}`)
    const driver = world.driver('one', {}, { onMoved })
    driver.start()
    await world.live(isIn(world, 'backfilling', 1), { forMs: 5_000 })
    expect((await world.store.rerun(2))?.state).toBe('planned')
    expect((await world.store.pins('hits')).map(({ name }) => name)).toEqual(['rerun-1', 'rerun-2'])
    expect(await world.live(isIn(world, 'ready', 2))).toBe(true)
    expect(order).toEqual(
      [1, 2].flatMap((id) => ['backfilling', 'catching_up', 'ready'].map((state) => `${id} ${state}`)),
    )
    await driver.stop()
  })

  it('is found at once when the driver is told', async () => {
    const world = await begunWorld()
    const driver = world.driver()
    driver.start()
    await new Promise(setImmediate)
    await world.ask()
    driver.kick()
    await new Promise(setImmediate)
    expect((await world.store.rerun(1))?.state).toBe('backfilling')
    await driver.stop()
  })

  it('is looked for without a lease, which would be written again and again, while there is nothing', async () => {
    const world = await begunWorld()
    let leases = 0
    const acquireLease: typeof world.store.acquireLease = async (...args) => {
      leases += 1
      return world.store.acquireLease(...args)
    }
    const driver = world.driver('one', { store: { ...world.store, acquireLease } })
    driver.start()
    await world.pass(rerunChoresEveryMs - 10_000)
    // Once, for what a process before may have left.
    expect(leases).toBe(1)
    await world.pass(20_000)
    expect(leases).toBe(2)
    await driver.stop()
  })

  it('is found by itself within the named time', async () => {
    const world = await begunWorld()
    const driver = world.driver()
    driver.start()
    await new Promise(setImmediate)
    await world.ask()
    world.clock.advance(rerunPollMs)
    await new Promise(setImmediate)
    expect((await world.store.rerun(1))?.state).toBe('backfilling')
    await driver.stop()
  })
})

describe('two drivers', () => {
  it('do not work at the same time, and the other goes on when one stops', async () => {
    const world = await begunWorld()
    await world.ask()
    const ran: string[] = []
    const named = (name: string) =>
      withExecutor(world, {
        run(work, options) {
          ran.push(name)
          return world.executor.run(work, options)
        },
      })
    const [one, other] = [world.driver('one', named('one')), world.driver('other', named('other'))]
    one.start()
    other.start()
    await world.live(async () => ran.length >= 3, { forMs: 20_000 })
    expect(new Set(ran)).toEqual(new Set(['one']))
    await one.stop()
    expect(await world.live(isIn(world, 'ready'))).toBe(true)
    expect(ran.at(-1)).toBe('other')
    await other.stop()
  })
})

describe('a driver that stops', () => {
  it('does not wait for a call that never ends longer than the named time', async () => {
    const world = await begunWorld()
    await world.ask()
    const driver = world.driver('one', withExecutor(world, { run: () => new Promise(() => undefined) }))
    driver.start()
    await world.live(isIn(world, 'backfilling'), { forMs: 5_000 })
    let isStopped = false
    void driver.stop().then(() => {
      isStopped = true
    })
    world.clock.advance(rerunStopGraceMs - 1)
    await new Promise(setImmediate)
    expect(isStopped).toBe(false)
    world.clock.advance(1)
    await new Promise(setImmediate)
    expect(isStopped).toBe(true)
  })
})

describe('splits', () => {
  it('run several at once where there are threads for them', async () => {
    const world = await begunWorld(40)
    await world.ask()
    let [now, most] = [0, 0]
    const ports = withExecutor(world, {
      async run(work, options) {
        now += 1
        most = Math.max(most, now)
        try {
          return await world.executor.run(work, options)
        } finally {
          now -= 1
        }
      },
    })
    const driver = world.driver('one', ports, { parallel: 3 })
    driver.start()
    expect(await world.live(isIn(world, 'ready'))).toBe(true)
    expect(most).toBe(3)
    await world.publish()
    expect(world.offsets('hits', 2)).toHaveLength(world.accepted)
    await driver.stop()
  })

  it('are begun no more where one has failed', async () => {
    const world = await begunWorld(40)
    await world.ask()
    let runs = 0
    const ports = withExecutor(world, {
      async run(work, options) {
        runs += 1
        if (runs === 2) throw new CorruptTableError('hits', 'a', 'b')
        return world.executor.run(work, options)
      },
    })
    const driver = world.driver('one', ports, { parallel: 3 })
    driver.start()
    expect(await world.live(isIn(world, 'failed'))).toBe(true)
    expect(runs).toBe(3)
    await driver.stop()
  })

  it('wait while too much of reruns is staged and not published', async () => {
    const world = await begunWorld()
    await world.ask()
    const half = rerunUnpublishedMaxBytes / 2
    const ports = withExecutor(world, {
      async run(work, options) {
        const output = await world.executor.run(work, options)
        const [first, ...others] = output.staged
        return { ...output, staged: first === undefined ? [] : [{ ...first, bytes: half }, ...others] }
      },
    })
    const driver = world.driver('one', ports)
    driver.start()
    for (let ms = 0; ms < 20_000; ms += 250) {
      world.clock.advance(250)
      await new Promise(setImmediate)
    }
    expect((await world.store.splitsDone(1)).size).toBe(2)
    expect((await notesOf(world)).waits).toMatch(/waits for room/)
    await world.publish()
    for (let ms = 0; ms < 20_000; ms += 250) {
      world.clock.advance(250)
      await new Promise(setImmediate)
    }
    expect((await world.store.splitsDone(1)).size).toBe(4)
    await driver.stop()
  })

  it('ask for a publication whenever they wait for one, and only then', async () => {
    const world = await begunWorld()
    await world.accept(3)
    await world.ask()
    let asked = 0
    const publishSoon = () => {
      asked += 1
      void world.publish()
    }
    const driver = world.driver('one', {}, { publishSoon })
    driver.start()
    // Nobody else publishes anything.
    for (let ms = 0; ms < 60_000; ms += 250) {
      world.clock.advance(250)
      await new Promise(setImmediate)
    }
    expect(await isIn(world, 'ready')()).toBe(true)
    expect(asked).toBe(2)
    await driver.stop()
  })

  it('are at most so many', async () => {
    const world = await begunWorld()
    await world.ask()
    const [split] = await world.executor.splits(
      'backfill',
      [{ table: 'hits', snapshot: '1', after: 0, through: 1 }],
      [{ merchant: null, from: null, to: null }],
    )
    const many = Array.from({ length: rerunSplitsMax + 1 }, () => split)
    const driver = world.driver('one', withExecutor(world, { splits: async () => many.flatMap((each) => each ?? []) }))
    driver.start()
    expect(await world.live(isIn(world, 'failed'))).toBe(true)
    expect(await lastNote(world)).toContain(`${rerunSplitsMax} are the most`)
    await driver.stop()
  })
})

describe('a rerun that answers', () => {
  it('is spoken of after a week of both plans, and once a day from then on', async () => {
    const world = await begunWorld()
    await world.ask({ promote: 'auto' })
    const days: number[] = []
    const driver = world.driver('one', {}, { onReminder: (_, count) => days.push(count) })
    driver.start()
    await world.live(isIn(world, 'promoted'))
    const pass = async (ms: number) => {
      world.clock.advance(ms)
      for (let n = 0; n < 3; n++) {
        await new Promise(setImmediate)
        world.clock.advance(rerunPollMs)
      }
      await new Promise(setImmediate)
    }
    await pass(rerunReminderMs - 60_000)
    expect(days).toEqual([])
    await pass(60_000)
    await pass(3_600_000)
    expect(days).toEqual([7])
    await pass(dayMs)
    expect(days).toEqual([7, 8])
    const rerun = await world.store.rerun(1)
    await world.store.releaseRerun(1, { revision: rerun?.revision ?? 0, now: world.clock.now(), by: 'ada' })
    await pass(dayMs)
    expect(days).toEqual([7, 8])
    await driver.stop()
  })

  it('keeps its pins until it is over, and renews them', async () => {
    const world = await begunWorld()
    await world.ask()
    const driver = world.driver()
    driver.start()
    await world.live(isIn(world, 'ready'))
    const untils = async () => (await world.store.pins('hits')).map(({ until }) => until)
    const before = await untils()
    expect(before).toHaveLength(2)
    for (let n = 0; n < 3; n++) {
      world.clock.advance(dayMs)
      await new Promise(setImmediate)
      world.clock.advance(rerunPollMs)
      await new Promise(setImmediate)
    }
    for (const [n, until] of (await untils()).entries()) expect(until).toBeGreaterThan(before[n] ?? 0)
    await cancel(world, 1)
    world.clock.advance(rerunPollMs)
    await new Promise(setImmediate)
    expect(await untils()).toEqual([])
    await driver.stop()
  })
})
