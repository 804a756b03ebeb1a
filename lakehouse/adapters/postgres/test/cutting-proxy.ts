/**
 * Test support: a way to a server that can be cut at the moment that matters. The server and the client are real; only the
 * wire between them breaks.
 */

import type { AddressInfo } from 'node:net'
import { createServer, type Socket, connect as tcpConnect } from 'node:net'

/** `before`: the server never gets the statement; `after`: it does it, and the client never hears; `stall`: nothing more passes. */
export type Cut = 'before' | 'after' | 'stall'

export interface CuttingProxy {
  /** The server's address by way of the proxy. */
  readonly url: string
  /** Breaks the next connection on which the client sends `text`. */
  cutAt(text: string, cut: Cut): void
  close(): Promise<void>
}

export async function cuttingProxy(server: string): Promise<CuttingProxy> {
  const target = new URL(server)
  const sockets = new Set<Socket>()
  let planned: { readonly text: string; readonly cut: Cut } | undefined

  const listener = createServer((client) => {
    const upstream = tcpConnect(Number(target.port), target.hostname)
    let deaf = false
    let stalled = false
    const end = () => {
      client.destroy()
      upstream.destroy()
    }
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', end)
      socket.on('close', () => {
        sockets.delete(socket)
        end()
      })
    }
    client.on('data', (bytes) => {
      if (stalled) return
      if (planned !== undefined && bytes.includes(planned.text)) {
        const { cut } = planned
        planned = undefined
        if (cut === 'before') return end()
        if (cut === 'stall') {
          stalled = true
          return
        }
        deaf = true
      }
      upstream.write(bytes)
    })
    upstream.on('data', (bytes) => {
      // Its answer: what it was asked is done.
      if (deaf) end()
      else client.write(bytes)
    })
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const url = new URL(server)
  url.port = String((listener.address() as AddressInfo).port)
  return {
    url: url.href,
    cutAt(text, cut) {
      planned = { text, cut }
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => listener.close(resolve))
    },
  }
}
