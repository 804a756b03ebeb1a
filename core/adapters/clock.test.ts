import { clockContract, randomContract } from '../ports/clock.contract.ts'
import { ManualClock } from './memory/manual-clock.ts'
import { seededRandom } from './memory/seeded-random.ts'
import { systemClock, systemRandom, systemTimers } from './node/system.ts'

clockContract('the system', () => ({
  clock: systemClock,
  timers: systemTimers,
  // The system's timers keep no process alive; this one does.
  pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
}))

clockContract('a clock moved by hand', () => {
  const clock = new ManualClock(1_000)
  return {
    clock,
    timers: clock,
    async pass(ms) {
      clock.advance(ms)
    },
  }
})

randomContract('the system', () => systemRandom)
randomContract('a seed', () => seededRandom(7))
