import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { createWaiters, maxWaiters } from './forwarder-waiters.ts'

function waiting(confirmMaxMs = 500) {
  const clock = new ManualClock()
  const late: number[] = []
  const waiters = createWaiters({ clock, timers: clock, confirmMaxMs, onLate: () => late.push(clock.monotonic()) })
  return { clock, late, waiters }
}

describe('answers that wait for Kafka', () => {
  it('are given in any order, each once everything up to its place is there', async () => {
    const { clock, waiters } = waiting()
    const [second, first] = [waiters.add(1), waiters.add(0)]
    waiters.acked(1)
    expect(await first).toBe('kafka')
    clock.advance(499)
    waiters.acked(2)
    expect(await second).toBe('kafka')
  })

  it('are given up together when the oldest has waited its time, and not before', async () => {
    const { clock, late, waiters } = waiting()
    const first = waiters.add(0)
    clock.advance(300)
    const second = waiters.add(1)
    waiters.acked(1)
    await first
    clock.advance(499)
    expect(late).toEqual([])
    clock.advance(1)
    expect([await second, late]).toEqual(['disk', [800]])
  })

  it('are so many and no more: beyond, an answer says disk at once', async () => {
    const { waiters } = waiting()
    const waited = Array.from({ length: maxWaiters }, (_, place) => waiters.add(place))
    expect(await waiters.add(maxWaiters)).toBe('disk')
    waiters.acked(1)
    expect(await waited[0]).toBe('kafka')
    const taken = waiters.add(maxWaiters)
    waiters.acked(maxWaiters + 1)
    expect(await taken).toBe('kafka')
  })
})
