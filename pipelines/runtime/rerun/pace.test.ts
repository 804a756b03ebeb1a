import { expect, it } from 'vitest'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { createPace } from './pace.ts'

const turns = async () => {
  for (let n = 0; n < 10; n++) await Promise.resolve()
}

it('so many hits a second go through, and no rush follows a pause', async () => {
  const clock = new ManualClock()
  const pace = createPace(1_000, { clock, timers: clock })
  let done = 0
  const run = (async () => {
    for (let n = 0; n < 20; n++) {
      await pace(500)
      done += 500
    }
  })()
  await turns()
  // What may be gone without waiting: a second's.
  expect(done).toBe(1_000)
  for (let second = 1; second <= 3; second++) {
    clock.advance(500)
    await turns()
    clock.advance(500)
    await turns()
    expect(done).toBe(1_000 + second * 1_000)
  }
  clock.advance(60_000)
  await turns()
  expect(done).toBeLessThanOrEqual(6_500)
  while (done < 10_000) {
    clock.advance(500)
    await turns()
  }
  await run
})

it('none is slowed down without a pace', async () => {
  const clock = new ManualClock()
  await createPace(0, { clock, timers: clock })(1e12)
})
