/** `/metrics`: what the process counts, in Prometheus' text format. Needs no key: it names no merchant. */
import type { FastifyPluginCallback } from 'fastify'
import type { Registry } from 'prom-client'

export const metricsRoutes: FastifyPluginCallback<{ readonly registry: Registry }> = (app, { registry }, done) => {
  app.get('/metrics', async (_request, reply) => {
    const text = await registry.metrics()
    return reply.header('cache-control', 'no-store').type(registry.contentType).send(text)
  })
  done()
}
