/**
 * What a durable acknowledgement costs beside the least a JSON API can do: a bare Fastify route that parses the same body
 * with JSON.parse and answers. The candidate checks key and hits, derives, encodes, appends to a real log on disk and
 * answers after fdatasync. Both are in this process; the client is in a thread of its own.
 */
import type { AddressInfo } from 'node:net'
import { Worker } from 'node:worker_threads'
import Fastify, { type FastifyInstance } from 'fastify'
import { collectorWorld, httpRequest, sampleHits } from './collector-world.ts'
import type { LoadOrder, LoadResult } from './load-client.ts'
import type { Bench } from './runner.ts'

const durationMs = 2_000

let servers: { bare: FastifyInstance; hitlake: FastifyInstance; client: Worker; stop(): Promise<void> } | undefined

async function setup(): Promise<void> {
  const world = await collectorWorld()
  const hitlake = world.app
  const bare = Fastify()
  bare.removeAllContentTypeParsers()
  bare.addContentTypeParser('application/json', { parseAs: 'string', bodyLimit: 8_000_000 }, (_request, body, done) =>
    done(null, JSON.parse(body as string)),
  )
  bare.post('/v1/hits', (_request, reply) => reply.code(202).send({ accepted: 1, rejected: [] }))
  await Promise.all([bare, hitlake].map((app) => app.listen({ port: 0, host: '127.0.0.1' })))

  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const client = new Worker(new URL(`./load-client.${extension}`, import.meta.url))
  servers = {
    bare,
    hitlake,
    client,
    async stop() {
      await client.terminate()
      await Promise.all([bare.close(), world.stop()])
    },
  }
}

/** Answers per second of one server under one request. */
async function measure(side: 'bare' | 'hitlake', request: Buffer, connections: number): Promise<number> {
  if (servers === undefined) throw new Error('setup has not run')
  const { client } = servers
  const { port } = servers[side].server.address() as AddressInfo
  const answered = new Promise<LoadResult>((resolve) => client.once('message', resolve))
  client.postMessage({ port, request, connections, durationMs, status: 202 } satisfies LoadOrder)
  const { answers, elapsedMs, failure } = await answered
  if (failure !== null) throw new Error(`${side}: ${failure}`)
  return (answers / elapsedMs) * 1000
}

function collectorBench(name: string, hits: number, connections: number): Bench {
  const request = httpRequest(JSON.stringify(hits === 1 ? sampleHits(10)[0] : sampleHits(hits)))
  const hitsPerSecond = async (side: 'bare' | 'hitlake') => hits * (await measure(side, request, connections))
  return {
    name,
    unit: 'hits/s',
    setup,
    teardown: async () => servers?.stop(),
    control: { name: 'bare Fastify route, JSON.parse', run: () => hitsPerSecond('bare') },
    candidate: { name: 'POST /v1/hits with durable answer', run: () => hitsPerSecond('hitlake') },
  }
}

export const benches: readonly Bench[] = [
  collectorBench('collector: batches of 50', 50, 64),
  collectorBench('collector: single hits', 1, 256),
]
