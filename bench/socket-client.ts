/**
 * A client that keeps `connections` WebSockets busy with one prepared frame, `window` of them under way on each, and counts
 * answers. It writes and reads the protocol by hand (RFC 6455): a client that costs more than the server measures itself.
 * Runs as a worker thread.
 */
import { connect, type Socket } from 'node:net'
import { parentPort } from 'node:worker_threads'
import type { LoadResult } from './load-client.ts'

export interface SocketOrder {
  readonly port: number
  readonly key: string
  readonly frame: Uint8Array
  readonly connections: number
  /** Frames under way on a connection. */
  readonly window: number
  readonly durationMs: number
  /** What every answer must begin with. */
  readonly answer: string
}

parentPort?.on('message', async (order: SocketOrder) => {
  parentPort?.postMessage(await load(order))
})

async function load(order: SocketOrder): Promise<LoadResult> {
  const state = { answers: 0, until: Number.POSITIVE_INFINITY, failure: null as string | null }
  const sockets = await Promise.all(Array.from({ length: order.connections }, () => open(order)))
  const began = performance.now()
  state.until = began + order.durationMs
  await Promise.all(sockets.map((socket) => drive(socket, order, state)))
  return { answers: state.answers, elapsedMs: performance.now() - began, failure: state.failure }
}

function open({ port, key }: SocketOrder): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    socket.once('error', reject)
    socket.once('data', (head) => {
      if (head.toString('latin1').startsWith('HTTP/1.1 101')) resolve(socket)
      else reject(new Error(head.toString('latin1').slice(0, 300)))
    })
    socket.write(
      `GET /v1/hits/socket?key=${key} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: Upgrade\r\nupgrade: websocket\r\n` +
        'sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    )
  })
}

function drive(
  socket: Socket,
  order: SocketOrder,
  state: { answers: number; until: number; failure: string | null },
): Promise<void> {
  const frame = masked(order.frame)
  const begins = Buffer.from(order.answer)
  return new Promise((resolve) => {
    let rest: Buffer = Buffer.alloc(0)
    socket.on('error', (error) => {
      state.failure ??= error.message
    })
    socket.on('close', () => resolve())
    socket.on('data', (chunk: Buffer) => {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      let at = 0
      let answers = 0
      for (let length = frameLength(bytes, at); length !== undefined; length = frameLength(bytes, at)) {
        const from = at + (length > 127 ? 4 : 2)
        if (bytes.compare(begins, 0, begins.length, from, from + begins.length) !== 0) {
          state.failure ??= bytes.toString('latin1', at, at + length)
        }
        at += length
        answers += 1
      }
      rest = bytes.subarray(at)
      state.answers += answers
      if (state.failure !== null || performance.now() >= state.until) socket.destroy()
      else if (answers > 0) socket.write(answers === 1 ? frame : Buffer.concat(Array<Buffer>(answers).fill(frame)))
    })
    socket.write(Buffer.concat(Array<Buffer>(order.window).fill(frame)))
  })
}

/** The bytes of the whole frame at `at`, its head included; undefined while it is not all there. Answers are below 64 KB. */
function frameLength(bytes: Buffer, at: number): number | undefined {
  if (bytes.length < at + 4) return undefined
  const short = (bytes[at + 1] ?? 0) & 0x7f
  const length = short === 126 ? 4 + bytes.readUInt16BE(at + 2) : 2 + short
  return bytes.length < at + length ? undefined : length
}

/** A text frame, masked as a client has to. */
function masked(payload: Uint8Array): Buffer {
  const { length } = payload
  const head = Buffer.from(length < 126 ? [0x81, 0x80 | length] : [0x81, 0x80 | 126, length >> 8, length & 0xff])
  if (length < 65_536) return Buffer.concat([head, Buffer.from([1, 2, 3, 4]), mask(payload)])
  const long = Buffer.alloc(10)
  long.writeUInt16BE(0x81ff, 0)
  long.writeBigUInt64BE(BigInt(length), 2)
  return Buffer.concat([long, Buffer.from([1, 2, 3, 4]), mask(payload)])
}

function mask(payload: Uint8Array): Uint8Array {
  return payload.map((byte, index) => byte ^ ((index & 3) + 1))
}
