/**
 * Where hits enter: the plugin of the collecting routes, and `POST /v1/hits` itself. It reads key and body, hands both to
 * the collector, and answers 202 once the hits are durable; the header `Hitlake-Durability` says where. The path of a good
 * request has no asynchronous step but the body's arrival and the log's sync, and in a cluster Kafka's word.
 */
import type { FastifyInstance, FastifyPluginAsync, FastifyReply } from 'fastify'
import type { Timers } from '../../../core/ports/clock.ts'
import type { AcceptReply, Collector } from '../../core/accept-hits.ts'
import type { ClientAddress } from '../../core/client-address.ts'
import type { KeyDirectory } from '../../core/keys.ts'
import { ProblemError } from '../../core/problem.ts'
import { type BodyLimits, defaultBodyMaxBytes, defaultBodyMaxMs, type ParsedBody, readJsonBody } from '../body.ts'
import { admitWriters, senderOf, writeHolder } from '../plugins/collecting-access.ts'
import { answerPreflights } from '../plugins/cors.ts'
import { tellQuota } from '../plugins/quota.ts'
import { pixelRoute } from './hits-pixel.ts'
import { socketRoute } from './hits-socket.ts'
import { validateRoute } from './hits-validate.ts'

export interface HitsRoutesOptions {
  readonly collector: Collector
  readonly keys: KeyDirectory
  readonly timers: Timers
  readonly clientAddress: ClientAddress
  /** Told the code of each frame of a socket that is answered with an error. */
  readonly onSocketProblem?: (code: string) => void
  readonly limits?: { readonly bodyMaxBytes?: number; readonly bodyMaxMs?: number }
}

const jsonType = 'application/json; charset=utf-8'

/** The plugin of the collecting routes. Its content types are its own: other routes keep theirs. */
export function hitsRoutes(options: HitsRoutesOptions): FastifyPluginAsync {
  const { collector, clientAddress } = options
  return async (app) => {
    const onRequest = admitWriters(app, options.keys)
    readBodies(app, options)
    answerPreflights(app, { '/v1/hits': 'POST', '/v1/hits/validate': 'POST', '/v1/hits.gif': 'GET' })
    validateRoute(app, options, onRequest)
    pixelRoute(app, options, onRequest)
    await socketRoute(app, options, onRequest)

    app.post('/v1/hits', { onRequest }, (request, reply) => {
      const holder = writeHolder(request)
      const body = request.body as ParsedBody | undefined
      if (body === undefined) throw new ProblemError(400, 'bad_json', 'the body is empty')
      const sender = senderOf(request, clientAddress)
      // Not returned: Fastify would wait for the reply as for a promise, which costs as much as the hit.
      const answer = collector.accept({ body: body.json, text: body.text, holder, ...sender })
      tellQuota(reply, collector, holder.key)
      // While the disk syncs, thousands of parsed hits would outlive the young generation for nobody.
      request.body = undefined
      answer.then(
        (accepted) => send(reply, accepted),
        (error: Error) => reply.send(error),
      )
    })
  }
}

function readBodies(app: FastifyInstance, options: HitsRoutesOptions): void {
  const limits: BodyLimits = {
    maxBytes: options.limits?.bodyMaxBytes ?? defaultBodyMaxBytes,
    maxMs: options.limits?.bodyMaxMs ?? defaultBodyMaxMs,
  }
  app.removeAllContentTypeParsers()
  // Beacons send text/plain, which needs no preflight; the content is JSON all the same.
  app.addContentTypeParser(['application/json', 'text/plain'], (request, payload, done) => {
    if (!isUtf8Charset(request.headers['content-type'])) {
      done(new ProblemError(415, 'bad_content_type', 'the body must be UTF-8'))
    } else readJsonBody(payload, options.timers, limits, done)
  })
  app.addContentTypeParser('*', (_request, _payload, done) => {
    done(new ProblemError(415, 'bad_content_type', 'send application/json or text/plain'))
  })
}

/** The problem of a request whose hits were all rejected. */
export function nothingAccepted({ accepted, rejected }: AcceptReply): ProblemError {
  const detail = 'no hit was accepted; rejected says why, hit by hit'
  return new ProblemError(400, 'nothing_accepted', detail, { accepted, rejected })
}

const nothingRejected = '"rejected":[]}'

function send(reply: FastifyReply, answer: AcceptReply): void {
  if (answer.status === 400) {
    reply.send(nothingAccepted(answer))
    return
  }
  const { accepted, rejected, durability } = answer
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
