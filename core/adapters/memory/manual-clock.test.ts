import { describe, expect, it } from 'vitest'
import { sleep } from '../../ports/clock.ts'
import { ManualClock } from './manual-clock.ts'
import { seededRandom } from './seeded-random.ts'

describe('the manual clock', () => {
  it('stands still, and fires timers in the order they are due, each at its own moment', () => {
    const clock = new ManualClock(1_000)
    const fired: string[] = []
    const note = (name: string) => () => fired.push(`${name} at ${clock.now()}`)
    clock.after(30, note('c'))
    clock.after(10, note('a'))
    clock.after(20, note('b'))
    clock.after(20, note('b2'))
    clock.after(31, note('later'))
    expect([clock.now(), clock.monotonic()]).toEqual([1_000, 0])
    clock.advance(30)
    expect(fired).toEqual(['a at 1010', 'b at 1020', 'b2 at 1020', 'c at 1030'])
    expect([clock.now(), clock.monotonic(), clock.pendingTimers]).toEqual([1_030, 30, 1])
  })

  it('fires timers that timers set, within the same advance', () => {
    const clock = new ManualClock(0)
    const fired: number[] = []
    const tick = () => {
      fired.push(clock.now())
      clock.after(10, tick)
    }
    clock.after(0, tick)
    clock.advance(25)
    expect(fired).toEqual([0, 10, 20])
  })

  it('fires no cancelled timer, one cancelled by an earlier timer included', () => {
    const clock = new ManualClock()
    const fired: string[] = []
    const cancel = clock.after(20, () => fired.push('cancelled'))
    clock.after(10, cancel)
    cancel()
    clock.advance(100)
    expect(fired).toEqual([])
    expect(clock.pendingTimers).toBe(0)
  })

  it('steps the wall clock back without time passing', () => {
    const clock = new ManualClock(5_000)
    clock.advance(100)
    clock.setNow(1_000)
    expect([clock.now(), clock.monotonic()]).toEqual([1_000, 100])
    clock.advance(1)
    expect([clock.now(), clock.monotonic()]).toEqual([1_001, 101])
  })

  it('ends a sleep', async () => {
    const clock = new ManualClock()
    let awake = false
    const slept = sleep(clock, 50).then(() => {
      awake = true
    })
    clock.advance(49)
    await Promise.resolve()
    expect(awake).toBe(false)
    clock.advance(1)
    await slept
  })
})

describe('seeded randomness', () => {
  it('repeats for a seed, differs between seeds, and stays below its limit', () => {
    const draw = (seed: number) => Buffer.from(seededRandom(seed).bytes(16)).toString('hex')
    expect(draw(1)).toBe(draw(1))
    expect(new Set([0, 1, 2, 3].map(draw)).size).toBe(4)
    const random = seededRandom(9)
    const counts = [0, 0, 0]
    for (let i = 0; i < 3_000; i++) counts[random.below(3)] = (counts[random.below(3)] ?? 0) + 1
    expect(Object.keys(counts)).toEqual(['0', '1', '2'])
    for (const count of counts) expect(count).toBeGreaterThan(0)
  })
})
