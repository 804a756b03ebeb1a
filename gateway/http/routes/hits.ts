/**
 * `POST /v1/hits`: where hits enter. Reads key and body, hands both to the collector, and answers 202 once the hits are
 * durable; the header `Hitlake-Durability` says where. The path of a good request has no asynchronous step but the body's
 * arrival and the log's sync, and in a cluster Kafka's word.
 */
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { Timers } from '../../../core/ports/clock.ts'
import type { KeyHolder } from '../../../core/ports/control-store.ts'
import type { AcceptReply, Collector } from '../../core/accept-hits.ts'
import type { ClientAddress } from '../../core/client-address.ts'
import { clientHintsOf } from '../../core/client-hints.ts'
import { authorizeKey, bearerKey, type KeyDirectory } from '../../core/keys.ts'
import { ProblemError } from '../../core/problem.ts'
import { type BodyLimits, defaultBodyMaxBytes, defaultBodyMaxMs, type ParsedBody, readJsonBody } from '../body.ts'

export interface HitsRoutesOptions {
  readonly collector: Collector
  readonly keys: KeyDirectory
  readonly timers: Timers
  readonly clientAddress: ClientAddress
  readonly limits?: { readonly bodyMaxBytes?: number; readonly bodyMaxMs?: number }
}

const jsonType = 'application/json; charset=utf-8'

/** The plugin of the collecting routes. Its content types are its own: other routes keep theirs. */
export function hitsRoutes(options: HitsRoutesOptions): FastifyPluginAsync {
  const { collector, keys, timers, clientAddress } = options
  const limits: BodyLimits = {
    maxBytes: options.limits?.bodyMaxBytes ?? defaultBodyMaxBytes,
    maxMs: options.limits?.bodyMaxMs ?? defaultBodyMaxMs,
  }

  const accept = (request: FastifyRequest, body: ParsedBody, holder: KeyHolder): Promise<AcceptReply> => {
    const { headers } = request
    const forwardedFor = headers['x-forwarded-for']
    return collector.accept({
      body: body.json,
      text: body.text,
      holder,
      address: clientAddress(
        request.socket.remoteAddress,
        Array.isArray(forwardedFor) ? forwardedFor.join(',') : forwardedFor,
      ),
      userAgent: headers['user-agent'],
      language: headers['accept-language'],
      clientHints: clientHintsOf(headers),
    })
  }

  return async (app) => {
    app.removeAllContentTypeParsers()
    // Beacons send text/plain, which needs no preflight; the content is JSON all the same.
    app.addContentTypeParser(['application/json', 'text/plain'], (request, payload, done) => {
      if (!isUtf8Charset(request.headers['content-type'])) {
        done(new ProblemError(415, 'bad_content_type', 'the body must be UTF-8'))
      } else readJsonBody(payload, timers, limits, done)
    })
    app.addContentTypeParser('*', (_request, _payload, done) => {
      done(new ProblemError(415, 'bad_content_type', 'send application/json or text/plain'))
    })

    app.decorateRequest('writeKeyHolder', null)

    app.post(
      '/v1/hits',
      {
        // Before the body: who may not write is not read from.
        onRequest(request, _reply, done) {
          const holder = authorizeKey(keys, keyOf(request), 'write')
          if (!(holder instanceof Promise)) {
            request.writeKeyHolder = holder
            return done()
          }
          holder.then(
            (found) => {
              request.writeKeyHolder = found
              done()
            },
            (error: Error) => done(error),
          )
        },
      },
      (request, reply) => {
        const holder = request.writeKeyHolder
        if (holder === null) throw new ProblemError(401, 'no_key', 'send a key: Authorization: Bearer <key>')
        const body = request.body as ParsedBody | undefined
        if (body === undefined) throw new ProblemError(400, 'bad_json', 'the body is empty')
        // Not returned: Fastify would wait for the reply as for a promise, which costs as much as the hit.
        const answer = accept(request, body, holder)
        // While the disk syncs, thousands of parsed hits would outlive the young generation for nobody.
        request.body = undefined
        answer.then(
          (accepted) => send(reply, accepted),
          (error: Error) => reply.send(error),
        )
      },
    )
  }
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Whose key brought the request, with the right to write; set by the collecting routes. */
    writeKeyHolder: KeyHolder | null
  }
}

/** Browsers cannot set headers on beacons, so a write key may come in the address. */
function keyOf(request: FastifyRequest): string | undefined {
  const { authorization } = request.headers
  if (authorization !== undefined) return bearerKey(authorization)
  const { key } = request.query as { readonly key?: string | readonly string[] }
  return typeof key === 'string' ? key : undefined
}

const nothingRejected = '"rejected":[]}'

function send(reply: FastifyReply, { status, accepted, rejected, durability }: AcceptReply): void {
  if (status === 400) {
    const detail = 'no hit was accepted; rejected says why, hit by hit'
    reply.send(new ProblemError(400, 'nothing_accepted', detail, { accepted, rejected }))
    return
  }
  const rest = rejected.length === 0 ? nothingRejected : `"rejected":${JSON.stringify(rejected)}}`
  reply
    .code(202)
    .header('content-type', jsonType)
    .header('hitlake-durability', durability)
    .send(`{"accepted":${accepted},${rest}`)
}

function isUtf8Charset(contentType: string | undefined): boolean {
  const charset = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(contentType ?? '')?.[1]
  return charset === undefined || /^(utf-?8|us-ascii)$/i.test(charset)
}
