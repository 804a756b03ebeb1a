import { getEventListeners } from 'node:events'
import { MessageChannel } from 'node:worker_threads'
import { afterEach, describe, expect, it } from 'vitest'
import { CommitConflictError, PlatformError, StaleEpochError } from '../../errors.ts'
import { createCaller, serve } from './remote.ts'

const channels: MessageChannel[] = []
afterEach(() => {
  for (const { port1 } of channels.splice(0)) port1.close()
})

function connect(target: object) {
  const channel = new MessageChannel()
  channels.push(channel)
  serve(channel.port1, { store: target })
  const caller = createCaller(channel.port2)
  return { caller, remote: <T extends object>() => caller.remote<T>('store') }
}

describe('an object in another thread', () => {
  it('answers as if it were here, concurrent calls each with its own answer', async () => {
    const store = {
      async slow(value: number) {
        await new Promise((resolve) => setImmediate(resolve))
        return { value, big: 2n ** 60n }
      },
      quick: (value: number) => value,
    }
    const remote = connect(store).remote<typeof store>()
    expect(await Promise.all([remote.slow(1), remote.quick(2), remote.slow(3)])).toEqual([
      { value: 1, big: 2n ** 60n },
      2,
      { value: 3, big: 2n ** 60n },
    ])
  })

  it('keeps `this`, so that classes can be served', async () => {
    class Counter {
      #count = 0
      add() {
        return ++this.#count
      }
    }
    const remote = connect(new Counter()).remote<Counter>()
    await remote.add()
    expect(await remote.add()).toBe(2)
  })

  it('throws here what was thrown there: class, code, fields and sentence', async () => {
    const remote = connect({
      conflict: () => Promise.reject(new CommitConflictError('hits', '1', '2', { cause: new RangeError('why') })),
    }).remote<{ conflict(): Promise<void> }>()
    const error = await remote.conflict().catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(CommitConflictError)
    expect(error).toBeInstanceOf(PlatformError)
    expect(error).toMatchObject({
      code: 'LAKE_COMMIT_CONFLICT',
      retry: 'afterBackoff',
      table: 'hits',
      expected: '1',
      found: '2',
    })
    expect((error as Error).message).toContain('hits moved from 1 to 2')
    expect((error as Error).cause).toBeInstanceOf(RangeError)
    expect((error as Error).cause).toMatchObject({ message: 'why' })
  })

  it('carries a cancellation over', async () => {
    let cancelled = false
    const remote = connect({
      wait: ({ signal }: { signal: AbortSignal }) =>
        new Promise((_, reject) =>
          signal.addEventListener('abort', () => {
            cancelled = true
            reject(new Error('cancelled'))
          }),
        ),
    }).remote<{ wait(options: { signal: AbortSignal }): Promise<void> }>()
    const controller = new AbortController()
    const waiting = remote.wait({ signal: controller.signal })
    controller.abort()
    await expect(waiting).rejects.toThrow('cancelled')
    expect(cancelled).toBe(true)
  })

  it('asks nothing of the other thread where the call was cancelled before', async () => {
    let asked = 0
    const remote = connect({ wait: () => ++asked }).remote<{ wait(options: { signal: AbortSignal }): Promise<void> }>()
    const reason = new Error('the client left')
    await expect(remote.wait({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    await new Promise((resolve) => setImmediate(resolve))
    expect(asked).toBe(0)
  })

  it('is remembered by a signal only while a call is under way', async () => {
    const { caller, remote: stand } = connect({ quick: () => 1, wait: () => new Promise(() => {}) })
    const remote = stand<Record<'quick' | 'wait', (options: { signal: AbortSignal }) => Promise<number>>>()
    const { signal } = new AbortController()
    for (let n = 0; n < 3; n++) await remote.quick({ signal })
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    const waiting = remote.wait({ signal })
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    caller.close(new Error('gone'))
    await expect(waiting).rejects.toThrow('gone')
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  it('refuses a method that is not there', async () => {
    const remote = connect({}).remote<{ nothing(): Promise<void> }>()
    await expect(remote.nothing()).rejects.toThrow('nothing answers store.nothing')
  })

  it('fails whoever waits when the other thread is gone', async () => {
    const { caller, remote } = connect({ never: () => new Promise(() => {}) })
    const waiting = remote<{ never(): Promise<void> }>().never()
    caller.close(new StaleEpochError('the worker ended'))
    await expect(waiting).rejects.toBeInstanceOf(StaleEpochError)
    await expect(remote<{ never(): Promise<void> }>().never()).rejects.toBeInstanceOf(StaleEpochError)
  })
})
