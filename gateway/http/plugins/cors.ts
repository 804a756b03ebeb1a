/**
 * Cross-origin requests to the collecting routes (Fetch standard, CORS). A preflight carries no key, so it is answered for
 * every origin; whether the key may be used from there is decided at the request itself, whose refusal the page can read.
 *
 * Answers to server keys carry none of these headers, so that a page that was given one sees it fail while it is made.
 * The hits are stored all the same: a shop's own proxy passes the `Origin` of its pages on.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

/** How long a browser may remember the answer to a preflight; browsers cut it to 2 h and 24 h. */
export const preflightMaxAgeSeconds = 86_400

/** Answers preflights (and any other OPTIONS) at these addresses. */
export function answerPreflights(app: FastifyInstance, methodsOf: Readonly<Record<string, string>>): void {
  for (const [url, methods] of Object.entries(methodsOf)) {
    app.options(url, (request, reply) => {
      allowOrigin(request, reply)
      reply
        .code(204)
        .header('allow', `OPTIONS, ${methods}`)
        .header('access-control-allow-methods', methods)
        .header('access-control-allow-headers', 'authorization, content-type, content-encoding')
        .header('access-control-max-age', preflightMaxAgeSeconds)
        .send()
    })
  }
}

/** Lets the page that sent `request` read the answer. */
export function allowOrigin({ headers: { origin } }: FastifyRequest, reply: FastifyReply): void {
  if (origin === undefined) return
  reply
    .header('access-control-allow-origin', origin)
    // Beacons always go with credentials, and `*` is no answer to those. No cookie is ever read here.
    .header('access-control-allow-credentials', 'true')
    .header('access-control-expose-headers', 'hitlake-durability, ratelimit, ratelimit-policy, retry-after')
    .header('vary', 'origin')
}
