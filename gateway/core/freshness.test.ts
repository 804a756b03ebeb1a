import { describe, expect, it } from 'vitest'
import { createWorld, shop } from './test/time-series-world.ts'

const merchant = shop('a', 'UTC')
const hit = (time: number) => ({ merchant, time, name: 'page_view', visitor: 1n, micros: 0n })
const start = '2026-03-01T09:00:00Z'

describe('freshness', () => {
  it('follows the clock while nothing waits, from the first start on', async () => {
    const { clock, freshness } = await createWorld(start)
    expect(freshness.read()).toBe(clock.now())
    clock.advance(5_000)
    expect(freshness.read()).toBe(clock.now())
  })

  it('stands at the last committed receipt while hits wait', async () => {
    const world = await createWorld(start)
    world.append(hit(world.clock.now()))
    expect(world.freshness.read()).toBe(0) // none was ever committed
    await world.commit()
    await world.versions.refresh()
    const receipt = world.clock.now()
    world.clock.advance(5_000)
    expect(world.freshness.read()).toBe(world.clock.now())
    world.append(hit(world.clock.now()))
    // All received before that moment were visible, and still are.
    expect(world.freshness.read()).toBe(receipt + 5_000)
  })

  it('does not run back: a hit that waits was received after what was promised', async () => {
    const world = await createWorld(start)
    const promised = world.freshness.read()
    world.clock.advance(1_000)
    world.append(hit(world.clock.now()))
    expect(world.freshness.read()).toBe(promised)
  })

  it('does not move by a commit that the gateway has not learned of', async () => {
    const world = await createWorld(start)
    world.append(hit(world.clock.now()))
    await world.commit()
    expect(world.freshness.read()).toBe(0)
    await world.versions.refresh()
    expect(world.freshness.read()).toBe(world.clock.now())
  })

  it('never lies in the future, though the clock was set back', async () => {
    const world = await createWorld(start)
    world.append(hit(0))
    await world.commit()
    await world.versions.refresh()
    world.append(hit(0))
    world.clock.setNow(Date.parse('2026-02-28T00:00:00Z'))
    expect(world.freshness.read()).toBe(world.clock.now())
  })
})
