import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { holdTurn } from './hold-turn.ts'

const leaseTtlMs = 9_000

function turn(renewals: (() => Promise<number | undefined>)[]) {
  const clock = new ManualClock()
  const stop = new AbortController()
  let renewed = 0
  const held = holdTurn({
    lease: 'publish/hits',
    fence: 4,
    leaseTtlMs,
    leasedAt: clock.monotonic(),
    renew: () => (renewals[renewed++] ?? renewals.at(-1) ?? (async () => 4))(),
    stop: stop.signal,
    clock,
    timers: clock,
  })
  const pass = async (ms: number) => {
    clock.advance(ms)
    for (let n = 0; n < 10; n++) await Promise.resolve()
  }
  return { held, clock, stop, pass, renewed: () => renewed }
}

const kept = async () => 4
const away = () => Promise.reject(new Error('the store is away'))

describe('a turn', () => {
  it('lasts as long as its lease is renewed under its fence', async () => {
    const { held, pass, renewed } = turn([kept])
    for (let n = 0; n < 20; n++) await pass(leaseTtlMs / 3)
    expect(renewed()).toBe(20)
    held.throwIfOver()
    expect(held.signal.aborted).toBe(false)
  })

  it('is lost when another has the lease, and when it came back under another fence', async () => {
    for (const answer of [undefined, 6]) {
      const { held, pass } = turn([async () => answer])
      await pass(leaseTtlMs / 3)
      expect(held.signal.aborted).toBe(true)
      expect(() => held.throwIfOver()).toThrow('no longer held under fence 4')
    }
  })

  it('outlasts a store that is away for less than the lease, and not one that is away for longer', async () => {
    const short = turn([away, away, kept])
    for (let n = 0; n < 3; n++) await short.pass(leaseTtlMs / 3 - 1)
    short.held.throwIfOver()
    const long = turn([away])
    await long.pass(leaseTtlMs - 1)
    long.held.throwIfOver()
    await long.pass(1)
    expect(long.held.signal.aborted).toBe(true)
  })

  it('is over for a process that wakes after the lease ran out, before any timer says so', () => {
    const { held, clock } = turn([kept])
    const asleep = holdTurn({
      lease: 'publish/hits',
      fence: 4,
      leaseTtlMs,
      leasedAt: 0,
      renew: kept,
      stop: new AbortController().signal,
      clock,
      timers: new ManualClock(),
    })
    clock.advance(leaseTtlMs - 1)
    asleep.throwIfOver()
    clock.advance(1)
    expect(() => asleep.throwIfOver()).toThrow('no longer held')
    expect(asleep.signal.aborted).toBe(true)
    held.end()
  })

  it('ends when the publisher stops, and renews nothing once it has ended', async () => {
    const { held, stop, pass, renewed, clock } = turn([kept])
    stop.abort(new Error('stops'))
    expect(() => held.throwIfOver()).toThrow('stops')
    held.end()
    await pass(leaseTtlMs)
    expect(renewed()).toBe(0)
    expect(clock.pendingTimers).toBe(0)
  })
})
