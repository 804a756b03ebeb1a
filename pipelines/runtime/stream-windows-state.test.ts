/** Plans that keep windows, as a stream: what they remember, its limit, and what another version makes of it. */
import { describe, expect, it } from 'vitest'
import { decodeCheckpoint, encodeCheckpoint } from '../../schemas/avro/checkpoint.ts'
import { openDedupeState } from '../core/dedupe/dedupe-state.ts'
import { minutePipeline } from '../test/support/minute-plans.ts'
import { commit, minute, panesOf, pass, second, send, started } from '../test/support/stream-under-test.ts'
import { at, booksOf, createWorld, during, shop, until, type World } from '../test/support/world.ts'
import type { StreamRunnerOptions } from './runner-options.ts'
import type { OpenState } from './state.ts'

describe('the state of windows', () => {
  it('is told by step with each epoch, rows that came late since the last one with it', async () => {
    const world = await createWorld()
    const { runner, facts } = await started(world, { plan: minutePipeline({ lateness: '1h' }) })
    send(world, 2 * minute, { id: 'a' })
    await commit(runner, 1)
    send(world, 2 * minute, { id: 'b', time: at(0) }, { id: 'c', time: at(minute) })
    await commit(runner, 2)
    send(world, 2 * minute, { id: 'd' })
    await commit(runner, 3)
    await runner.stop()
    expect(facts.map(({ windows }) => windows.map(({ windows: kept, late }) => [kept, late]))).toEqual([
      [[1, 0]],
      [[3, 2]],
      [[3, 0]],
    ])
    const [{ stateBytes = 0 } = {}] = facts[2]?.windows ?? []
    expect(stateBytes).toBeGreaterThan(3 * 256)
    expect(facts[2]?.stateBytes).toBeGreaterThan(stateBytes)
  })

  it('is told with the rows that came too late since the last epoch, and no others', async () => {
    const world = await createWorld()
    const { runner, facts } = await started(world, { plan: minutePipeline() })
    send(world, 2 * minute, { id: 'a' })
    await commit(runner, 1)
    send(world, 2 * minute, { id: 'b', time: at(0) }, { id: 'c', time: at(second) })
    await commit(runner, 2)
    send(world, 2 * minute, { id: 'd' })
    await commit(runner, 3)
    await runner.stop()
    expect(facts.map(({ windows }) => windows.map(({ tooLate }) => tooLate))).toEqual([[0], [2], [0]])
  })

  it('at its limit stops the reading of its partition; nothing is lost, and a higher limit goes on', async () => {
    const world = await createWorld()
    const plan = minutePipeline({ stateMaxBytes: 3_000 })
    const errors: unknown[] = []
    const { runner } = await started(world, { plan, onError: (error) => errors.push(error) })
    const { end } = world.feed
    for (let n = 0; n < 12; n++) send(world, n, { id: `${n}`, name: `name-${n}` })
    await during(
      world,
      until(() => runner.state === 'blocked'),
    )
    const next = runner.positions[0]?.next ?? 0
    expect(next).toBeGreaterThan(3)
    expect(next).toBeLessThan(12)
    expect(errors).toMatchObject([{ code: 'STATE_LIMIT' }])
    // What waits would be too late if windows closed by the clock, so nobody asks whether they may.
    let asked = 0
    world.feed.end = async (partition) => {
      asked += 1
      return end(partition)
    }
    for (let n = 0; n < 150; n++) await pass(world, 4 * second)
    expect([await panesOf(world), asked]).toEqual([[], 0])
    await during(world, runner.stop())
    const other = await started(world, { plan: minutePipeline() })
    await during(
      world,
      until(() => other.runner.positions[0]?.next === 12),
    )
    await pass(world, 10 * minute)
    expect(await panesOf(world)).toHaveLength(12)
    await other.runner.stop()
  })

  it('at its limit has room again where the hit that waits lets windows go', async () => {
    const sendLot = (world: World, lot: number) => {
      for (let n = 0; n < 6; n++) send(world, lot * 5 * minute, { id: `${lot} ${n}`, name: `name-${n}` })
    }
    const roomy = await createWorld()
    const measured = await started(roomy, { plan: minutePipeline() })
    sendLot(roomy, 0)
    await commit(measured.runner, 6)
    await measured.runner.stop()
    const world = await createWorld()
    // One lot fills it.
    const stateMaxBytes = measured.facts[0]?.windows[0]?.stateBytes ?? 0
    const { runner } = await started(world, { plan: minutePipeline({ stateMaxBytes }) })
    for (let lot = 0; lot < 4; lot++) sendLot(world, lot)
    await commit(runner, 24)
    expect(runner.error).toBeNull()
    expect(await panesOf(world)).toHaveLength(18)
    await runner.stop()
  })

  it('at its limit closes no window for the hit that waits while the delay runs, whose hits may still come', async () => {
    const names = (count: number) => Array.from({ length: count }, (_, n) => ({ id: `${n}`, name: `name-${n}` }))
    const roomy = await createWorld()
    const measured = await started(roomy, { plan: minutePipeline() })
    send(roomy, 0, ...names(3))
    await commit(measured.runner, 1)
    await measured.runner.stop()
    const world = await createWorld()
    const stateMaxBytes = measured.facts[0]?.windows[0]?.stateBytes ?? 0
    const { runner } = await started(world, { plan: minutePipeline({ stateMaxBytes }) })
    send(world, 0, ...names(3))
    // The first minute is over, its delay of ten seconds is not.
    send(world, 65 * second, { id: 'waits', name: 'name-4' })
    await until(() => runner.state === 'blocked')
    expect(await panesOf(world)).toEqual([])
    await during(world, runner.stop())
  })

  it('begins where the plan had none at the watermark that was reached', async () => {
    const world = await createWorld()
    const { runner } = await started(world, { plan: minutePipeline({ window: 'first' }), job: 'one' })
    send(world, 5 * minute, { id: 'a' })
    await commit(runner, 1)
    await runner.stop()
    const [name] = await world.objects.list('checkpoints/one/')
    // As a plan without windows leaves it.
    const saved = decodeCheckpoint('c', (await world.objects.get(name ?? '')) as Buffer)
    const { '#windows': _, ...steps } = saved.steps
    await world.objects.put(name ?? '', encodeCheckpoint({ ...saved, steps }))
    const next = await started(world, { plan: minutePipeline({ window: 'second' }), job: 'one' })
    send(world, 5 * minute, { id: 'b', time: at(0) })
    await commit(next.runner, 2)
    expect(next.facts[0]?.windows).toMatchObject([{ tooLate: 1 }])
    await next.runner.stop()
  })
})

