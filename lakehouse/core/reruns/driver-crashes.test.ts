import { describe, expect, it } from 'vitest'
import { ControlStoreOutcomeUnknownError, ControlStoreUnavailableError } from '../../../core/errors.ts'
import type { RerunState } from '../../../core/ports/rerun-store.ts'
import { type CallEnd, countedPorts } from './calls-under-test.ts'
import { createRerunWorld, type RerunWorld } from './driver-under-test.ts'
import { rerunOfPin } from './inputs.ts'
import { rerunGarbageGraceMs, rerunLeaseTtlMs } from './limits.ts'
import { rerunOfStaged } from './waits.ts'

async function begun(): Promise<RerunWorld> {
  const world = createRerunWorld()
  await world.accept(8)
  await world.publish()
  await world.accept(3)
  await world.ask({ promote: 'auto' })
  return world
}

const isIn = (world: RerunWorld, state: RerunState) => async () => (await world.store.rerun(1))?.state === state
const all = (count: number) => Array.from({ length: count }, (_, n) => n)

/** How many calls a whole rerun takes. */
async function callsOfOne(): Promise<readonly string[]> {
  const world = await begun()
  const ports = countedPorts(world)
  const driver = world.driver('one', ports)
  driver.start()
  expect(await world.live(isIn(world, 'promoted'))).toBe(true)
  const calls = [...ports.calls]
  await driver.stop()
  return calls
}

/** Each accepted hit is in the generation once, and of what was staged nothing is left that nobody will publish. */
async function expectWhole(world: RerunWorld): Promise<void> {
  await world.pass(2 * rerunGarbageGraceMs + 20_000)
  await world.accept(2)
  await world.publish()
  for (const table of ['hits', 'hourly'] as const) expect(world.offsets(table, 2)).toEqual(all(world.accepted))
  expect([...world.staged.keys()]).toEqual([])
}

const calls = await callsOfOne()
const places = calls.map((name, at) => ({ name, at }))

describe('a driver that dies at any call', () => {
  it('makes enough calls for that to say something', () => {
    for (const name of ['store.beginDualWriting', 'store.commitSplit', 'executor.run', 'comparer.compare']) {
      expect(calls).toContain(name)
    }
    expect(calls.length).toBeGreaterThan(60)
  })

  it.each(['before', 'after'] as const)(
    'is followed by another that comes to the same end: %s the call',
    async (done) => {
      for (const { at, name } of places) {
        const world = await begun()
        const first = world.driver('one', countedPorts(world, at, { kind: 'crash', done }))
        first.start()
        await world.live(isIn(world, 'promoted'), { forMs: 3_000 })
        const second = world.driver('another')
        second.start()
        const forMs = rerunLeaseTtlMs + 60_000
        expect(await world.live(isIn(world, 'promoted'), { forMs }), `${done} call ${at}, ${name}`).toBe(true)
        await expectWhole(world)
        await second.stop()
      }
    },
    120_000,
  )
})

describe('a call that fails once', () => {
  const ends: readonly (readonly [string, CallEnd])[] = [
    ['and did nothing', { kind: 'throw', done: 'before', error: () => new ControlStoreUnavailableError('away') }],
    ['and was done', { kind: 'throw', done: 'after', error: () => new ControlStoreOutcomeUnknownError() }],
    ['and says nothing of itself', { kind: 'throw', done: 'before', error: () => new Error('what is this') }],
  ]

  it.each(ends)(
    'is made again, wherever that was: %s',
    async (_, end) => {
      for (const { at, name } of places) {
        const world = await begun()
        const driver = world.driver('one', countedPorts(world, at, end))
        driver.start()
        expect(await world.live(isIn(world, 'promoted')), `call ${at}, ${name}`).toBe(true)
        await expectWhole(world)
        await driver.stop()
      }
    },
    120_000,
  )
})

describe('what somebody does while the driver makes any call', () => {
  /** At the `at`th call, before it is made. */
  function during(world: RerunWorld, at: number, action: () => Promise<unknown>) {
    const ports = countedPorts(world)
    const hooked = <T extends object>(target: T): T =>
      new Proxy(target, {
        get(port, name) {
          const method = Reflect.get(port, name) as (...args: unknown[]) => Promise<unknown>
          return async (...args: unknown[]) => {
            if (ports.calls.length === at) await action()
            return method.apply(port, args)
          }
        },
      })
    const { store, lake, executor, comparer } = ports
    return { store: hooked(store), lake: hooked(lake), executor: hooked(executor), comparer: hooked(comparer) }
  }

  it('to cancel it leaves nothing of it: no pin, no file, nothing that is written', async () => {
    for (const { at, name } of places) {
      const world = await begun()
      let wasCancelled = false
      const ports = during(world, at, async () => {
        const rerun = await world.store.rerun(1)
        if (wasCancelled || rerun === undefined || rerun.state === 'promoted') return
        wasCancelled = true
        await world.store.cancelRerun(1, { revision: rerun.revision, now: world.clock.now(), by: 'ada' })
      })
      const driver = world.driver('one', ports)
      driver.start()
      await world.live(isIn(world, 'cancelled'))
      await world.pass(2 * rerunGarbageGraceMs + 20_000)
      if (!wasCancelled) continue
      const pins = [...(await world.store.pins('hits')), ...(await world.store.pins('failed_hits'))]
      expect(
        pins.filter((pin) => rerunOfPin(pin.name) !== undefined),
        `call ${at}, ${name}`,
      ).toEqual([])
      expect([...world.staged.keys()].filter((file) => rerunOfStaged(file) !== undefined)).toEqual([])
      expect((await world.store.writing('hits')).generations.map(({ generation }) => generation)).toEqual([1])
      await driver.stop()
    }
  }, 120_000)

  it('to pause it holds it, and to resume it later comes to the same end', async () => {
    for (const { at, name } of places) {
      const world = await begun()
      const move = async (state: 'paused' | 'resumed') => {
        const rerun = await world.store.rerun(1)
        if (rerun === undefined) return
        const change = { revision: rerun.revision, now: world.clock.now(), by: 'ada' }
        if (state === 'resumed') await world.store.updateRerun(1, { state: rerun.rests ?? 'planned' }, change)
        else if (['planned', 'backfilling', 'catching_up'].includes(rerun.state)) {
          await world.store.updateRerun(1, { state: 'paused' }, change)
        }
      }
      let asked = false
      const ports = during(world, at, async () => {
        if (asked) return
        asked = true
        await move('paused')
      })
      const driver = world.driver('one', ports)
      driver.start()
      await world.live(isIn(world, 'paused'), { forMs: 20_000 })
      if (await isIn(world, 'paused')()) {
        const before = (await world.store.splitsDone(1)).size
        await world.live(async () => false, { forMs: 5_000 })
        expect((await world.store.splitsDone(1)).size, `call ${at}, ${name}`).toBe(before)
        await move('resumed')
      }
      expect(await world.live(isIn(world, 'promoted')), `call ${at}, ${name}`).toBe(true)
      await expectWhole(world)
      await driver.stop()
    }
  }, 120_000)
})
