/**
 * A client that keeps `connections` keep-alive connections busy with one prepared request, one at a time on each, and
 * counts whole answers. Runs as a worker thread, so that it costs the server's thread nothing.
 */
import { connect, type Socket } from 'node:net'
import { parentPort } from 'node:worker_threads'

/** What to do, and what came of it. */
export interface LoadOrder {
  readonly port: number
  readonly request: Uint8Array
  readonly connections: number
  readonly durationMs: number
  /** The status every answer must have. */
  readonly status: number
}
export interface LoadResult {
  readonly answers: number
  readonly elapsedMs: number
  readonly failure: string | null
}

parentPort?.on('message', async (order: LoadOrder) => {
  parentPort?.postMessage(await load(order))
})

async function load(order: LoadOrder): Promise<LoadResult> {
  const state = { answers: 0, until: Number.POSITIVE_INFINITY, failure: null as string | null }
  const sockets = await Promise.all(Array.from({ length: order.connections }, () => open(order.port)))
  const began = performance.now()
  state.until = began + order.durationMs
  await Promise.all(sockets.map((socket) => drive(socket, order, state)))
  return { answers: state.answers, elapsedMs: performance.now() - began, failure: state.failure }
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    socket.once('connect', () => resolve(socket)).once('error', reject)
  })
}

function drive(
  socket: Socket,
  order: LoadOrder,
  state: { answers: number; until: number; failure: string | null },
): Promise<void> {
  return new Promise((resolve) => {
    let received = ''
    socket.on('error', (error) => {
      state.failure ??= error.message
    })
    socket.on('close', () => resolve())
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
      if (!isWhole(received)) return
      if (!received.startsWith(`HTTP/1.1 ${order.status}`)) state.failure ??= received.slice(0, 300)
      received = ''
      state.answers++
      if (state.failure !== null || performance.now() >= state.until) socket.destroy()
      else socket.write(order.request)
    })
    socket.write(order.request)
  })
}

function isWhole(answer: string): boolean {
  const head = answer.indexOf('\r\n\r\n')
  if (head < 0) return false
  const length = /content-length: (\d+)/i.exec(answer)?.[1]
  return answer.length >= head + 4 + Number(length ?? 0)
}