describe('saved state of a step', () => {
  async function keptBy(plan: ReturnType<typeof minutePipeline>, changes: Partial<StreamRunnerOptions> = {}) {
    const world = await createWorld()
    const { runner } = await started(world, { plan, ...changes })
    send(world, 0, { id: 'a' }, { id: 'b' })
    await commit(runner, 1)
    await runner.stop()
    return world
  }
  const goOn = async (world: World, plan: ReturnType<typeof minutePipeline>, next: number) => {
    const other = await started(world, { plan })
    send(world, second, { id: 'a' }, { id: 'c' })
    await commit(other.runner, next)
    await pass(world, 2 * minute)
    await other.runner.stop()
  }

  it('goes on under a new name that says the old one, of windows and of dedupe', async () => {
    const world = await keptBy(minutePipeline())
    await goOn(world, minutePipeline({ window: 'w', wasWindow: 'minutes', dedupe: 'd', wasDedupe: 'once' }), 2)
    expect(await panesOf(world)).toEqual(['page_view on time 0 3'])
  })

  it('of windows, in a form that is not known, ends the runner and names the checkpoint', async () => {
    const world = await keptBy(minutePipeline())
    const [name = ''] = await world.objects.list('checkpoints/')
    const saved = decodeCheckpoint(name, (await world.objects.get(name)) as Buffer)
    const steps = { ...saved.steps, '#windows': Buffer.from('of a later release') }
    await world.objects.put(name, encodeCheckpoint({ ...saved, steps }))
    await expect(started(world, { plan: minutePipeline() })).rejects.toThrow(`${name} is damaged: no state of windows`)
  })

  it('goes on where the plan has another aggregate, or one less again', async () => {
    const world = await keptBy(minutePipeline())
    const more = await started(world, { plan: minutePipeline({ counted: 'hits and names' }) })
    send(world, 0, { id: 'm' })
    await commit(more.runner, 2)
    await more.runner.stop()
    await goOn(world, minutePipeline(), 3)
    expect(await panesOf(world)).toEqual(['page_view on time 0 4'])
  })

  it('goes on under a third name that says both', async () => {
    const world = await keptBy(minutePipeline())
    await goOn(world, minutePipeline({ dedupe: 'd', wasDedupe: 'once' }), 2)
    const last = await started(world, { plan: minutePipeline({ dedupe: 'd', wasDedupe: 'once' }) })
    send(world, 5 * minute, { id: 'a' }, { id: 'c' })
    await commit(last.runner, 3)
    await last.runner.stop()
    expect(await booksOf(world, shop)).toMatchObject({ stored: 3, duplicates: 3 })
  })

  it('of dedupe is found in its objects after it was renamed', async () => {
    const world = await createWorld()
    const openState: OpenState = ({ prefix, saved, step, limitBytes }) =>
      openDedupeState({
        ...{ objects: world.objects, prefix, saved, withinMs: step.withinMs, limitBytes, random: world.random },
        inlineMaxEntries: 1,
      })
    const ids = ['a', 'b', 'c', 'd'].map((id) => ({ id }))
    const first = await started(world, { plan: minutePipeline(), openState })
    send(world, 0, ...ids)
    await commit(first.runner, 1)
    await first.runner.stop()
    for (const next of [2, 3]) {
      const renamed = minutePipeline({ dedupe: 'd', wasDedupe: 'once' })
      const { runner } = await started(world, { plan: renamed, openState })
      send(world, 0, ...ids, { id: `${next}` }, { id: `more-${next}` })
      await commit(runner, next)
      await runner.stop()
    }
    expect(await booksOf(world, shop)).toMatchObject({ stored: 8, duplicates: 8 })
    expect((await world.objects.list('state/')).every((name) => name.startsWith('state/minutes/0/once/'))).toBe(true)
  })

  it.each([
    ['of windows', minutePipeline({ window: 'w' }), /'minutes' has saved state in job 'minutes'/],
    ['of dedupe', minutePipeline({ dedupe: 'd' }), /'once' has saved state in job 'minutes'/],
    [
      'with another aggregate',
      minutePipeline({ counted: 'names' }),
      /cannot go on from what is saved: 'by.aggregate', aggregate 'hits'/,
    ],
  ])('%s that no step goes on with is refused', async (_, plan, message) => {
    const world = await keptBy(minutePipeline())
    await expect(started(world, { plan })).rejects.toThrow(message)
    // Nothing was lost by that.
    await goOn(world, minutePipeline(), 2)
    expect(await panesOf(world)).toEqual(['page_view on time 0 3'])
  })
})
