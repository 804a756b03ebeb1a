/**
 * The HTTP side of a process, whatever its role: limits, problem documents, orderly closing, health and metrics; the routes
 * of the role come in as plugins (`http/routes/`). Never listens: whoever built the parts decides where, and tests ask it
 * without a socket.
 */
import { createServer } from 'node:http'
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyPluginAsync,
  type FastifyPluginCallback,
  LogController,
} from 'fastify'
import type { Timers } from '../core/ports/clock.ts'
import { ProblemError } from './core/problem.ts'
import type { Readiness } from './core/readiness.ts'
import { defaultConnectionsPerAddress, limitConnections } from './http/plugins/connection-limit.ts'
import type { Metrics } from './http/plugins/metrics.ts'
import { problemDetails, refuseAddress, refuseClient } from './http/plugins/problem-details.ts'
import { measureRequests } from './http/plugins/request-duration.ts'
import { docsRoutes } from './http/routes/docs.ts'
import { healthRoutes } from './http/routes/health.ts'
import { metricsRoutes } from './http/routes/metrics.ts'

/** A request that has not arrived whole by then is 408. Fastify itself would wait for ever. */
export const defaultRequestTimeoutMs = 15_000
/** How often Node looks for requests over their time; its own default of 30 s would let 15 s be 45. */
export const requestTimeoutCheckMs = 1_000
export const defaultBodyMaxBytes = 4 * 1_024 * 1_024
/** Headers of one request, all together. */
export const headersMaxBytes = 16 * 1_024

export interface AppLimits {
  readonly requestTimeoutMs?: number
  readonly bodyMaxBytes?: number
  readonly connectionsPerAddress?: number
  /** Addresses that are not limited: proxies, which speak for many clients. */
  readonly exemptFromConnectionLimit?: (address: string) => boolean
}

export interface AppParts {
  readonly limits?: AppLimits
  readonly timers: Timers
  /** Left out: nothing is logged. */
  readonly logger?: FastifyBaseLogger
  readonly readiness: Pick<Readiness, 'ready' | 'parts'>
  readonly metrics: Pick<Metrics, 'registry' | 'problem' | 'connectionsRefused'>
  /** What the role answers beside health and metrics; a worker or a maintenance process answers nothing else. */
  readonly plugins?: readonly (FastifyPluginAsync | FastifyPluginCallback)[]
}

/** Ready to `listen` or `inject`; `close` answers new requests with 503 `shutting_down` and waits for those under way. */
export async function buildApp(parts: AppParts): Promise<FastifyInstance> {
  const { limits = {}, metrics, readiness, logger, timers, plugins = [] } = parts
  const requestTimeoutMs = limits.requestTimeoutMs ?? defaultRequestTimeoutMs
  const app: FastifyInstance = Fastify({
    ...(logger === undefined ? { logger: false } : { loggerInstance: logger }),
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
        timers,
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
  for (const plugin of plugins) await app.register(plugin)
  // Last, and once: it describes whatever routes there are.
  await app.register(docsRoutes)
  await app.ready()
  return app
}
