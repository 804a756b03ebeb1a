import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { ControlStoreUnavailableError, StartError } from '../../core/errors.ts'
import { lateStore, openRetryMs } from './late-store.ts'
import { beginRetryMs, isFinal, keepBeginning } from './role.ts'

const away = new ControlStoreUnavailableError('away')
const turns = async () => {
  for (let n = 0; n < 20; n++) await Promise.resolve()
}

function beginning(outcomes: readonly (Error | 'begun')[], after: Promise<void> = Promise.resolve()) {
  const clock = new ManualClock()
  const told: string[] = []
  let attempt = 0
  const keeper = keepBeginning({
    timers: clock,
    after,
    isFinal,
    onWaiting: () => told.push('waiting'),
    onFinal: () => told.push('final'),
    async begin() {
      const outcome = outcomes[attempt++]
      if (outcome instanceof Error) throw outcome
    },
  })
  return { clock, told, keeper, attempts: () => attempt }
}

describe('a part whose servers are away', () => {
  it('begins again after a pause, until it succeeds', async () => {
    const { clock, told, keeper, attempts } = beginning([away, away, 'begun'])
    await turns()
    expect(attempts()).toBe(1)
    await clock.advance(beginRetryMs - 1)
    expect(attempts()).toBe(1)
    await clock.advance(1)
    await turns()
    expect(attempts()).toBe(2)
    await clock.advance(beginRetryMs)
    expect(await keeper.ended).toBe('begun')
    expect(told).toEqual(['waiting', 'waiting'])
  })

  it('does not begin again after what only a person mends', async () => {
    const { told, keeper, attempts } = beginning([new StartError('no')])
    expect(await keeper.ended).toBe('not begun')
    expect([told, attempts()]).toEqual([['final'], 1])
  })

  it('ends when it is stopped in a pause, or while what it waits for never comes', async () => {
    const paused = beginning([away, 'begun'])
    await turns()
    paused.keeper.stop()
    expect(await paused.keeper.ended).toBe('not begun')
    const waiting = beginning(['begun'], new Promise(() => undefined))
    waiting.keeper.stop()
    expect(await waiting.keeper.ended).toBe('not begun')
    expect(waiting.attempts()).toBe(0)
  })

  it('never begins where what it waits for can never be', async () => {
    const { told, keeper, attempts } = beginning(['begun'], Promise.reject(new StartError('no')))
    expect(await keeper.ended).toBe('not begun')
    expect([told, attempts()]).toEqual([['final'], 0])
  })
})

describe('a control store that is opened late', () => {
  it('refuses as unavailable until it is open, and is tried again after a pause', async () => {
    const clock = new ManualClock()
    let tries = 0
    const real = { acceptedThrough: async () => 7, close: async () => undefined }
    const late = lateStore({
      timers: clock,
      onWaiting: () => undefined,
      async open() {
        if (tries++ === 0) throw away
        return real as never
      },
    })
    await turns()
    await expect(late.store.acceptedThrough('log')).rejects.toThrow(ControlStoreUnavailableError)
    await clock.advance(openRetryMs)
    await late.opened
    expect(await late.store.acceptedThrough('log')).toBe(7)
  })

  it('says that it can never be opened', async () => {
    const open = async () => {
      throw new StartError('a newer version wrote it')
    }
    const late = lateStore({ timers: new ManualClock(), onWaiting: () => undefined, open })
    await expect(late.opened).rejects.toThrow(StartError)
  })
})
