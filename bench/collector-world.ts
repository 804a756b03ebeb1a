/** The collector as benches ask it: on a real log, with a key, hits as trackers send them, and requests of them. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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
import { createKeyQuotas } from '../gateway/core/quota.ts'
import { createVisitorSalts } from '../gateway/core/visitor-salt.ts'
import { hitsRoutes } from '../gateway/http/routes/hits.ts'
import { createMemoryControlStore } from '../lakehouse/adapters/memory/memory-control-store.ts'

export const benchKey = 'hl_w_bench'
/** Hits that are trimmed away now and then, so that a bench leaves the disk as it is. */
const keptRecords = 50_000

export interface CollectorWorld {
  /** Not listening yet. */
  readonly app: FastifyInstance
  stop(): Promise<void>
}

export async function collectorWorld(): Promise<CollectorWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'hitlake-bench-'))
  const log = await openSegmentLog({
    disk: nodeDisk(folder),
    folder: 'log',
    timers: systemTimers,
    random: systemRandom,
  })
  const app = await hitlakeServer(log)
  return {
    app,
    async stop() {
      await app.close()
      await log.close()
      rmSync(folder, { recursive: true })
    },
  }
}

async function hitlakeServer(log: HitLog): Promise<FastifyInstance> {
  const store = createMemoryControlStore()
  const merchant = 'bench' as MerchantId
  await store.createMerchant(
    {
      id: merchant,
      name: 'Bench',
      timeZone: 'Europe/Berlin',
      currency: 'EUR',
      blockedNames: [],
      visitorSeed: '00',
      retentionDays: null,
    },
    [{ hash: hashKey(benchKey), merchant, kind: 'browser', rights: ['write'], origins: [], quota: 1e9, tool: null }],
  )
  const salts = createVisitorSalts({ store, clock: systemClock, timers: systemTimers, random: systemRandom })
  await salts.load(systemClock.now())
  const app = Fastify()
  await app.register(
    hitsRoutes({
      collector: createCollector({
        clock: systemClock,
        random: systemRandom,
        log,
        salts,
        quotas: createKeyQuotas({ clock: systemClock }),
      }),
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

/** Hits as a tracker sends them; every tenth an order with revenue and items. */
export function sampleHits(count: number): unknown[] {
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

export function httpRequest(body: string): Buffer {
  const head = [
    'POST /v1/hits HTTP/1.1',
    'host: 127.0.0.1',
    `authorization: Bearer ${benchKey}`,
    'content-type: application/json',
    'user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36',
    'accept-language: de-DE,de;q=0.9,en;q=0.8',
    `content-length: ${Buffer.byteLength(body)}`,
  ]
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`)
}
