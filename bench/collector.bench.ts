/**
 * What a durable acknowledgement costs beside the least a JSON API can do: a bare Fastify route that parses the same body
 * with JSON.parse and answers. The candidate checks key and hits, derives, encodes, appends to a real log on disk and
 * answers after fdatasync. Both are in this process; the client is in a thread of its own.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import Fastify, { type FastifyInstance } from 'fastify'
import { seededRandom } from '../core/adapters/memory/seeded-random.ts'
import { nodeDisk } from '../core/adapters/node/node-disk.ts'
import { systemClock, systemRandom, systemTimers } from '../core/adapters/node/system.ts'
import type { MerchantId } from '../core/ids.ts'
import { openSegmentLog } from '../core/log/segment-log.ts'
import type { HitLog } from '../core/ports/hit-log.ts'
import { createCollector } from '../gateway/core/accept-hits.ts'
import { createClientAddress } from '../gateway/core/client-address.ts'
import { createKeyDirectory, hashKey } from '../gateway/core/keys.ts'
import { createVisitorSalts } from '../gateway/core/visitor-salt.ts'
import { hitsRoutes } from '../gateway/http/routes/hits.ts'
import { createMemoryControlStore } from '../lakehouse/adapters/memory/memory-control-store.ts'
import type { LoadOrder, LoadResult } from './load-client.ts'
import type { Bench } from './runner.ts'

const key = 'hl_w_bench'
const durationMs = 2_000
/** Hits that are trimmed away now and then, so that a bench leaves the disk as it is. */
const keptRecords = 50_000

let servers: { bare: FastifyInstance; hitlake: FastifyInstance; client: Worker; stop(): Promise<void> } | undefined

async function setup(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'hitlake-bench-'))
  const log = await openSegmentLog({
    disk: nodeDisk(folder),
    folder: 'log',
    timers: systemTimers,
    random: systemRandom,
  })
  const hitlake = await hitlakeServer(log)
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
      await Promise.all([bare.close(), hitlake.close()])
      await log.close()
      rmSync(folder, { recursive: true })
    },
  }
}

async function hitlakeServer(log: HitLog): Promise<FastifyInstance> {
  const store = createMemoryControlStore()
  const merchant = 'bench' as MerchantId
  await store.createMerchant(
    { id: merchant, name: 'Bench', timeZone: 'Europe/Berlin', currency: 'EUR', blockedNames: [], visitorSeed: '00' },
    [{ hash: hashKey(key), merchant, kind: 'browser', rights: ['write'] }],
  )
  const salts = createVisitorSalts({ store, clock: systemClock, timers: systemTimers, random: systemRandom })
  await salts.load(systemClock.now())
  const app = Fastify()
  await app.register(
    hitsRoutes({
      collector: createCollector({ clock: systemClock, random: systemRandom, log, salts }),
      keys: createKeyDirectory({ store, clock: systemClock }),
      timers: systemTimers,
      clientAddress: createClientAddress([]),
    }),
  )
  let trimmed = 0
  log.onDurable((durable) => {
    if (durable - trimmed < 2 * keptRecords) return
    trimmed = durable - keptRecords
    void log.trim(trimmed as typeof durable)
  })
  return app
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

/** Hits as a tracker sends them; every tenth an order with revenue and items. */
function sampleHits(count: number): unknown[] {
  const random = seededRandom(7)
  const now = Date.now()
  return Array.from({ length: count }, (_, i) => ({
    id: Buffer.from(random.bytes(12)).toString('hex'),
    name: i % 10 === 9 ? 'purchase' : 'page_view',
    time: new Date(now - 1000 * random.below(60)).toISOString(),
    visitor: Buffer.from(random.bytes(8)).toString('hex'),
    session: Buffer.from(random.bytes(8)).toString('hex'),
    url: `https://shop.example/products/${random.below(5000)}?utm_source=newsletter`,
    referrer: 'https://www.example.org/search',
    title: `Product ${random.below(5000)}`,
    props: { load_ms: random.below(3000), theme: 'dark', member: random.below(2) === 1 },
    context: { language: 'de-DE', screen: '1920x1080' },
    ...(i % 10 === 9 && {
      revenue: { amount: (random.below(100_000) / 100).toFixed(2), currency: 'EUR' },
      items: [{ id: `sku-${random.below(5000)}`, name: 'Blue shirt', quantity: 1, price: 19.99 }],
    }),
  }))
}

function httpRequest(body: string): Buffer {
  const head = [
    'POST /v1/hits HTTP/1.1',
    'host: 127.0.0.1',
    `authorization: Bearer ${key}`,
    'content-type: application/json',
    'user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36',
    'accept-language: de-DE,de;q=0.9,en;q=0.8',
    `content-length: ${Buffer.byteLength(body)}`,
  ]
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`)
}

function collectorBench(name: string, hits: number, connections: number, goal: number): Bench {
  const request = httpRequest(JSON.stringify(hits === 1 ? sampleHits(10)[0] : sampleHits(hits)))
  const hitsPerSecond = async (side: 'bare' | 'hitlake') => hits * (await measure(side, request, connections))
  return {
    name,
    unit: 'hits/s',
    goal,
    setup,
    teardown: async () => servers?.stop(),
    control: { name: 'bare Fastify route, JSON.parse', run: () => hitsPerSecond('bare') },
    candidate: { name: 'POST /v1/hits with durable answer', run: () => hitsPerSecond('hitlake') },
  }
}

export const benches: readonly Bench[] = [
  collectorBench('collector: batches of 50', 50, 64, 0.6),
  collectorBench('collector: single hits', 1, 256, 0.8),
]
