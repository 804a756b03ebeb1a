import { createRequire } from 'node:module'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createKafka } from './client.ts'
import { pendingCheckMs } from './request-queue.ts'

interface Queue {
  push(request: {
    readonly entry: { readonly correlationId: number; resolve(): void; reject(error: Error): void }
    readonly expectResponse: boolean
    sendRequest(): void
  }): void
  fulfillRequest(response: { readonly correlationId: number; readonly payload: Buffer; readonly size: number }): void
  maybeThrottle(ms: number): void
  destroy(): void
}

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

/** The queue of one connection, and which requests it has sent. */
function queueOf(maxInFlightRequests: number) {
  createKafka({ brokers: ['127.0.0.1:1'], clientId: 'test', say: () => {} })
  const RequestQueue = createRequire(import.meta.url)('kafkajs/src/network/requestQueue') as new (
    options: object,
  ) => Queue
  const logger = { debug: () => {}, warn: () => {} }
  const queue = new RequestQueue({ maxInFlightRequests, requestTimeout: 10_000, enforceRequestTimeout: false, logger })
  const sent: number[] = []
  const push = (correlationId: number) =>
    queue.push({
      entry: { correlationId, resolve: () => {}, reject: () => {} },
      expectResponse: true,
      sendRequest: () => void sent.push(correlationId),
    })
  const answer = (correlationId: number) => queue.fulfillRequest({ correlationId, payload: Buffer.alloc(0), size: 0 })
  return { queue, sent, push, answer }
}

it('does nothing while nothing waits', () => {
  const { sent, push, answer } = queueOf(2)
  push(1)
  push(2)
  answer(1)
  answer(2)
  expect(sent).toEqual([1, 2])
  expect(vi.getTimerCount()).toBe(0)
})

it('sends what waited as soon as the broker has answered another, in order, and rests', () => {
  const { sent, push, answer } = queueOf(1)
  for (const id of [1, 2, 3]) push(id)
  expect(sent).toEqual([1])
  vi.advanceTimersByTime(10 * pendingCheckMs)
  expect(sent).toEqual([1])
  answer(1)
  answer(2)
  expect(sent).toEqual([1, 2, 3])
  answer(3)
  vi.advanceTimersByTime(pendingCheckMs)
  expect(vi.getTimerCount()).toBe(0)
})

it('sends what waited when the broker no longer throttles, and not before', () => {
  const { queue, sent, push } = queueOf(5)
  queue.maybeThrottle(500)
  push(1)
  queue.maybeThrottle(700)
  vi.advanceTimersByTime(500)
  expect(sent).toEqual([])
  vi.advanceTimersByTime(200)
  expect(sent).toEqual([1])
  expect(vi.getTimerCount()).toBe(0)
})

it('has nothing scheduled once its connection has ended', () => {
  const { queue, push } = queueOf(1)
  push(1)
  push(2)
  queue.destroy()
  expect(vi.getTimerCount()).toBe(0)
})
