/**
 * Sends traffic as trackers do: in requests of mixed sizes, several at a time, and what was not answered 202 again, under
 * the same ids, until it is.
 */
import { Agent } from 'node:http'
import { call } from './server.ts'
import type { Sending } from './traffic.ts'

/** Requests under way at once. */
export const concurrency = 4

export interface SenderOptions {
  /** Where the next request goes; asked for every attempt. */
  readonly url: () => string
  readonly keyOf: (sending: Sending) => string
  /** Before an attempt: waits where there is nobody to send to. */
  readonly beforeAttempt?: (request: number) => Promise<void>
  /** A request was answered 202. */
  readonly onAnswered?: (request: number, headers: Readonly<Record<string, string | string[] | undefined>>) => void
  /** Pause after a request that was not answered. */
  readonly pauseMs?: number
  readonly lanes?: number
  /** Asked before each request: true ends the sending; those begun are still brought through. */
  readonly enough?: () => boolean
}

/**
 * Resolves when every request was answered 202, with how many there were: the first so many of those given.
 * @throws where one is refused for what it holds
 */
export async function sendAll(requests: readonly (readonly Sending[])[], options: SenderOptions): Promise<number> {
  const { pauseMs = 5, lanes = concurrency } = options
  let next = 0
  const lane = async (): Promise<void> => {
    const agent = new Agent({ keepAlive: true })
    while (next < requests.length && !options.enough?.()) {
      const index = next++
      const request = requests[index] as readonly Sending[]
      const first = request[0] as Sending
      const body = request.length === 1 ? first.hit : request.map(({ hit }) => hit)
      for (;;) {
        await options.beforeAttempt?.(index)
        try {
          const key = options.keyOf(first)
          const reply = await call<{ accepted: number }>(`${options.url()}/v1/hits`, { key, body, agent })
          if (reply.status === 202) {
            if (reply.body.accepted !== request.length) throw new RefusedError(JSON.stringify(reply.body))
            options.onAnswered?.(index, reply.headers)
            break
          }
          if (reply.status !== 503 && reply.status !== 429) throw new RefusedError(JSON.stringify(reply))
        } catch (error) {
          if (error instanceof RefusedError) throw error
        }
        await new Promise((resolve) => setTimeout(resolve, pauseMs))
      }
    }
    agent.destroy()
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  return next
}

class RefusedError extends Error {}

/** Sendings of one shop in a row become one request: a fifth alone, the others up to `most` at a time. */
export function inRequests(sendings: readonly Sending[], random: () => number, most = 60): Sending[][] {
  const open = new Map<string, { batch: Sending[]; size: number }>()
  const requests: Sending[][] = []
  for (const sending of sendings) {
    let group = open.get(sending.shop.id)
    if (!group) {
      group = { batch: [], size: random() < 0.2 ? 1 : 1 + Math.floor(random() * most) }
      open.set(sending.shop.id, group)
    }
    group.batch.push(sending)
    if (group.batch.length >= group.size) {
      requests.push(group.batch)
      open.delete(sending.shop.id)
    }
  }
  for (const { batch } of open.values()) requests.push(batch)
  return requests
}
