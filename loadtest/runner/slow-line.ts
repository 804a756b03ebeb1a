/** A line to the server that carries so many bytes a second each way, for clients in a tunnel. Loopback to loopback. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** Connections at once; further ones are turned away. */
export const maxSlowConnections = 1_000
const sliceMs = 100

export interface SlowLine {
  readonly url: string
  close(): Promise<void>
}

/** @param maxConnections further ones are closed at once */
export async function openSlowLine(
  to: string,
  bytesPerSecond: number,
  maxConnections = maxSlowConnections,
): Promise<SlowLine> {
  const { hostname, port } = new URL(to)
  const sockets = new Set<Socket>()
  // Half open: a client that has said all still waits for the answer.
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        sockets.delete(socket)
        // One that ended in order leaves the other to deliver what is still on the line.
        if (!socket.readableEnded) other.destroy()
      })
      trickle(socket, other, Math.max(1, Math.round((bytesPerSecond * sliceMs) / 1_000)))
    }
  })
  server.maxConnections = maxConnections
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

/** Hands over `sliceBytes` every 100 ms; reads no more before a chunk is through, so nothing piles up here. */
function trickle(from: Socket, to: Socket, sliceBytes: number): void {
  let state: 'idle' | 'under way' | 'last' = 'idle'
  from.on('data', (chunk: Buffer) => {
    from.pause()
    state = 'under way'
    let at = 0
    const hand = () => {
      if (to.destroyed) {
        from.destroy()
        return
      }
      if (at < chunk.length) {
        to.write(chunk.subarray(at, at + sliceBytes))
        at += sliceBytes
        setTimeout(hand, sliceMs)
      } else if (state === 'last') to.end()
      else {
        state = 'idle'
        from.resume()
      }
    }
    hand()
  })
  // Told of even while paused: what is under way goes first.
  from.on('end', () => {
    if (state === 'idle') to.end()
    else state = 'last'
  })
}
