/**
 * The HTTP side of the process, joined from parts and never listening: whoever built the parts decides where it listens,
 * and tests ask it without a socket. Collector and query routes come in as plugins.
 */
import { createServer } from 'node:http'
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyPluginAsync,
  type FastifyPluginCallback,
  LogController,
} from 'fastify'
import type { Random, Timers } from '../core/ports/clock.ts'
import type { ControlStore } from '../core/ports/control-store.ts'
import type { LakeReader } from '../core/ports/lake.ts'
import type { TableName } from '../core/tables.ts'
import type { Ledger } from './core/books.ts'
import type { KeyDirectory } from './core/keys.ts'
import { ProblemError } from './core/problem.ts'
import type { Readiness } from './core/readiness.ts'
import { defaultConnectionsPerAddress, limitConnections } from './http/plugins/connection-limit.ts'
import type { Metrics } from './http/plugins/metrics.ts'
import { problemDetails, refuseAddress, refuseClient } from './http/plugins/problem-details.ts'
import { measureRequests } from './http/plugins/request-duration.ts'
import { adminBooksRoutes } from './http/routes/admin-books.ts'
import { adminMerchantsRoutes } from './http/routes/admin-merchants.ts'
import { adminTablesRoutes } from './http/routes/admin-tables.ts'
import { healthRoutes } from './http/routes/health.ts'
import { metricsRoutes } from './http/routes/metrics.ts'

/** A request that has not arrived whole by then is 408. Fastify itself would wait for ever. */
export const defaultRequestTimeoutMs = 15_000
/** How often Node looks for requests over their time; its own default of 30 s would let 15 s be 45. */
export const requestTimeoutCheckMs = 1_000
export const defaultBodyMaxBytes = 4 * 1_024 * 1_024
/** Headers of one request, all together. */
export const headersMaxBytes = 16 * 1_024

export interface GatewayLimits {
  readonly requestTimeoutMs?: number
  readonly bodyMaxBytes?: number
  readonly connectionsPerAddress?: number
  /** Addresses that are not limited: proxies, which speak for many clients. */
  readonly exemptFromConnectionLimit?: (address: string) => boolean
}

export interface GatewayDeps {
  readonly limits?: GatewayLimits
  readonly timers: Timers
  readonly random: Random
  /** Left out: nothing is logged. */
  readonly logger?: FastifyBaseLogger
  readonly keys: KeyDirectory
  readonly store: Pick<
    ControlStore,
    'createMerchant' | 'updateMerchant' | 'merchant' | 'merchants' | 'addKey' | 'books'
  >
  readonly lake: Pick<LakeReader, 'snapshots'>
  readonly tables: readonly TableName[]
  readonly accounts: { readonly ledger: Ledger; readonly log: string; readonly job: string }
  readonly readiness: Readiness
  readonly metrics: Metrics
  readonly onMerchantChanged?: (id: string) => void
  /** Routes of the collector and of queries. */
  readonly plugins: readonly (FastifyPluginAsync | FastifyPluginCallback)[]
}

/** Ready to `listen` or `inject`; `close` answers new requests with 503 `shutting_down` and waits for those under way. */
export async function buildGateway(deps: GatewayDeps): Promise<FastifyInstance> {
  const { limits = {}, keys, store, metrics, readiness } = deps
  const requestTimeoutMs = limits.requestTimeoutMs ?? defaultRequestTimeoutMs
  const app: FastifyInstance = Fastify({
    ...(deps.logger === undefined ? { logger: false } : { loggerInstance: deps.logger }),
    // A line per request would cost more than the request; `/metrics` has the counts and times.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: limits.bodyMaxBytes ?? defaultBodyMaxBytes,
    requestTimeout: requestTimeoutMs,
    // Who the client is decides the collector, which knows the proxies; Fastify would believe any header.
    trustProxy: false,
    // Its own answer to requests while closing is not a problem document; ours is in the hook below.
    return503OnClosing: false,
    frameworkErrors: refuseAddress,
    clientErrorHandler: refuseClient,
    serverFactory(handler) {
      const server = createServer(
        {
          connectionsCheckingInterval: requestTimeoutCheckMs,
          requestTimeout: requestTimeoutMs,
          keepAliveTimeout: 72_000,
          maxHeaderSize: headersMaxBytes,
        },
        handler,
      )
      limitConnections(server, {
        timers: deps.timers,
        perAddress: limits.connectionsPerAddress ?? defaultConnectionsPerAddress,
        ...(limits.exemptFromConnectionLimit && { exempt: limits.exemptFromConnectionLimit }),
        onRefused: () => metrics.connectionsRefused.inc(),
      })
      return server
    },
  })
  app.removeContentTypeParser('text/plain')

  let closing = false
  app.addHook('preClose', (done) => {
    closing = true
    done()
  })
  app.addHook('onRequest', (_request, reply, done) => {
    reply.header('x-content-type-options', 'nosniff')
    if (closing) done(new ProblemError(503, 'shutting_down', 'the server is stopping; nothing of this was stored'))
    else done()
  })

  measureRequests(app, metrics.registry)
  await app.register(problemDetails, { onProblem: metrics.problem })
  await app.register(healthRoutes, { readiness })
  await app.register(metricsRoutes, { registry: metrics.registry })
  await app.register(adminMerchantsRoutes, {
    store,
    keys,
    random: deps.random,
    ...(deps.onMerchantChanged && { onChanged: deps.onMerchantChanged }),
  })
  await app.register(adminBooksRoutes, { store, keys, ...deps.accounts })
  await app.register(adminTablesRoutes, { lake: deps.lake, tables: deps.tables, keys })
  for (const plugin of deps.plugins) await app.register(plugin)
  await app.ready()
  return app
}
