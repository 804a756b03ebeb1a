/**
 * At most so many connections from one address at once, so that one client cannot take the server's files from all
 * others. A connection too many gets 503 `too_many_connections` and never reaches the HTTP parser.
 */
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Timers } from '../../../core/ports/clock.ts'
import { rawProblem } from './problem-details.ts'

export const defaultConnectionsPerAddress = 200
/** A refused connection is closed by then, its client read the answer or not. */
export const refusalLingerMs = 1_000

export interface ConnectionLimitOptions {
  readonly timers: Timers
  readonly perAddress?: number
  /** Addresses that speak for many clients (trusted proxies) and are not limited. */
  readonly exempt?: (address: string) => boolean
  readonly onRefused?: () => void
}

/** Puts the limit in front of the server's own handling. The memory is one counter per address that is connected. */
export function limitConnections(server: Server, options: ConnectionLimitOptions): void {
  const { timers, exempt, onRefused } = options
  const perAddress = options.perAddress ?? defaultConnectionsPerAddress
  const open = new Map<string, number>()
  const refusal = rawProblem({
    status: 503,
    code: 'too_many_connections',
    detail: `more than ${perAddress} connections from this address; reuse those that are open`,
    retryAfterSeconds: 1,
  })

  const serve = server.listeners('connection') as ((socket: Socket) => void)[]
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress
    if (address !== undefined && !exempt?.(address)) {
      const count = open.get(address) ?? 0
      if (count >= perAddress) {
        onRefused?.()
        refuse(socket)
        return
      }
      open.set(address, count + 1)
      socket.once('close', () => {
        const left = (open.get(address) ?? 1) - 1
        if (left === 0) open.delete(address)
        else open.set(address, left)
      })
    }
    for (const listener of serve) listener.call(server, socket)
  })

  function refuse(socket: Socket): void {
    const cancel = timers.after(refusalLingerMs, () => socket.destroy())
    socket.once('close', cancel)
    socket.on('error', () => socket.destroy())
    // What the client sends is read and dropped: closing over unread bytes would reset the answer away.
    socket.once('end', () => socket.destroy())
    socket.resume()
    socket.end(refusal)
  }
}
