/**
 * Hits by WebSocket beside the same hits by HTTP, to one collector with a durable answer to each frame and each request.
 * The clients are in threads of their own; both keep as much under way.
 */
import type { AddressInfo } from 'node:net'
import { Worker } from 'node:worker_threads'
import { benchKey, type CollectorWorld, collectorWorld, httpRequest, sampleHits } from './collector-world.ts'
import type { LoadOrder, LoadResult } from './load-client.ts'
import type { Bench } from './runner.ts'
import type { SocketOrder } from './socket-client.ts'

const durationMs = 2_000

let parts: { world: CollectorWorld; http: Worker; socket: Worker } | undefined

async function setup(): Promise<void> {
  const world = await collectorWorld()
  await world.app.listen({ port: 0, host: '127.0.0.1' })
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const worker = (name: string) => new Worker(new URL(`./${name}.${extension}`, import.meta.url))
  parts = { world, http: worker('load-client'), socket: worker('socket-client') }
}

async function teardown(): Promise<void> {
  await Promise.all([parts?.http.terminate(), parts?.socket.terminate()])
  await parts?.world.stop()
  parts = undefined
}

/** Answers per second to what one of the clients was told to do. */
async function measure(side: 'http' | 'socket', orderOf: (port: number) => LoadOrder | SocketOrder): Promise<number> {
  if (parts === undefined) throw new Error('setup has not run')
  const client = parts[side]
  const answered = new Promise<LoadResult>((resolve) => client.once('message', resolve))
  client.postMessage(orderOf((parts.world.app.server.address() as AddressInfo).port))
  const { answers, elapsedMs, failure } = await answered
  if (failure !== null) throw new Error(`${side}: ${failure}`)
  return (answers / elapsedMs) * 1_000
}

/** `underWay` requests on as many connections against as many frames on `sockets` connections. */
function socketBench(name: string, hits: number, underWay: number, sockets: number): Bench {
  const body = JSON.stringify(hits === 1 ? sampleHits(10)[0] : sampleHits(hits))
  const byHttp = (port: number): LoadOrder => ({
    port,
    request: httpRequest(body),
    connections: underWay,
    durationMs,
    status: 202,
  })
  const bySocket = (port: number): SocketOrder => ({
    port,
    key: benchKey,
    frame: Buffer.from(body),
    connections: sockets,
    window: underWay / sockets,
    durationMs,
    answer: `{"accepted":${hits},"rejected":[]`,
  })
  return {
    name,
    unit: 'hits/s',
    setup,
    teardown,
    control: { name: 'POST /v1/hits', run: async () => hits * (await measure('http', byHttp)) },
    candidate: { name: '/v1/hits/socket', run: async () => hits * (await measure('socket', bySocket)) },
  }
}

export const benches: readonly Bench[] = [
  socketBench('socket: 50 hits a frame', 50, 64, 4),
  socketBench('socket: one hit a frame', 1, 256, 8),
]
