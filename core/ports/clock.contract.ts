/** What every clock, every set of timers and every source of randomness does, as tests. */
import { describe, expect, it } from 'vitest'
import { type Clock, type Random, sleep, type Timers } from './clock.ts'

export interface TimeUnderTest {
  readonly clock: Clock
  readonly timers: Timers
  /** Lets at least so much time pass. */
  pass(ms: number): Promise<void>
}

export function clockContract(name: string, open: () => TimeUnderTest): void {
  describe(`${name} as clock and timers`, () => {
    it('goes on, and its monotonic side by as much as has passed', async () => {
      const { clock, pass } = open()
      const [now, monotonic] = [clock.now(), clock.monotonic()]
      await pass(5)
      expect(clock.now()).toBeGreaterThan(now)
      // A timer may fire up to a millisecond early by the finer clock.
      expect(clock.monotonic() - monotonic).toBeGreaterThanOrEqual(4)
    })

    it('calls each action once, in the order they are due, equal ones in the order they were set', async () => {
      const { timers, pass } = open()
      const called: string[] = []
      for (const [delayMs, action] of [
        [20, 'late'],
        [5, 'early'],
        [5, 'early too'],
        [0, 'at once'],
      ] as const) {
        timers.after(delayMs, () => called.push(action))
      }
      expect(called).toEqual([])
      await pass(40)
      expect(called).toEqual(['at once', 'early', 'early too', 'late'])
      await pass(40)
      expect(called).toHaveLength(4)
    })

    it('does not call what was cancelled, and cancelling again or too late does no harm', async () => {
      const { timers, pass } = open()
      const called: string[] = []
      const cancel = timers.after(5, () => called.push('cancelled'))
      const kept = timers.after(5, () => called.push('kept'))
      cancel()
      cancel()
      await pass(20)
      kept()
      expect(called).toEqual(['kept'])
    })

    it('lets one wait', async () => {
      const { timers, pass } = open()
      let awake = false
      const waiting = sleep(timers, 5).then(() => {
        awake = true
      })
      expect(awake).toBe(false)
      await pass(20)
      await waiting
      expect(awake).toBe(true)
    })
  })
}

export function randomContract(name: string, open: () => Random): void {
  describe(`${name} as randomness`, () => {
    it('gives as many bytes as asked, each draw another', () => {
      const random = open()
      expect(random.bytes(0)).toHaveLength(0)
      const draws = Array.from({ length: 100 }, () => Buffer.from(random.bytes(16)).toString('hex'))
      expect(draws.every((draw) => draw.length === 32)).toBe(true)
      expect(new Set(draws).size).toBe(100)
    })

    it('uses all values of a byte', () => {
      expect(new Set(open().bytes(10_000)).size).toBe(256)
    })
  })
}
