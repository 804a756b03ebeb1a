/**
 * A remembered time series of 24 buckets × 3 metrics over HTTP, against a bare Fastify route that returns the same bytes.
 * Both listen on loopback in this process and are driven by the same client.
 */
import { createRequire } from 'node:module'
import Fastify, { type FastifyInstance } from 'fastify'
import { hourMs } from '../core/event-time.ts'
import type { MerchantId } from '../core/ids.ts'
import type { Merchant } from '../core/ports/control-store.ts'
import { createCells } from '../gateway/core/cells.ts'
import { createTimeSeries } from '../gateway/core/time-series.ts'
import { createVersions } from '../gateway/core/versions.ts'
import { timeSeriesRoutes } from '../gateway/http/routes/time-series.ts'
import type { Bench } from './runner.ts'

// The package has no types.
const autocannon = createRequire(import.meta.url)('autocannon') as (options: {
  readonly url: string
  readonly connections: number
  readonly duration: number
  readonly headers: Record<string, string>
}) => Promise<{ readonly non2xx: number; readonly errors: number; readonly requests: { readonly average: number } }>

const runSeconds = 2
const connections = 20
const authorization = 'Bearer the-key'
const now = Date.parse('2026-03-01T09:30:00Z')
const path = '/v1/merchants/shop/timeseries?metrics=hits,pageviews,visitors&interval=hour&from=2026-02-28&to=2026-02-28'

const merchant: Merchant = {
  id: 'shop' as MerchantId,
  name: 'Shop',
  timeZone: 'Europe/Berlin',
  currency: 'EUR',
  blockedNames: [],
  visitorSeed: '0123456789abcdef',
  retentionDays: null,
}

async function candidateApp(): Promise<FastifyInstance> {
  const clock = { now: () => now, monotonic: () => 0 }
  const versions = createVersions({
    store: { versionsSince: async () => ({ commit: 1, changes: [], reset: false, positions: [], generations: [] }) },
    timers: { after: () => () => {} },
  })
  await versions.start()
  const cells = createCells({
    engine: {
      visits: async () => [],
      hits: async ({ pieces }) =>
        pieces.map(({ bucket, start }) => ({
          bucket,
          values: [],
          other: false,
          hits: BigInt(10_000 + ((start / hourMs) % 900)),
          pageviews: BigInt(7_000 + ((start / hourMs) % 900)),
          orders: 12n,
          revenueMicros: 12_500_000n,
          visitors: { kept: 1_234, largest: 5n },
        })),
    },
    store: {
      tableView: async (table) => ({ table, snapshot: null, pending: [] }),
      derivedRanges: async () => [],
      erasedOf: async () => new Map(),
      versionsSince: async () => ({ commit: 1, changes: [], reset: false, positions: [], generations: [] }),
    },
    versions,
  })
  const timeSeries = createTimeSeries({
    cells,
    versions,
    freshness: { read: clock.now },
    clock,
    timers: { after: () => () => {} },
  })
  const holder = {
    key: {
      hash: '',
      merchant: merchant.id,
      kind: 'server' as const,
      rights: ['read' as const],
      origins: [],
      quota: null,
      tool: null,
    },
    merchant,
  }
  const keys = { find: () => holder, forgetMerchant: () => {}, clear: () => {} }
  const app = Fastify()
  await app.register(timeSeriesRoutes({ keys, timeSeries, store: { merchant: async () => merchant } }))
  return app
}

async function controlApp(body: string): Promise<FastifyInstance> {
  const app = Fastify()
  app.get('/v1/merchants/:merchant/timeseries', (_request, reply) => {
    reply.type('application/json; charset=utf-8').send(body)
  })
  return app
}

const listening: { candidate?: FastifyInstance; control?: FastifyInstance } = {}

async function requestsPerSecond(app: FastifyInstance | undefined): Promise<number> {
  const address = app?.server.address()
  if (address === null || typeof address !== 'object') throw new Error('not listening')
  const url = `http://127.0.0.1:${address.port}${path}`
  const result = await autocannon({ url, connections, duration: runSeconds, headers: { authorization } })
  if (result.non2xx > 0 || result.errors > 0) throw new Error(`${result.non2xx + result.errors} requests failed`)
  return result.requests.average
}

export const benches: readonly Bench[] = [
  {
    name: 'remembered time series, 24 buckets × 3 metrics',
    unit: 'requests/s',
    async setup() {
      const candidate = await candidateApp()
      const ask = () => candidate.inject({ url: path, headers: { authorization } })
      await ask()
      const { statusCode, body } = await ask()
      if (statusCode !== 200) throw new Error(`the route answers ${statusCode}: ${body}`)
      const control = await controlApp(body)
      for (const app of [candidate, control]) await app.listen({ port: 0, host: '127.0.0.1' })
      Object.assign(listening, { candidate, control })
    },
    async teardown() {
      await listening.candidate?.close()
      await listening.control?.close()
    },
    control: { name: 'a bare route with the same bytes', run: () => requestsPerSecond(listening.control) },
    candidate: { name: 'the route', run: () => requestsPerSecond(listening.candidate) },
  },
]
