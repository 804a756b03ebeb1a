/**
 * `/livez`: the event loop turns; whoever gets no answer restarts the process. `/readyz`: the process can do its work, or
 * which part cannot; whoever gets 503 sends traffic elsewhere. Neither needs a key, and neither tells of merchants.
 */
import type { FastifyPluginCallback } from 'fastify'
import { ProblemError } from '../../core/problem.ts'
import type { Readiness } from '../../core/readiness.ts'

export const healthRoutes: FastifyPluginCallback<{ readonly readiness: Pick<Readiness, 'ready' | 'parts'> }> = (
  app,
  { readiness },
  done,
) => {
  app.get('/livez', (_request, reply) => reply.header('cache-control', 'no-store').send({ alive: true }))

  app.get('/readyz', (_request, reply) => {
    const parts = readiness.parts()
    if (readiness.ready()) return reply.header('cache-control', 'no-store').send({ ready: true, parts })
    const failing = Object.entries(parts).flatMap(([part, state]) => (state.ok ? [] : [`${part} ${state.reason}`]))
    throw new ProblemError(503, 'not_ready', failing.join('; '), { ready: false, parts })
  })
  done()
}
